//! Stage 4 of 6 · whom a request belongs to: the route that it names, or the key that stands for it.

use std::net::IpAddr;

use super::choice::mix;
use crate::head::Request;
use crate::route::{HashKey, Sticky};

/// The route that a request names: by a parameter of its path or query, or else by a cookie (httpd's order).
///
/// Unlike httpd's search (D14), a parameter's name must begin where a parameter does: behind `?`, `&` or `;`.
pub fn route<'a>(request: &Request<'_, 'a>, sticky: &Sticky) -> Option<&'a [u8]> {
    let parameter = || parameter(request, &sticky.parameter, sticky.semicolon_ends);
    let value = parameter().or_else(|| cookie(request, &sticky.cookie))?;
    let Some(separator) = sticky.separator else { return Some(value) };
    let at = value.iter().position(|&byte| byte == separator)?;
    Some(&value[at + 1..])
}

/// What stands for a request that is told apart by that; a client's address where it does not say.
pub fn key(request: &Request<'_, '_>, by: &HashKey, client: IpAddr) -> u64 {
    let value = match by {
        HashKey::Client => None,
        HashKey::Cookie(name) => cookie(request, name),
        HashKey::Field(name) => request.fields.all(name).next(),
        HashKey::Query(name) => parameter(request, name, false),
    };
    value.map_or_else(|| hashed(client.to_canonical().to_string().as_bytes()), hashed)
}

/// The value of the first parameter of that name; `&` and `?` end it, and `;` if that is said.
fn parameter<'a>(request: &Request<'_, 'a>, name: &str, semicolon_ends: bool) -> Option<&'a [u8]> {
    let begins = |byte: &u8| matches!(byte, b'?' | b'&' | b';');
    let ends = |byte: &u8| matches!(byte, b'?' | b'&') || semicolon_ends && *byte == b';';
    let in_part = |part: &'a [u8]| {
        let starts = part.iter().enumerate().filter(|(_, byte)| begins(byte)).map(|(at, _)| at + 1);
        starts.map(|at| &part[at..]).find_map(|rest| {
            let value = rest.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
            Some(value.split(ends).next().unwrap_or_default())
        })
    };
    in_part(request.path).or_else(|| in_part(request.query))
}

/// The value of the first cookie of that name (RFC 6265 §4.2.1); its case matters.
fn cookie<'a>(request: &Request<'_, 'a>, name: &str) -> Option<&'a [u8]> {
    let pairs = request
        .fields
        .all("cookie")
        .flat_map(|value| value.split(|&byte| matches!(byte, b';' | b',')).map(<[u8]>::trim_ascii));
    let mut values = pairs.filter_map(|pair| {
        let rest = pair.strip_prefix(name.as_bytes())?.trim_ascii_start();
        Some(rest.strip_prefix(b"=")?.trim_ascii_start())
    });
    values.next()
}

/// A hash of those bytes that is the same in every process (FNV-1a, mixed).
fn hashed(bytes: &[u8]) -> u64 {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
    mix(bytes.iter().fold(0xCBF2_9CE4_8422_2325, fold))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::slots;

    fn sticky(separator: Option<u8>, semicolon_ends: bool) -> Sticky {
        Sticky { cookie: "RT".into(), parameter: "rt".into(), separator, semicolon_ends }
    }

    fn asked<T>(target: &str, cookies: &[&str], ask: impl FnOnce(&Request<'_, '_>) -> T) -> T {
        let fields: String = cookies.iter().map(|it| format!("Cookie: {it}\r\n")).collect();
        let head = format!("GET {target} HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
        let mut slots = slots();
        ask(&Request::parse(head.as_bytes(), &mut slots).expect("it is a good head"))
    }

    fn route_of(target: &str, cookies: &[&str], sticky: &Sticky) -> Option<String> {
        asked(target, cookies, |request| {
            route(request, sticky).map(|route| String::from_utf8_lossy(route).into_owned())
        })
    }

    /// P-31.
    #[test]
    fn a_url_says_the_route_before_a_cookie_does() {
        let sticky = sticky(Some(b'.'), false);
        let route = |target: &str, cookies: &[&str]| route_of(target, cookies, &sticky);
        assert_eq!(route("/", &["RT=zz.b"]).as_deref(), Some("b"));
        assert_eq!(route("/", &["RT=b"]), None, "it has no separator");
        assert_eq!(route("/?rt=x.a", &["RT=x.b"]).as_deref(), Some("a"));
        assert_eq!(route("/;rt=x.c/dump", &[]).as_deref(), Some("c/dump"));
        assert_eq!(route("/?a=1&rt=x.a.b&c", &[]).as_deref(), Some("a.b"));
    }

    #[test]
    fn a_semicolon_ends_a_route_where_that_is_said() {
        assert_eq!(route_of("/;rt=x.c;d", &[], &sticky(Some(b'.'), true)).as_deref(), Some("c"));
        assert_eq!(route_of("/;rt=x.c;d", &[], &sticky(None, true)).as_deref(), Some("x.c"));
    }

    /// D14: httpd finds `rt=` in `start=` too.
    #[test]
    fn a_name_is_a_whole_name() {
        let sticky = sticky(Some(b'.'), false);
        let none: [(&str, &[&str]); 5] = [
            ("/?start=x.a", &[]),
            ("/rt=x.a", &[]),
            ("/?Rt=x.a", &[]),
            ("/", &["XRT=x.a", "rt=x.a"]),
            ("/", &["RTX=x.a; R=RT=x.a"]),
        ];
        for (target, cookies) in none {
            assert_eq!(route_of(target, cookies, &sticky), None, "{target} {cookies:?}");
        }
        assert_eq!(route_of("/", &["a=b; RT=x.a", "RT=x.b"], &sticky).as_deref(), Some("a"));
    }

    #[test]
    fn a_key_is_what_is_said_or_who_asks() {
        let at = |by: &HashKey, target: &str, client: u8| {
            asked(target, &["u=1"], |request| key(request, by, [10, 0, 0, client].into()))
        };
        let query = HashKey::Query("u".into());
        assert_eq!(at(&query, "/?u=7", 1), at(&query, "/x?v&u=7", 2));
        assert_ne!(at(&query, "/?u=7", 1), at(&query, "/?u=8", 1));
        assert_eq!(at(&query, "/", 1), at(&HashKey::Client, "/?u=7", 1));
        assert_ne!(at(&HashKey::Client, "/", 1), at(&HashKey::Client, "/", 2));
        assert_eq!(at(&HashKey::Cookie("u".into()), "/", 1), at(&query, "/?u=1", 1));
        assert_ne!(at(&HashKey::Field("host".into()), "/", 1), at(&HashKey::Client, "/", 1));
    }
}
