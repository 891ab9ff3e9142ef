//! Stage 3 of 6 · whether the page that asks for an upgrade may (R15).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Refusal;
use crate::head::Request;
use crate::route::{Origin, Scope};

/// Why whoever asks may not.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum BadOrigin {
    /// It does not say whose page it is.
    Missing,
    /// It says so twice, or what it says is no origin.
    Malformed,
    /// It is a page that is not listed.
    Foreign,
}

/// Whether a request for an upgrade, for which clients ask by that scheme, comes from who may ask for one
/// by what is said of its path.
pub(crate) fn admit_origin(
    request: &Request<'_, '_>,
    scheme: &str,
    scope: &Scope,
) -> Result<(), Refusal> {
    let Some(origins) = &scope.origins else { return Ok(()) };
    let judged = match request.fields.one("origin") {
        Ok(None) if origins.missing => Ok(()),
        Ok(None) => Err(BadOrigin::Missing),
        Ok(Some(value)) => {
            let own = request.authority.and_then(|authority| Origin::of(scheme, authority));
            match origins.admit(value, own.as_ref()) {
                Some(true) => Ok(()),
                Some(false) => Err(BadOrigin::Foreign),
                None => Err(BadOrigin::Malformed),
            }
        }
        Err(_) => Err(BadOrigin::Malformed),
    };
    judged.map_err(Refusal::Origin)
}

impl fmt::Display for BadOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "an upgrade must have an Origin here",
            Self::Malformed => "malformed Origin",
            Self::Foreign => "no upgrade for pages of this Origin",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::slots;
    use crate::route::{Origins, Pages};

    fn judged(missing: bool, fields: &str) -> Result<(), Refusal> {
        let head = format!("GET / HTTP/1.1\r\nHost: own:81\r\n{fields}\r\n");
        let mut slots = slots();
        let request = Request::parse(head.as_bytes(), &mut slots).unwrap();
        let scope = Scope {
            origins: Some(Origins { missing, pages: vec![Pages::Same] }),
            ..Scope::DEFAULT
        };
        assert_eq!(admit_origin(&request, "http", &Scope::DEFAULT), Ok(()), "nothing is said");
        admit_origin(&request, "http", &scope)
    }

    /// R15.
    #[test]
    fn one_good_origin_is_judged_and_anything_else_is_refused() {
        let no = |why| Err(Refusal::Origin(why));
        assert_eq!(judged(false, "Origin: http://OWN:81\r\n"), Ok(()));
        assert_eq!(judged(false, "Origin: https://own:81\r\n"), no(BadOrigin::Foreign));
        assert_eq!(judged(false, "Origin: null\r\n"), no(BadOrigin::Foreign));
        assert_eq!((judged(true, ""), judged(false, "")), (Ok(()), no(BadOrigin::Missing)));
        let twice = "Origin: http://own:81\r\nORIGIN: http://own:81\r\n";
        for bad in [twice, "Origin:\r\n", "Origin: http://own:81/\r\n", "Origin: \u{fc}\r\n"] {
            assert_eq!(judged(true, bad), no(BadOrigin::Malformed), "{bad}");
        }
    }
}
