//! Bytes as a request that says whom it belongs to.
//!
//! ```text
//! [ what is said of the balancer | the head … ]
//! ```

use std::net::{IpAddr, Ipv4Addr};

use regex::bytes::Regex;
use underpass_core::balance::sticky;
use underpass_core::head::{Request, slots};
use underpass_core::limits::Limits;
use underpass_core::route::{HashKey, Sticky};

use crate::heads;

/// Checks that the route is the one that a pattern finds, and that the keys depend on nothing but what is
/// looked at.
pub fn check(data: &[u8]) {
    let [how, bytes @ ..] = data else { return };
    let Ok(Some(range)) = heads::find(bytes, [0, 0], &Limits::DEFAULT) else { return };
    let mut slots = slots();
    let Ok(request) = Request::parse(&bytes[range], &mut slots) else { return };
    let separator = [None, Some(b'.'), Some(b'!')][usize::from(how >> 1) % 3];
    let (cookie, parameter) = ("RT".to_owned(), "rt".to_owned());
    let sticky = Sticky { cookie, parameter, separator, semicolon_ends: how & 1 > 0 };
    let expected = route(&request, &sticky);
    let found = sticky::route(&request, &sticky);
    assert_eq!(found, expected.as_deref(), "{}", bytes.escape_ascii());
    keys(&request);
}

/// The route, as httpd's manual of `stickysession=` describes it.
fn route(request: &Request<'_, '_>, sticky: &Sticky) -> Option<Vec<u8>> {
    let end = if sticky.semicolon_ends { "&?;" } else { "&?" };
    let parameter = pattern(&format!("[?&;]rt=([^{end}]*)"));
    let cookie = pattern(r"(?:^|[;,])[ \t]*RT[ \t]*=[ \t]*([^;,]*)");
    let first = |pattern: &Regex, text: &[u8]| Some(pattern.captures(text)?[1].to_vec());
    let said = || request.fields.all("cookie").find_map(|line| first(&cookie, line));
    let value = first(&parameter, request.path).or_else(|| first(&parameter, request.query));
    let value = value.or_else(|| Some(said()?.trim_ascii_end().to_vec()))?;
    match sticky.separator {
        Some(separator) => {
            let at = value.iter().position(|byte| *byte == separator)?;
            Some(value[at + 1..].to_vec())
        }
        None => Some(value),
    }
}

fn pattern(text: &str) -> Regex {
    Regex::new(&format!("(?-u){text}")).expect("it is one")
}

/// Who says nothing is told apart by the address, and who says the same has the same key from everywhere.
fn keys(request: &Request<'_, '_>) {
    let [home, away] = [1, 2].map(|last| IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)));
    let key = |by: &HashKey, client| sticky::key(request, by, client);
    assert_ne!(key(&HashKey::Client, home), key(&HashKey::Client, away));
    let name = String::from;
    for by in [HashKey::Cookie(name("RT")), HashKey::Field(name("x")), HashKey::Query(name("rt"))] {
        let is_said = key(&by, home) == key(&by, away);
        assert!(is_said || key(&by, home) == key(&HashKey::Client, home), "{by:?}");
        let may = match &by {
            HashKey::Client => true,
            HashKey::Cookie(_) => request.fields.has("cookie"),
            HashKey::Field(name) => request.fields.has(name),
            HashKey::Query(_) => request.path.contains(&b'=') || request.query.contains(&b'='),
        };
        assert!(may || !is_said, "{by:?} says nothing");
    }
}
