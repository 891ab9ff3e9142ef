//! Stage 1 of 6 · a request head, parsed strictly: method, target, host, fields, body.

use super::{BadHead, Fields, Framing, Slots, Version};

/// A request head. It borrows the bytes that it was parsed from.
#[derive(Clone, Copy, Debug)]
pub struct Request<'h, 'b> {
    /// The method, in its own case.
    pub method: &'b str,
    /// The path as it was spelled, without the query; `*` for `OPTIONS *`.
    pub path: &'b [u8],
    /// The query with its `?`; empty if there is none.
    pub query: &'b [u8],
    /// The host and port that the request is for: an absolute target's, else `Host`'s (R33).
    pub authority: Option<&'b str>,
    /// The version.
    pub version: Version,
    /// The fields.
    pub fields: Fields<'h, 'b>,
    /// How the end of the body is found; never [`Framing::Close`].
    pub framing: Framing,
}

impl<'h, 'b> Request<'h, 'b> {
    /// Parses a whole head: from its first byte to its empty line, as [`Scan`](super::Scan) found it.
    pub fn parse(head: &'b [u8], slots: &'h mut Slots<'b>) -> Result<Self, BadHead> {
        let version = start_line_version(head)?;
        let mut parsed = httparse::Request::new(slots);
        let whole = parsed.parse(head)?;
        debug_assert!(whole.is_complete(), "the scan found the end of the head");
        let (Some(method), Some(target)) = (parsed.method, parsed.path) else {
            return Err(BadHead::Syntax);
        };
        let fields = Fields(parsed.headers);
        fields.check_options()?;
        let host = host(&fields, version)?;
        let (authority, path, query) = split(method, target)?;
        let framing = Framing::of(&fields, version)?.unwrap_or(Framing::None);
        let authority = authority.or(host);
        Ok(Self { method, path, query, authority, version, fields, framing })
    }

    /// The same request with other fields, for the same host.
    pub(crate) fn with_fields<'x>(self, fields: &'x [httparse::Header<'x>]) -> Request<'x, 'x>
    where
        'b: 'x,
    {
        Request { fields: Fields(fields), ..self }
    }

    /// The name of the host that it is for, without a port, and without the brackets of an IPv6 address.
    pub fn host(&self) -> Option<&'b str> {
        let authority = self.authority?;
        match authority.strip_prefix('[') {
            Some(address) => address.split(']').next(),
            None => authority.split(':').next(),
        }
    }
}

/// The version at the end of the start line: told apart from garbage before the parser calls both bad.
fn start_line_version(head: &[u8]) -> Result<Version, BadHead> {
    let end = memchr::memchr(b'\r', head).ok_or(BadHead::Syntax)?;
    let last = memchr::memrchr(b' ', &head[..end]).ok_or(BadHead::Syntax)?;
    super::version(&head[last + 1..end])
}

/// R33: exactly one valid `Host`; HTTP/1.0 may have none.
fn host<'b>(fields: &Fields<'_, 'b>, version: Version) -> Result<Option<&'b str>, BadHead> {
    match fields.one("host").map_err(|_| BadHead::Host)? {
        Some(value) => authority(value).map(Some),
        None if version == Version::Http10 => Ok(None),
        None => Err(BadHead::Host),
    }
}

type Target<'b> = (Option<&'b str>, &'b [u8], &'b [u8]);

/// R34: origin-form, absolute-form of `http`, or `*` with OPTIONS; nothing with a fragment.
fn split<'b>(method: &str, target: &'b str) -> Result<Target<'b>, BadHead> {
    if !is_spelled_well(target) || method == "CONNECT" {
        return Err(BadHead::Target);
    }
    if target == "*" {
        return if method == "OPTIONS" { Ok((None, b"*", b"")) } else { Err(BadHead::Target) };
    }
    if target.starts_with('/') {
        let (path, query) = at_query(target);
        return Ok((None, path, query));
    }
    let rest = strip_scheme(target).ok_or(BadHead::Target)?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (path, query) = at_query(&rest[end..]);
    let path = if path.is_empty() { b"/" } else { path };
    Ok((Some(authority(&rest.as_bytes()[..end])?), path, query))
}

/// R34: no byte that neither a URI has (RFC 3986 §2) nor a browser sends all the same (WHATWG URL §1.3).
///
/// Parsers behind us refuse these, so they are refused here, and not mended (RFC 9112 §3.2). Browsers
/// leave a grave accent as it is in a query only.
fn is_spelled_well(target: &str) -> bool {
    let path = target.split('?').next().unwrap_or(target);
    target.is_ascii() && !target.contains(['#', '"', '<', '>']) && !path.contains('`')
}

