//! Whose pages may ask for an upgrade. A browser lets any page open a WebSocket to anybody, with the cookies
//! of whom it is opened to; all that it does about it is to say in `Origin` whose page it is (RFC 6455 §10.2).

use std::net::Ipv6Addr;

use crate::head::request::authority;

/// Who may ask for an upgrade (`ProxyWebsocketOrigin`, R15).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Origins {
    /// Whether who sends no `Origin` may: no browser, for those always send one.
    pub missing: bool,
    /// Whose pages may.
    pub pages: Vec<Pages>,
}

/// Pages that may ask for an upgrade.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Pages {
    /// All of them (`*`).
    All,
    /// Those whose origin nobody is to know (`null`), such as a sandboxed frame's: any site can make one.
    Opaque,
    /// Those of the scheme, host and port that the request itself is for (`same`), as `Host` has them: a
    /// page of any name that leads here is one, whoever made it lead here.
    Same,
    /// Those of this origin.
    Of(Origin),
}

impl Origins {
    /// Whether a page may whose `Origin` is that, in a request that is itself for `own`; nothing if it
    /// is no origin.
    pub fn admit(&self, value: &[u8], own: Option<&Origin>) -> Option<bool> {
        let origin = match value {
            b"null" => None,
            value => Some(Origin::parse(std::str::from_utf8(value).ok()?)?),
        };
        let has = |pages: &Pages| match pages {
            Pages::All => true,
            Pages::Opaque => origin.is_none(),
            Pages::Same => origin.is_some() && origin.as_ref() == own,
            Pages::Of(known) => origin.as_ref() == Some(known),
        };
        Some(self.pages.iter().any(has))
    }
}

/// Where a page comes from (RFC 6454): two are the same if all three parts are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Origin {
    /// In lower case.
    scheme: String,
    /// In lower case; an IPv6 address in brackets, in its shortest form.
    host: String,
    /// The scheme's own if none was written; none where nobody knows that.
    port: Option<u16>,
}

impl Origin {
    /// The origin that `text` spells: `scheme://host[:port]`, and nothing behind that.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        Self::of(scheme, authority)
    }

    /// The origin of what is found under that scheme at that `host[:port]`.
    pub fn of(scheme: &str, host_and_port: &str) -> Option<Self> {
        let scheme = Some(scheme).filter(|scheme| is_scheme(scheme))?.to_ascii_lowercase();
        let written = authority(host_and_port.as_bytes()).ok()?.to_ascii_lowercase();
        let (host, port) = match written.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()),
            _ => (written.as_str(), default_port(&scheme)),
        };
        Some(Self { host: shortest(host), port, scheme })
    }
}

/// A scheme (RFC 3986 §3.1).
fn is_scheme(text: &str) -> bool {
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(rest)
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

/// A host in the one spelling that browsers have for it.
fn shortest(host: &str) -> String {
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match address.and_then(|address| address.parse::<Ipv6Addr>().ok()) {
        Some(address) => format!("[{address}]"),
        None => host.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<Origin> {
        Origin::parse(text)
    }

    #[test]
    fn origins_are_the_same_by_scheme_host_and_port() {
        for (one, other) in [
            ("https://a.example", "https://a.example:443"),
            ("http://a.example:80", "HTTP://A.Example"),
            ("http://[::1]", "http://[0:0:0:0:0:0:0:1]:80"),
            ("http://[FE80::1]:81", "http://[fe80::1]:81"),
            ("app://local", "app://local"),
        ] {
            assert!(of(one).is_some() && of(one) == of(other), "{one} {other}");
        }
        for (one, other) in [
            ("https://a.example", "http://a.example"),
            ("https://a.example", "http://a.example:443"),
            ("https://a.example", "https://a.example:444"),
            ("https://a.example", "https://x.a.example"),
            ("https://a.example", "https://a.example.evil"),
            ("https://a.example", "https://a.example."),
            ("app://local", "app://local:80"),
        ] {
            assert!(of(one).is_some() && of(other).is_some() && of(one) != of(other), "{other}");
        }
    }

    #[test]
    fn nothing_else_is_an_origin() {
        let none = [
            "",
            "null",
            "*",
            "a.example",
            "//a.example",
            "https:a.example",
            "https://",
            "://a",
            "https://a/",
            "https://a/b",
            "https://a?b",
            "https://a#b",
            "https://u@a",
            "https://a:",
            "https://a:0",
            "https://a:65536",
            "https://a:x",
            "https://a b",
            "https://a https://b",
            "https://a,https://b",
            "https://[::1",
            "https://[x]",
            "1http://a",
            "ht tp://a",
            "https://é",
            "https://127.1",
            " https://a",
            "https://a:80:80",
            "https://*.a.example:x",
        ];
        none.iter().for_each(|text| assert_eq!(of(text), None, "{text}"));
    }

    fn admits(pages: &[Pages], value: &str) -> Option<bool> {
        let own = of("http://own:81");
        Origins { missing: false, pages: pages.into() }.admit(value.as_bytes(), own.as_ref())
    }

    /// R15.
    #[test]
    fn only_pages_that_are_listed_are_let_in() {
        let a = Pages::Of(of("https://a").unwrap());
        let b = Pages::Of(of("https://b").unwrap());
        let list = [a.clone(), b];
        for (value, is) in [("https://a", true), ("https://B:443", true), ("https://c", false)] {
            assert_eq!(admits(&list, value), Some(is), "{value}");
        }
        assert_eq!(
            (admits(&list, "null"), admits(&[Pages::All], "null")),
            (Some(false), Some(true))
        );
        assert_eq!(
            (admits(&[a, Pages::Opaque], "null"), admits(&[], "null")),
            (Some(true), Some(false))
        );
        assert_eq!(admits(&[Pages::Opaque], "https://a"), Some(false));
        assert_eq!(admits(&[Pages::Same], "http://own:81"), Some(true));
        assert_eq!(admits(&[Pages::Same], "https://own:81"), Some(false));
        assert_eq!(admits(&[Pages::Same], "null"), Some(false));
        assert_eq!(admits(&[Pages::All], "https://a/"), None);
    }

    /// What is itself for nobody knows whom has no page of its own.
    #[test]
    fn a_request_without_a_host_is_no_pages_own() {
        let same = Origins { missing: false, pages: vec![Pages::Same] };
        assert_eq!(
            (same.admit(b"http://a", None), same.admit(b"null", None)),
            (Some(false), Some(false))
        );
    }
}
