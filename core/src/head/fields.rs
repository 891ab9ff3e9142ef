//! Stage 1 of 6 · questions about the fields of a head: how often, which value, which tokens.

use super::{BadHead, Version};

/// The fields of a parsed head, in their order.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'h, 'b>(pub(super) &'h [httparse::Header<'b>]);

impl<'h, 'b> Fields<'h, 'b> {
    /// Every field: its name as it was spelled, and its value without the blanks around it.
    pub fn iter(&self) -> impl Iterator<Item = (&'b str, &'b [u8])> + use<'h, 'b> {
        self.0.iter().map(|field| (field.name, field.value))
    }

    /// The values of every field of that name (any case).
    pub fn all(&self, name: &str) -> impl Iterator<Item = &'b [u8]> {
        self.iter().filter(move |field| field.0.eq_ignore_ascii_case(name)).map(|field| field.1)
    }

    /// Whether there is a field of that name.
    pub fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// The value of the field of that name; `Err` if there is more than one such field.
    pub fn one(&self, name: &str) -> Result<Option<&'b [u8]>, Doubled> {
        let mut values = self.all(name);
        let first = values.next();
        if values.next().is_some() { Err(Doubled) } else { Ok(first) }
    }

    /// The elements of all fields of that name as one list (RFC 9110 §5.6.1), without the empty ones (R9).
    pub fn list(&self, name: &str) -> impl Iterator<Item = &'b [u8]> {
        self.all(name).flat_map(|value| value.split(|&byte| byte == b',')).filter_map(|element| {
            let element = trim(element);
            (!element.is_empty()).then_some(element)
        })
    }

    /// Whether the list of that name has an element equal to `token`, in any case: never a prefix (D7).
    pub fn lists(&self, name: &str, token: &str) -> bool {
        self.list(name).any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
    }

    /// Whether the sender of a message of that version means to keep the connection (RFC 9112 §9.3).
    pub fn persists(&self, version: Version) -> bool {
        match version {
            Version::Http11 => !self.lists("connection", "close"),
            Version::Http10 => {
                self.lists("connection", "keep-alive") && !self.lists("connection", "close")
            }
        }
    }

    /// Refuses a `Connection` that is no list of tokens, or an `Upgrade` that is no list of protocols.
    pub(super) fn check_options(&self) -> Result<(), BadHead> {
        let options = self.list("connection").all(is_token);
        let protocols = self.list("upgrade").all(is_protocol);
        if options && protocols { Ok(()) } else { Err(BadHead::Options) }
    }
}

/// There is more than one field of a name that may stand only once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Doubled;

/// Whether these bytes are a token (RFC 9110 §5.6.2).
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().copied().all(is_token_byte)
}

/// Whether a token may have this byte.
pub const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

/// Whether these bytes are a protocol: a token, and perhaps a version (RFC 9110 §7.8).
fn is_protocol(bytes: &[u8]) -> bool {
    match bytes.iter().position(|&byte| byte == b'/') {
        Some(slash) => is_token(&bytes[..slash]) && is_token(&bytes[slash + 1..]),
        None => is_token(bytes),
    }
}

/// `bytes` without the blanks (SP, HTAB) around them.
pub fn trim(bytes: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let Some(start) = bytes.iter().position(|byte| !blank(byte)) else { return &[] };
    let end = bytes.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    &bytes[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use httparse::Header;

    const FIELDS: [Header<'_>; 4] = [
        Header { name: "Connection", value: b"keep-alive,  Upgrade" },
        Header { name: "upgrade", value: b"foo/2 , ,websocket" },
        Header { name: "UPGRADE", value: b"bar" },
        Header { name: "Host", value: b"h" },
    ];

    /// R9: all fields of a name are one list.
    #[test]
    fn fields_of_one_name_are_one_list() {
        let fields = Fields(&FIELDS);
        let list: Vec<_> = fields.list("Upgrade").collect();
        assert_eq!(list, [&b"foo/2"[..], b"websocket", b"bar"]);
        assert_eq!(fields.check_options(), Ok(()));
    }

    /// D7: httpd compares by prefix.
    #[test]
    fn tokens_are_compared_whole_and_in_any_case() {
        let fields = Fields(&FIELDS);
        assert!(fields.lists("connection", "upgrade"));
        assert!(fields.lists("upgrade", "WebSocket"));
        assert!(!fields.lists("upgrade", "web"));
        assert!(!fields.lists("upgrade", "websockets"));
    }

    #[test]
    fn a_doubled_field_has_no_single_value() {
        let fields = Fields(&FIELDS);
        assert_eq!(fields.one("host"), Ok(Some(&b"h"[..])));
        assert_eq!(fields.one("upgrade"), Err(Doubled));
        assert_eq!(fields.one("origin"), Ok(None));
    }

    #[test]
    fn connections_persist_by_version_and_by_word() {
        let persists = |version, value: &str| {
            let fields = [Header { name: "Connection", value: value.as_bytes() }];
            Fields(&fields).persists(version)
        };
        assert!(persists(Version::Http11, "") && persists(Version::Http11, "keep-alive"));
        assert!(!persists(Version::Http11, "keep-alive, Close"));
        assert!(persists(Version::Http10, "Keep-Alive") && !persists(Version::Http10, ""));
        assert!(!persists(Version::Http10, "keep-alive, close"));
    }

    #[test]
    fn options_that_are_no_tokens_are_refused() {
        for value in [&b"a b"[..], b"a;b", b"\"a\"", b"x/1"] {
            let fields = [Header { name: "Connection", value }];
            assert_eq!(Fields(&fields).check_options(), Err(BadHead::Options));
        }
        for value in [&b"a/"[..], b"/1", b"a/1/2", b"a b"] {
            let fields = [Header { name: "Upgrade", value }];
            assert_eq!(Fields(&fields).check_options(), Err(BadHead::Options));
        }
    }
}
