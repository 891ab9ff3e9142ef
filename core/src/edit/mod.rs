//! Stage 3 of 6 · what the configuration makes of the heads that pass: variables, edits, URLs of ours for
//! those of a backend.
//!
//! [`known`] is what can be asked of a request, [`value`] a text with holes for the answers, [`vars`] the
//! variables that a request gets by them (`SetEnvIf`), [`field`] what is done to a list of fields
//! (`RequestHeader`, `Header`), [`interpolate`] puts variables into URLs. [`reverse`] and [`cookie`] put our names in place of a backend's
//! (`ProxyPassReverse`). All of that is plain data, made by [`config`](crate::config); [`changes`] is what
//! of it concerns one request, worked out once, before it is routed, and carried out on each of its heads.

pub mod changes;
pub mod cookie;
pub mod field;
pub mod interpolate;
pub mod known;
pub mod reverse;
pub mod value;
pub mod vars;

pub use changes::{Asked, Changes, Editor};
pub use cookie::Cookie;
pub use field::{Action, Edit, Field, When};
pub use known::{Fact, Known};
pub use reverse::{Origin, Real, Reverse};
pub use value::{BadValue, Now, Part, Value};
pub use vars::{Assign, Attribute, Condition, SetVars, Vars};

use crate::route::Pattern;

/// Everything that a host makes of the heads of its requests, each list in the order in which it is done.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Heads {
    /// `SetEnvIf` and its like.
    pub conditional: Vec<Of<SetVars>>,
    /// `SetEnv`, `UnsetEnv` and `PassEnv`, which come after them.
    pub fixed: Vec<Of<SetVars>>,
    /// `RequestHeader`.
    pub request: Vec<Of<Edit>>,
    /// `Header`.
    pub response: Vec<Of<Edit>>,
    /// `ProxyPassReverse`: the first that matches counts.
    pub reverse: Vec<Of<Reverse>>,
    /// `ProxyPassReverseCookieDomain` and `ProxyPassReverseCookiePath`, likewise.
    pub cookies: Vec<Of<Cookie>>,
}

impl Heads {
    /// What several places of a configuration say together: first all that is said of every path, then what
    /// is said of some.
    pub fn all_of(places: &[&Self]) -> Self {
        Self {
            conditional: together(places, |heads| &heads.conditional),
            fixed: together(places, |heads| &heads.fixed),
            request: together(places, |heads| &heads.request),
            response: together(places, |heads| &heads.response),
            reverse: together(places, |heads| &heads.reverse),
            cookies: together(places, |heads| &heads.cookies),
        }
    }

    /// Whether nothing is made of any head.
    pub fn is_empty(&self) -> bool {
        self.changes_no_request() && self.response.is_empty() && self.maps_nothing()
    }

    /// The variables of a request.
    pub fn vars(&self, known: &Known<'_>) -> Vars {
        let mut vars = Vars::default();
        self.setting_vars(known.path()).for_each(|line| line.apply(known, &mut vars));
        vars
    }

    /// The lines that may set variables of a request for that path, in the order in which they do.
    pub fn setting_vars(&self, path: &[u8]) -> impl Iterator<Item = &SetVars> {
        self.conditional.iter().chain(&self.fixed).filter_map(move |line| line.on(path))
    }

    fn changes_no_request(&self) -> bool {
        self.conditional.is_empty() && self.fixed.is_empty() && self.request.is_empty()
    }

    fn maps_nothing(&self) -> bool {
        self.reverse.is_empty() && self.cookies.is_empty()
    }
}

fn together<T: Clone>(places: &[&Heads], list: fn(&Heads) -> &Vec<Of<T>>) -> Vec<Of<T>> {
    let all = || places.iter().flat_map(|heads| list(heads));
    let (of_every_path, of_some) =
        (|of: &&Of<T>| of.paths.is_none(), |of: &&Of<T>| of.paths.is_some());
    all().filter(of_every_path).chain(all().filter(of_some)).cloned().collect()
}

/// Something that is said of some paths.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Of<T> {
    /// Which paths: every one, and a target that is no path (`OPTIONS *`), if it does not say.
    pub paths: Option<Pattern>,
    /// What is said of them.
    pub says: T,
}

impl<T> Of<T> {
    /// What it says of that path, if it says anything.
    fn on(&self, path: &[u8]) -> Option<&T> {
        self.paths.as_ref().is_none_or(|paths| paths.has(path)).then_some(&self.says)
    }
}

#[cfg(test)]
mod tests {
    use super::Heads;
    use crate::config::testing::good;

    /// Nothing is worked out for a request where nothing is said.
    #[test]
    fn a_configuration_that_says_nothing_of_heads_changes_none() {
        assert!(Heads::default().is_empty());
        let lines = [
            "SetEnvIf a b c",
            "SetEnv a b",
            "RequestHeader unset a",
            "Header unset a",
            "ProxyPassReverse / http://b/",
            "ProxyPassReverseCookiePath / /a",
        ];
        for line in lines {
            assert!(!good(line).rules.main().heads.is_empty(), "{line}");
        }
    }
}
