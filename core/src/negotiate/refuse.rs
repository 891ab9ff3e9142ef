//! Stage 3 of 6 · why we say no, and the bytes that say it.

use std::fmt;

use super::forward::After;
use super::{NoHop, Nonsense};
use crate::head::{BadHead, Buf, Buffers};
use crate::op::Fault;
use crate::route::{BadPath, Upgrade};
use crate::time::Wait;

/// Why a request gets its status from us and not from a backend.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// The head is bad.
    Head(BadHead),
    /// The path is bad.
    Path(BadPath),
    /// The head did not come in time (R50): 408.
    Late,
    /// The body did not come in time (R50): 408.
    LateBody,
    /// The body's chunks are malformed (R23): 400.
    Chunk,
    /// The client ended in the middle of its request: nobody is left to be told, but it is 400.
    Truncated,
    /// No rule matches, or one that excludes: 404.
    NoRule,
    /// Its `Max-Forwards` lets it go no further.
    Hops(NoHop),
    /// A WebSocket handshake by another method than GET (R3): 400.
    Method,
    /// A WebSocket handshake with a body (R10): 400.
    Body,
    /// A WebSocket handshake without exactly one good key (R3): 400.
    Key,
    /// Another version of WebSocket than 13 (R2): 426.
    Version,
    /// An upgrade that expects something (R26): 417.
    Expectation,
    /// The rule is for upgrades only, and this is none that it accepts: 426.
    UpgradeRequired,
    /// No worker may take it now: 503, to be tried again after so long.
    NoWorker(Wait),
    /// No worker was found in time: 503.
    LateWorker,
    /// The backend broke off before it answered: 502.
    Lost(Fault),
    /// The backend ended before it answered: 502.
    NoAnswer,
    /// The backend did not answer in time: 504.
    LateAnswer,
    /// The backend's head is bad (R36): 502.
    BadAnswer(BadHead),
    /// The backend sent too many interim responses (R37): 502.
    Interims,
    /// The backend's 101 is none (R3b): 502.
    Nonsense(Nonsense),
}

impl Refusal {
    /// The status that the client gets.
    pub const fn status(self) -> u16 {
        match self {
            Self::Head(bad) => bad.status(),
            Self::Hops(no) => no.status(),
            Self::Path(BadPath::Hidden) | Self::NoRule => 404,
            Self::Path(BadPath::Escape | BadPath::AboveRoot)
            | Self::Chunk
            | Self::Truncated
            | Self::Method
            | Self::Body
            | Self::Key => 400,
            Self::Late | Self::LateBody => 408,
            Self::Expectation => 417,
            Self::Version | Self::UpgradeRequired => 426,
            Self::Lost(_)
            | Self::NoAnswer
            | Self::BadAnswer(_)
            | Self::Interims
            | Self::Nonsense(_) => 502,
            Self::NoWorker(_) | Self::LateWorker => 503,
            Self::LateAnswer => 504,
        }
    }

    /// Writes the whole response behind what `out` holds; without its body if `bodiless` (the answer to a HEAD).
    ///
    /// It never echoes a byte of the request (CVE-2019-10092). `upgrade` is what the rule accepts.
    pub fn write(
        self,
        upgrade: &Upgrade,
        bodiless: bool,
        after: After,
        out: &mut Buf,
        buffers: &mut Buffers,
    ) {
        let (status, reason) = (self.status(), self.reason());
        let body = format!("{status} {reason}: {self}\n");
        let extra = self.extra_fields(upgrade, after);
        let head = format!(
            "HTTP/1.1 {status} {reason}\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Length: {}\r\n{extra}\r\n",
            body.len()
        );
        out.append(head.as_bytes(), buffers);
        if !bodiless {
            out.append(body.as_bytes(), buffers);
        }
    }

    fn extra_fields(self, upgrade: &Upgrade, after: After) -> String {
        let option = |option| format!("Connection: {option}\r\n");
        let close = after.option().map(option).unwrap_or_default();
        let options = ["upgrade"].into_iter().chain(after.option()).collect::<Vec<_>>().join(", ");
        let required = format!("Connection: {options}\r\n");
        if let Self::NoWorker(wait) = self {
            format!("Retry-After: {}\r\n{close}", wait.as_secs_ceil().max(1))
        } else if self == Self::Version {
            format!("Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\n{required}")
        } else if self == Self::UpgradeRequired {
            let protocols = match upgrade {
                Upgrade::Tokens(tokens) => &tokens.join(", "),
                Upgrade::Any | Upgrade::Always | Upgrade::Never => "WebSocket",
            };
            format!("Upgrade: {protocols}\r\n{required}")
        } else {
            close
        }
    }

