//! `unix:/path|ws://name/`: the URL of a backend that is dialled by a Unix socket.

use super::problem::Flaw;
use super::url;
use super::words::Word;
use crate::route::Target;

/// Bytes of the path of a socket: `sun_path` holds 108, the NUL behind it included (`unix(7)`).
const PATH_MOST: usize = 107;
const PREFIX: &str = "unix:";

/// Whether the URL is one of a Unix socket.
pub(super) fn is_unix(word: &Word) -> bool {
    word.text().get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

/// The target of a URL that begins with `unix:`.
pub(super) fn target(word: &Word) -> Result<Target, Flaw> {
    let Some((socket, url)) = word.split_once('|') else {
        let flaw = word.flaw(format!("`{word}` does not say how the socket is spoken to"));
        return Err(flaw.help("write `unix:/path|http://name/` or `unix:/path|ws://name/`"));
    };
    let path = path(&socket.split_at(PREFIX.len()).1)?;
    url::target_on(&url, Some(path))
}

fn path(word: &Word) -> Result<String, Flaw> {
    let text = word.text();
    if !text.starts_with('/') || text.ends_with('/') {
        let flaw = word.flaw(format!("`{word}` is not the absolute path of a socket"));
        return Err(flaw.help("there is no folder that a relative path could begin in"));
    }
    if text.len() > PATH_MOST {
        return Err(word.flaw(format!("the path of a socket has {PATH_MOST} bytes at the most")));
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{failure, good, problem, word};
    use super::*;
    use crate::route::{Peer, Worker};

    fn shown(text: &str) -> String {
        url::target(&word(text)).expect("it is a URL").to_string()
    }

    #[test]
    fn a_socket_stands_before_the_url_that_is_asked_for_on_it() {
        let target = url::target(&word("UNIX:/run/a.sock|ws://App:81/x")).expect("it is a URL");
        assert_eq!(target.socket.as_deref(), Some("/run/a.sock"));
        assert_eq!((target.authority(), target.path), ("app:81".into(), "/x".into()));
        assert_eq!(shown("unix:/run/a.sock|http://a"), "unix:/run/a.sock|http://a");
    }

    /// `reference/httpd.md` 1.4, item 12.
    #[test]
    fn an_empty_host_is_localhost() {
        assert_eq!(shown("unix:/a|ws://"), "unix:/a|ws://localhost");
        assert_eq!(shown("unix:/a|ws:///x"), "unix:/a|ws://localhost/x");
        assert_eq!(shown("unix:/a|ws://:81/x"), "unix:/a|ws://localhost:81/x");
    }

    #[test]
    fn what_is_no_socket_is_a_problem() {
        let bad = |text: &str| failure(url::target(&word(text)));
        let help = "(there is no folder that a relative path could begin in)";
        for path in ["a.sock", "", "/", "/run/"] {
            let message = format!("1:6: `{path}` is not the absolute path of a socket {help}");
            assert_eq!(bad(&format!("unix:{path}|ws://h")), message);
        }
        let long = |bytes: usize| format!("unix:/{}|ws://h", "a".repeat(bytes - 1));
        assert_eq!(bad(&long(108)), "1:6: the path of a socket has 107 bytes at the most");
        assert!(url::target(&word(&long(107))).is_ok());
        assert!(bad("unix:/a").starts_with("1:1: `unix:/a` does not say how"));
        assert!(bad("unix:/a|ftp://h").starts_with("1:9: unknown scheme"));
        assert_eq!(bad("ws:///x"), "1:6: the host is missing");
    }

    #[test]
    fn a_worker_is_its_socket() {
        let rules = good(
            "ProxyPass /a unix:/run/a|ws://x\nProxyPass /b unix:/run/a|http://y/z\n\
             ProxyPass /c unix:/run/c|ws://x",
        )
        .rules;
        let workers = ["/run/a", "/run/c"].map(|path| Worker::at(Peer::Unix(path.into())));
        assert_eq!(rules.workers, workers);
    }

    #[test]
    fn what_is_only_for_addresses_is_a_problem_at_a_socket() {
        let message = "conf:1:28: `keepalive=` is for TCP, and not for a Unix socket";
        assert_eq!(problem("ProxyPass / unix:/a|ws://h keepalive=On"), message);
    }
}
