//! Stage 3 of 6 · our element of `Forwarded` (RFC 7239): who asked us, for which host, and how.

use super::{Lines, Way};
use crate::head::Request;
use crate::head::fields::{is_token, trim};

/// Appends our element to those of the proxies before us.
///
/// A value that is no list of elements is dropped: behind a quote that never closes, ours would be
/// part of what the client says of itself (RFC 7239 §8.1).
pub(super) fn forwarded(lines: &mut Lines<'_>, request: &Request<'_, '_>, way: &Way<'_>) {
    let before = request.fields.all("forwarded").filter(|value| is_list(value));
    lines.appended("Forwarded", before, element(request, way).as_bytes());
}

fn element(request: &Request<'_, '_>, way: &Way<'_>) -> String {
    let client = way.client.to_canonical();
    let node = if client.is_ipv6() { format!("[{client}]") } else { client.to_string() };
    let host = request.authority.map(|host| ("host", host));
    let pairs = [("for", node.as_str())].into_iter().chain(host).chain([("proto", way.scheme)]);
    let pairs = pairs.map(|(name, value)| format!("{name}={}", quoted(value)));
    pairs.collect::<Vec<_>>().join(";")
}

/// A value in quotes, unless it is a token: the colon of a port makes it none.
fn quoted(value: &str) -> String {
    debug_assert!(!value.contains(['"', '\\']), "no host or address has anything to escape");
    if is_token(value.as_bytes()) { value.to_owned() } else { format!("\"{value}\"") }
}

/// Whether it is a list of elements (RFC 7239 §4): pairs between commas and semicolons.
fn is_list(value: &[u8]) -> bool {
    let mut rest = separated(value);
    while !rest.is_empty() {
        let Some(behind) = behind_pair(rest).map(trim) else { return false };
        rest = separated(behind);
        if rest.len() == behind.len() && !rest.is_empty() {
            return false;
        }
    }
    true
}

/// What stands behind separators and the blanks around them.
fn separated(text: &[u8]) -> &[u8] {
    let pair = text.iter().position(|byte| !b",; \t".contains(byte));
    &text[pair.unwrap_or(text.len())..]
}

/// What stands behind `name=value`.
fn behind_pair(text: &[u8]) -> Option<&[u8]> {
    let equals = text.iter().position(|&byte| byte == b'=')?;
    let (name, value) = (&text[..equals], &text[equals + 1..]);
    if !is_token(name) {
        return None;
    }
    if let Some(inside) = value.strip_prefix(b"\"") {
        return behind_quote(inside);
    }
    let end = value.iter().position(|&byte| !is_token(&[byte])).unwrap_or(value.len());
    (end > 0).then(|| &value[end..])
}

/// What stands behind the quote that closes a quoted string (RFC 9110 §5.6.4).
fn behind_quote(mut inside: &[u8]) -> Option<&[u8]> {
    loop {
        inside = match inside {
            [] => return None,
            [b'"', behind @ ..] => return Some(behind),
            [b'\\', _, behind @ ..] | [_, behind @ ..] => behind,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Told;
    use crate::route::Scope;

    fn told(head: &str) -> Told<'_> {
        let scope = Scope { add_forwarded: true, add_headers: false, ..Scope::DEFAULT };
        Told { head, scope, ..Told::default() }
    }

    fn get(fields: &str) -> String {
        format!("GET / HTTP/1.1\r\nHost: h\r\n{fields}\r\n")
    }

    #[test]
    fn an_element_says_who_asked_for_which_host_and_how() {
        let heard = told(&get("")).field("Forwarded");
        assert_eq!(heard, ["for=192.0.2.7;host=h;proto=http"]);
        let old = told("GET / HTTP/1.0\r\n\r\n").field("Forwarded");
        assert_eq!(old, ["for=192.0.2.7;proto=http"]);
    }

    /// RFC 7239 §4 and §6: what is no token is quoted, and an IPv6 address has brackets in the quotes.
    #[test]
    fn what_is_no_token_is_quoted() {
        let head = "GET / HTTP/1.1\r\nHost: [::1]:81\r\n\r\n";
        let v6 = Told { client: "2001:db8::7".parse().unwrap(), scheme: "https", ..told(head) };
        let element = r#"for="[2001:db8::7]";host="[::1]:81";proto=https"#;
        assert_eq!(v6.field("Forwarded"), [element]);
        let mapped = Told { client: "::ffff:192.0.2.7".parse().unwrap(), ..told(head) };
        assert!(mapped.field("Forwarded")[0].starts_with("for=192.0.2.7;"));
    }

    /// R35: it is written after the strip, and what proxies before us said survives.
    #[test]
    fn an_element_is_the_last_of_one_list() {
        let before = "Forwarded: for=\"_a,\\\"b\"\r\nConnection: Forwarded\r\n\
                      Forwarded: \r\nforwarded: for=1.2.3.4;by=_x, For=unknown\r\n";
        let list =
            r#"for="_a,\"b", for=1.2.3.4;by=_x, For=unknown, for=192.0.2.7;host=h;proto=http"#;
        assert_eq!(told(&get(before)).field("Forwarded"), [list]);
    }

    #[test]
    fn it_goes_on_as_it_came_where_none_is_added() {
        let before = "Forwarded: for=\"\r\nConnection: Forwarded\r\nForwarded: for=a\r\n";
        let heard = Told { head: &get(before), ..Told::default() }.field("Forwarded");
        assert_eq!(heard, ["for=\"", "for=a"]);
    }

    /// A quote that never closes would swallow our element.
    #[test]
    fn what_could_hide_our_element_is_dropped() {
        for bad in [
            "for=\"",
            "for=\"\\\"",
            "for=\"\\",
            "a=b\"",
            "a=\"b\"c=d",
            "for",
            "=a",
            "a=",
            "a b=c",
            "a=b c",
        ] {
            let heard = told(&get(&format!("Forwarded: {bad}\r\n"))).field("Forwarded");
            assert_eq!(heard, ["for=192.0.2.7;host=h;proto=http"], "{bad}");
        }
        for good in ["a=b", "a=b;", ",, a=b ; c=\"\" ,d=e", "a=\"b\" , c=d"] {
            let heard = told(&get(&format!("Forwarded: {good}\r\n"))).field("Forwarded");
            let expected = format!("{good}, for=192.0.2.7;host=h;proto=http");
            assert_eq!(heard, [expected], "{good}");
        }
    }
}
