//! Stage 3 of 6 · the fields without which a status makes no sense.

use super::Refusal;
use super::forward::{passes, wanted};
use crate::head::Response;
use crate::route::Upgrade;

/// What an answer of ours must say beside its status.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Needed {
    /// What `Upgrade` names (RFC 9110 §15.5.22); nothing if it is empty.
    pub(crate) protocols: Vec<u8>,
    /// Other fields: their names and values.
    pub(crate) fields: Vec<(&'static str, Vec<u8>)>,
}

impl Needed {
    /// What that refusal needs under a rule that accepts `upgrade`.
    pub(crate) fn by(refusal: Refusal, upgrade: &Upgrade) -> Self {
        if let Some(wait) = refusal.retry_after() {
            let seconds = wait.as_secs_ceil().max(1).to_string();
            Self { fields: vec![("Retry-After", seconds.into())], ..Self::default() }
        } else if refusal == Refusal::Version {
            let version = ("Sec-WebSocket-Version", b"13".to_vec());
            Self { protocols: b"websocket".to_vec(), fields: vec![version] }
        } else if refusal == Refusal::UpgradeRequired {
            let protocols = match upgrade {
                Upgrade::Tokens(tokens) => tokens.join(", "),
                Upgrade::Any | Upgrade::Always | Upgrade::Never => "WebSocket".into(),
            };
            Self { protocols: protocols.into(), ..Self::default() }
        } else {
            Self::default()
        }
    }

    /// What is kept of a backend's head whose status is said in our own words (`ProxyErrorOverride`):
    ///
    /// - `WWW-Authenticate` of a 401, without which nobody can log in (RFC 9110 §15.5.2),
    /// - `Allow` of a 405, which must have one (RFC 9110 §15.5.6),
    /// - `Upgrade` of a 426, which must have one (RFC 9110 §15.5.22), but never of HTTP itself (R8),
    /// - `Retry-After`, lest every client come again at once (RFC 9110 §10.2.3).
    pub(crate) fn kept(response: &Response<'_, '_>) -> Self {
        let (status, fields) = (response.status, &response.fields);
        let kept =
            [("WWW-Authenticate", status == 401), ("Allow", status == 405), ("Retry-After", true)];
        let kept = kept.into_iter().filter(|&(name, is_kept)| is_kept && passes(fields, name));
        let values = |name| fields.all(name).map(move |value| (name, value.to_vec()));
        Self {
            protocols: wanted(response),
            fields: kept.flat_map(|(name, _)| values(name)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::NoWorker;
    use crate::head::slots;
    use crate::time::Wait;

    const HEAD: &str = "Upgrade: h2c, foo\r\nUpgrade: bar\r\nWWW-Authenticate: Basic\r\n\
                        www-authenticate: Digest\r\nAllow: GET\r\nRetry-After: 7\r\nX: y\r\n\
                        Set-Cookie: a=b\r\nContent-Type: a/b\r\n";

    fn kept(status: u16, fields: &str) -> String {
        let head = format!("HTTP/1.1 {status} x\r\n{fields}\r\n");
        let mut slots = slots();
        text(&Needed::kept(&Response::parse(head.as_bytes(), &mut slots).unwrap()))
    }

    fn by(refusal: Refusal, upgrade: &Upgrade) -> String {
        text(&Needed::by(refusal, upgrade))
    }

    fn text(needed: &Needed) -> String {
        let line = |(name, value): &(&str, Vec<u8>)| format!("{name}: {}, ", value.escape_ascii());
        let fields: String = needed.fields.iter().map(line).collect();
        format!("{fields}{}", needed.protocols.escape_ascii())
    }

    #[test]
    fn a_status_keeps_what_it_makes_no_sense_without_and_nothing_else() {
        assert_eq!(kept(404, HEAD), "Retry-After: 7, ");
        assert_eq!(kept(405, HEAD), "Allow: GET, Retry-After: 7, ");
        assert_eq!(kept(426, HEAD), "Retry-After: 7, foo, bar");
        let both = "WWW-Authenticate: Basic, WWW-Authenticate: Digest, Retry-After: 7, ";
        assert_eq!(kept(401, HEAD), both);
        assert_eq!(kept(401, "X: y\r\n"), "");
        assert_eq!(kept(405, "Connection: Allow\r\nAllow: GET\r\n"), "", "a field of one hop");
    }

    /// R2, R53.
    #[test]
    fn our_own_refusals_say_what_would_do() {
        assert_eq!(by(Refusal::NoRule, &Upgrade::Any), "");
        assert_eq!(by(Refusal::Version, &Upgrade::Never), "Sec-WebSocket-Version: 13, websocket");
        let tokens = Upgrade::Tokens(vec!["foo".into(), "bar".into()]);
        assert_eq!(by(Refusal::UpgradeRequired, &tokens), "foo, bar");
        assert_eq!(by(Refusal::UpgradeRequired, &Upgrade::Any), "WebSocket");
        let after = |micros| {
            let resting = NoWorker::Resting(Wait::from_micros(micros));
            by(Refusal::NoWorker(resting), &Upgrade::Any)
        };
        assert_eq!(
            (after(1_200_000).as_str(), after(0).as_str()),
            ("Retry-After: 2, ", "Retry-After: 1, ")
        );
    }
}