    const fn reason(self) -> &'static str {
        match self.status() {
            200 => "OK",
            404 => "Not Found",
            408 => "Request Timeout",
            414 => "URI Too Long",
            417 => "Expectation Failed",
            426 => "Upgrade Required",
            431 => "Request Header Fields Too Large",
            501 => "Not Implemented",
            502 => "Bad Gateway",
            503 => "Service Unavailable",
            504 => "Gateway Timeout",
            505 => "HTTP Version Not Supported",
            _ => "Bad Request",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Head(bad) => return bad.fmt(f),
            Self::Path(bad) => return bad.fmt(f),
            Self::Hops(no) => return no.fmt(f),
            Self::Late => "the request head did not come in time",
            Self::LateBody => "the request body did not come in time",
            Self::Chunk => "malformed chunk in the request body",
            Self::Truncated => "the request ended in its middle",
            Self::NoRule => "no rule for this path",
            Self::Method => "a WebSocket handshake must be a GET",
            Self::Body => "a WebSocket handshake must have no body",
            Self::Key => "missing or malformed Sec-WebSocket-Key",
            Self::Version => "this server speaks WebSocket version 13 only",
            Self::Expectation => "an upgrade must not expect anything",
            Self::UpgradeRequired => "this path is for upgrades only",
            Self::NoWorker(_) => "no backend can take the request now",
            Self::LateWorker => "no backend could be found in time",
            Self::Lost(fault) => {
                return write!(f, "the backend was lost before it answered ({fault})");
            }
            Self::NoAnswer => "the backend closed before it answered",
            Self::LateAnswer => "the backend did not answer in time",
            Self::BadAnswer(bad) => return write!(f, "the backend answered nonsense ({bad})"),
            Self::Interims => "the backend sent too many interim responses",
            Self::Nonsense(nonsense) => {
                return write!(f, "the backend answered nonsense ({nonsense})");
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(refusal: Refusal, upgrade: &Upgrade, bodiless: bool) -> String {
        let (mut out, mut buffers) = (Buf::default(), Buffers::default());
        refusal.write(upgrade, bodiless, After::Close, &mut out, &mut buffers);
        String::from_utf8(out.bytes().to_vec()).unwrap()
    }

    #[test]
    fn a_refusal_is_a_whole_response_that_ends_the_connection() {
        let text = written(Refusal::NoRule, &Upgrade::Never, false);
        assert!(text.starts_with("HTTP/1.1 404 Not Found\r\n"), "{text}");
        assert!(text.contains("\r\nConnection: close\r\n"), "{text}");
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, "404 Not Found: no rule for this path\n");
        assert!(head.contains(&format!("Content-Length: {}", body.len())));
        assert!(written(Refusal::NoRule, &Upgrade::Never, true).ends_with("\r\n\r\n"));
    }

    /// RFC 9110 §9.3.7: an answer to OPTIONS that speaks for us only.
    #[test]
    fn the_last_hop_of_an_options_is_no_error() {
        let text = written(Refusal::Hops(NoHop::Options), &Upgrade::Any, false);
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        assert!(!text.contains("Allow"), "{text}");
    }

    /// R2: 426 names the version that we speak.
    #[test]
    fn another_version_is_told_which_one_we_speak() {
        let text = written(Refusal::Version, &Upgrade::Never, false);
        assert!(text.starts_with("HTTP/1.1 426 Upgrade Required\r\n"), "{text}");
        assert!(text.contains("\r\nSec-WebSocket-Version: 13\r\n"), "{text}");
        assert!(text.contains("\r\nConnection: upgrade, close\r\n"), "{text}");
    }

    #[test]
    fn a_path_for_upgrades_names_them() {
        let tokens = Upgrade::Tokens(vec!["foo".into(), "bar".into()]);
        assert!(
            written(Refusal::UpgradeRequired, &tokens, false).contains("\r\nUpgrade: foo, bar\r\n")
        );
        assert!(
            written(Refusal::UpgradeRequired, &Upgrade::Any, false)
                .contains("\r\nUpgrade: WebSocket\r\n")
        );
    }

    /// R53.
    #[test]
    fn a_missing_worker_says_when_to_come_again() {
        let text = written(Refusal::NoWorker(Wait::from_micros(1_200_000)), &Upgrade::Any, false);
        assert!(text.contains("\r\nRetry-After: 2\r\n"), "{text}");
        let text = written(Refusal::NoWorker(Wait::ZERO), &Upgrade::Any, false);
        assert!(text.contains("\r\nRetry-After: 1\r\n"), "{text}");
    }
}