fn strip_scheme(target: &str) -> Option<&str> {
    let (scheme, rest) = target.split_once("://")?;
    ["http", "ws"].iter().any(|known| scheme.eq_ignore_ascii_case(known)).then_some(rest)
}

fn at_query(target: &str) -> (&[u8], &[u8]) {
    let query = target.find('?').unwrap_or(target.len());
    let (path, query) = target.as_bytes().split_at(query);
    (path, query)
}

/// A valid `host[:port]`: a registered name, a dotted IPv4 or a bracketed IPv6 address, and a port from 1 (R33).
pub(crate) fn authority(value: &[u8]) -> Result<&str, BadHead> {
    let value = std::str::from_utf8(value).map_err(|_| BadHead::Host)?;
    let (host, port) = match value.rfind(':') {
        Some(colon) if !value[colon..].contains(']') => {
            (&value[..colon], Some(&value[colon + 1..]))
        }
        _ => (value, None),
    };
    let numbered = port.is_none_or(|port| {
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|n| n > 0)
    });
    if numbered && is_host(host) { Ok(value) } else { Err(BadHead::Host) }
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte);
    if host.is_empty() || !host.bytes().all(name) {
        return false;
    }
    !ends_in_a_number(host) || host.parse::<std::net::Ipv4Addr>().is_ok()
}

