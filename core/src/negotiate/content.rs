//! Stage 3 of 6 · what must be clear before a request's body is taken: how long it is, and who says
//! that it may come.

use super::Refusal;
use crate::head::{Framing, Request, Version};
use crate::limits::Limits;
use crate::route::Scope;

/// Refuses a body that is too long (`LimitRequestBody`), or of which nobody can say how long it is.
///
/// In HTTP/1.1 no length means no body; in HTTP/1.0 the methods that bring one must say its length
/// (RFC 1945 §7.2.2), or what stands behind the head could be it, or the next request. A body in
/// chunks is counted as it comes.
pub(crate) fn admit(request: &Request<'_, '_>, limits: &Limits) -> Result<(), Refusal> {
    let brings = ["POST", "PUT", "PATCH"].contains(&request.method);
    let says = request.fields.has("content-length");
    match request.framing {
        Framing::Length(length) if length > limits.body_most => Err(Refusal::TooLarge),
        Framing::None if request.version == Version::Http10 && brings && !says => {
            Err(Refusal::NoLength)
        }
        Framing::None | Framing::Length(_) | Framing::Chunked | Framing::Close => Ok(()),
    }
}

/// Who tells the client by a 100 (Continue) that its body may come (RFC 9110 §10.1.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Consent {
    /// Nobody: it does not wait for that.
    None,
    /// The backend, to which the expectation goes on (`Proxy100Continue On`).
    Backend,
    /// We, once the backend is there and has our head (`Proxy100Continue Off`).
    Ours,
}

impl Consent {
    /// What the request's `Expect` asks for where that is said; any other expectation than the one that
    /// there is cannot be met (RFC 9110 §10.1.1).
    ///
    /// HTTP/1.0 knows no expectations, and who has no body waits for nothing: a backend that still
    /// heard of it would answer with a 100 that nobody waits for (R26).
    pub(crate) fn of(request: &Request<'_, '_>, scope: &Scope) -> Result<Self, Refusal> {
        if request.version == Version::Http10 {
            return Ok(Self::None);
        }
        let expected = request.fields.one("expect").map_err(|_| Refusal::Expectation)?;
        let Some(expected) = expected else { return Ok(Self::None) };
        if !expected.eq_ignore_ascii_case(b"100-continue") {
            return Err(Refusal::Expectation);
        }
        Ok(match (request.framing, scope.pass_expect) {
            (Framing::None, _) => Self::None,
            (_, true) => Self::Backend,
            (_, false) => Self::Ours,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::slots;

    fn parsed<T>(head: &str, look: impl FnOnce(&Request<'_, '_>) -> T) -> T {
        let mut slots = slots();
        look(&Request::parse(head.as_bytes(), &mut slots).unwrap())
    }

    fn head(line: &str, fields: &str) -> String {
        format!("{line}\r\nHost: h\r\n{fields}\r\n")
    }

    #[test]
    fn a_body_of_http_1_0_has_a_length() {
        let admitted = |line: &str, fields: &str| {
            parsed(&head(line, fields), |request| admit(request, &Limits::DEFAULT))
        };
        for method in ["POST", "PUT", "PATCH"] {
            let line = format!("{method} / HTTP/1.0");
            assert_eq!(admitted(&line, ""), Err(Refusal::NoLength));
            assert_eq!(admitted(&line, "Content-Length: 0\r\n"), Ok(()));
            assert_eq!(admitted(&line, "Content-Length: 5\r\n"), Ok(()));
            assert_eq!(admitted(&line.replace("1.0", "1.1"), ""), Ok(()), "there is none");
        }
        for method in ["GET", "HEAD", "DELETE", "OPTIONS"] {
            assert_eq!(admitted(&format!("{method} / HTTP/1.0"), ""), Ok(()));
        }
    }

    #[test]
    fn a_body_is_as_long_as_it_may_be() {
        let limits = Limits { body_most: 5, ..Limits::DEFAULT };
        let admitted = |fields: &str, limits: &Limits| {
            parsed(&head("POST / HTTP/1.1", fields), |request| admit(request, limits))
        };
        assert_eq!(admitted("Content-Length: 5\r\n", &limits), Ok(()));
        assert_eq!(admitted("Content-Length: 6\r\n", &limits), Err(Refusal::TooLarge));
        let most = "Content-Length: 9223372036854775807\r\n";
        assert_eq!(admitted(most, &limits), Err(Refusal::TooLarge));
        assert_eq!(admitted(most, &Limits::DEFAULT), Ok(()), "no limit");
        assert_eq!(admitted("Transfer-Encoding: chunked\r\n", &limits), Ok(()), "not known yet");
    }

    fn consent(line: &str, fields: &str, pass_expect: bool) -> Result<Consent, Refusal> {
        let scope = Scope { pass_expect, ..Scope::DEFAULT };
        parsed(&head(line, fields), |request| Consent::of(request, &scope))
    }

    /// R26.
    #[test]
    fn the_one_expectation_goes_to_who_can_meet_it() {
        let (post, expect) = ("POST / HTTP/1.1", "Expect: 100-Continue\r\n");
        for body in ["Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"] {
            let fields = [expect, body].concat();
            assert_eq!(consent(post, &fields, true), Ok(Consent::Backend));
            assert_eq!(consent(post, &fields, false), Ok(Consent::Ours));
            assert_eq!(consent(post, body, true), Ok(Consent::None));
        }
        assert_eq!(consent(post, expect, true), Ok(Consent::None), "there is no body");
        assert_eq!(
            consent(post, &format!("{expect}Content-Length: 0\r\n"), true),
            Ok(Consent::None)
        );
        let old = format!("{expect}Content-Length: 5\r\n");
        assert_eq!(consent("POST / HTTP/1.0", &old, false), Ok(Consent::None));
    }

    #[test]
    fn another_expectation_cannot_be_met() {
        for expect in ["x", "", "100-continue, 100-continue", "100-continue;a=b", "100"] {
            let fields = format!("Expect: {expect}\r\n");
            assert_eq!(consent("GET / HTTP/1.1", &fields, true), Err(Refusal::Expectation));
            assert_eq!(consent("GET / HTTP/1.0", &fields, true), Ok(Consent::None), "not known");
        }
        let twice = "Expect: 100-continue\r\n".repeat(2);
        assert_eq!(consent("GET / HTTP/1.1", &twice, true), Err(Refusal::Expectation));
    }
}