/// What ends like a number is an address, and must be one: resolvers read `0x7f.1` as 127.0.0.1.
pub(crate) fn ends_in_a_number(host: &str) -> bool {
    let last = host.strip_suffix('.').unwrap_or(host).rsplit('.').next().unwrap_or(host);
    let hex = last.strip_prefix("0x").or(last.strip_prefix("0X"));
    match hex {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => last.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::slots;
    use super::*;

    fn bad(head: &str) -> BadHead {
        Request::parse(head.as_bytes(), &mut slots()).map(|_| ()).unwrap_err()
    }

    fn parsed<T>(head: &str, look: impl FnOnce(Request<'_, '_>) -> T) -> T {
        look(Request::parse(head.as_bytes(), &mut slots()).unwrap())
    }

    fn target_of(line: &str) -> Result<(Option<String>, String, String), BadHead> {
        let head = format!("{line} HTTP/1.1\r\nHost: h.example\r\n\r\n");
        let mut slots = slots();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let request = Request::parse(head.as_bytes(), &mut slots)?;
        let authority = request.authority.map(str::to_owned);
        Ok((authority, text(request.path), text(request.query)))
    }

    #[test]
    fn parses_a_head() {
        let head = "GET /a/b?c=d HTTP/1.1\r\nHost: h:81\r\nX:  y \r\nContent-Length: 3\r\n\r\n";
        parsed(head, |request| {
            assert_eq!((request.method, request.path), ("GET", &b"/a/b"[..]));
            assert_eq!((request.query, request.authority), (&b"?c=d"[..], Some("h:81")));
            assert_eq!(request.fields.one("x"), Ok(Some(&b"y"[..])));
            assert_eq!(request.framing, Framing::Length(3));
            assert_eq!(request.version, Version::Http11);
        });
    }

    /// R28: no folded field, no blank line start.
    #[test]
    fn refuses_folded_fields() {
        assert_eq!(bad("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n"), BadHead::Syntax);
        assert_eq!(bad("GET / HTTP/1.1\r\n Host: h\r\n\r\n"), BadHead::Syntax);
    }

    /// R29: no control character anywhere.
    #[test]
    fn refuses_control_characters() {
        for byte in (0..32).filter(|byte| ![b'\t', b'\r', b'\n'].contains(byte)).chain([127]) {
            let byte = char::from(byte);
            assert_eq!(
                bad(&format!("GET / HTTP/1.1\r\nHost: h\r\nA: b{byte}c\r\n\r\n")),
                BadHead::Syntax
            );
            assert_eq!(
                bad(&format!("GET / HTTP/1.1\r\nHost: h\r\nA{byte}: b\r\n\r\n")),
                BadHead::Syntax
            );
            assert_eq!(bad(&format!("GET /{byte} HTTP/1.1\r\nHost: h\r\n\r\n")), BadHead::Syntax);
        }
        assert_eq!(bad("GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n"), BadHead::Syntax);
        assert_eq!(bad("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\r\n\r\n"), BadHead::Syntax);
    }

    /// R30: a name is a token, and the colon follows at once.
    #[test]
    fn refuses_names_that_are_no_tokens() {
        for field in ["A : b", ": b", "A\u{e9}: b", "A b: c", "A", "(A): b"] {
            assert_eq!(
                bad(&format!("GET / HTTP/1.1\r\nHost: h\r\n{field}\r\n\r\n")),
                BadHead::Syntax
            );
        }
    }

    /// R33: one Host, and a valid one.
    #[test]
    fn refuses_hosts_that_name_no_host() {
        assert_eq!(bad("GET / HTTP/1.1\r\n\r\n"), BadHead::Host);
        assert_eq!(bad("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), BadHead::Host);
        let hosts = [
            "",
            "a b",
            "a/b",
            "u@h",
            "h:",
            "h:0",
            "h:65536",
            "h:+1",
            "h:8x",
            "::1",
            "[::1",
            "[1]",
            "h,i",
            "%3127.0.0.1",
            "é",
            "017700000001",
            "0x7f.1",
            "127.01.0.1",
            "127.1",
            "256.1.1.1",
        ];
        for host in hosts.iter().filter(|host| **host != "h,i") {
            assert_eq!(
                bad(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")),
                BadHead::Host,
                "{host}"
            );
        }
        for host in
            ["foo_bar", "h:65535", "[::1]:80", "127.0.0.1:1", "a.example.", "xn--caf-dma.fr"]
        {
            let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
            parsed(&head, |request| assert_eq!(request.authority, Some(host)));
        }
        parsed("GET / HTTP/1.0\r\n\r\n", |request| assert_eq!(request.authority, None));
    }

    /// R34: the forms of a target; R33: an absolute one's authority wins.
    #[test]
    fn target_forms() {
        let some = |authority: &str, path: &str, query: &str| {
            Ok((Some(authority.to_owned()), path.to_owned(), query.to_owned()))
        };
        assert_eq!(target_of("GET /x?y?z"), some("h.example", "/x", "?y?z"));
        assert_eq!(target_of("GET http://other:81/x?y"), some("other:81", "/x", "?y"));
        assert_eq!(target_of("GET HTTP://other?y"), some("other", "/", "?y"));
        assert_eq!(target_of("OPTIONS *"), some("h.example", "*", ""));
        for line in ["GET *", "GET x", "GET /x#y", "CONNECT h:80", "GET ftp://h/", "GET h:80"] {
            assert_eq!(target_of(line), Err(BadHead::Target), "{line}");
        }
        for line in ["GET http://u@h/", "GET http:///x", "GET http://h:0/"] {
            assert_eq!(target_of(line), Err(BadHead::Host), "{line}");
        }
        assert_eq!(target_of("GET unix:/x|http://h/"), Err(BadHead::Target));
    }

    /// R34: what hyper, h11 or both would refuse behind us.
    #[test]
    fn targets_are_spelled_as_uris_are() {
        for target in ["/é", "/?é", "/\"", "/?\"", "/<", "/?>", "/`"] {
            assert_eq!(target_of(&format!("GET {target}")), Err(BadHead::Target), "{target}");
        }
        for target in ["/?`", "/\\^{|}[]", "/?\\^{|}[]", "/%c3%a9?%22"] {
            assert!(target_of(&format!("GET {target}")).is_ok(), "{target}");
        }
    }

    /// R34: versions.
    #[test]
    fn refuses_other_versions() {
        assert_eq!(bad("GET / HTTP/1.2\r\nHost: h\r\n\r\n"), BadHead::Version);
        assert_eq!(bad("GET / HTTP/2.0\r\nHost: h\r\n\r\n"), BadHead::Version);
        assert_eq!(bad("GET /\r\nHost: h\r\n\r\n"), BadHead::Syntax);
        assert_eq!(bad("GET  / HTTP/1.1\r\nHost: h\r\n\r\n"), BadHead::Syntax);
        assert_eq!(bad("GET / HTTP/1.1 \r\nHost: h\r\n\r\n"), BadHead::Syntax);
        assert_eq!(bad("G/T / HTTP/1.1\r\nHost: h\r\n\r\n"), BadHead::Syntax);
    }

    /// The statuses of 2.4 of `reference/httpd.md`.
    #[test]
    fn bad_heads_have_their_statuses() {
        assert_eq!(bad("GET / HTTP/1.1\r\n\r\n").status(), 400);
        assert_eq!(bad("GET / HTTP/1.2\r\nHost: h\r\n\r\n").status(), 505);
        let gzip = "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n";
        assert_eq!(bad(gzip).status(), 501);
        assert_eq!(BadHead::LineTooLong.status(), 414);
        assert_eq!(BadHead::TooManyFields.status(), 431);
    }
}
