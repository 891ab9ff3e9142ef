//! Stage 3 of 6 · our hop in `Via` (RFC 9110 §7.6.3).

use super::Lines;
use crate::head::{Fields, Version};
use crate::route::{Host, Via};

/// What our hop is called where the name alone is not enough (`ProxyVia Full`).
const PRODUCT: &str = concat!(" (Underpass/", env!("CARGO_PKG_VERSION"), ")");

/// Appends our hop to the `Via` of a message that came in that version, if the host wants it there.
pub(super) fn via(lines: &mut Lines<'_>, fields: &Fields<'_, '_>, version: Version, host: &Host) {
    let Some(product) = product(host.via) else { return };
    let number = match version {
        Version::Http10 => "1.0",
        Version::Http11 => "1.1",
    };
    let name = bracketed(&host.name);
    let own = format!("{number} {name}{product}");
    lines.appended("Via", fields.all("via"), own.as_bytes());
}

/// Whether that field goes on only as a part of what [`via`] writes.
pub(super) fn is_via(name: &str, host: &Host) -> bool {
    product(host.via).is_some() && name.eq_ignore_ascii_case("via")
}

/// What stands behind our name, if our hop is told at all.
const fn product(via: Via) -> Option<&'static str> {
    match via {
        Via::Off | Via::Block => None,
        Via::On => Some(""),
        Via::Full => Some(PRODUCT),
    }
}

/// A host as it stands before a port: an IPv6 address in brackets.
fn bracketed(name: &str) -> String {
    if name.contains(':') { format!("[{name}]") } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Told;
    use super::*;

    const HEAD: &str =
        "GET / HTTP/1.1\r\nHost: h\r\nVia: 1.0 a\r\nConnection: Via\r\nvia: HTTP/2 b:1 (c)\r\n\r\n";

    fn heard(head: &str, name: &str, via: Via) -> Vec<String> {
        let host = Host { name: name.into(), via, ..Host::default() };
        Told { head, host, ..Told::default() }.field("Via")
    }

    /// R35: it is written after the strip, and what proxies before us said survives.
    #[test]
    fn our_hop_is_the_last_of_one_list() {
        let list = "1.0 a, HTTP/2 b:1 (c), 1.1 front.example";
        assert_eq!(heard(HEAD, "front.example", Via::On), [list]);
        let full = format!("{list} (Underpass/{})", env!("CARGO_PKG_VERSION"));
        assert_eq!(heard(HEAD, "front.example", Via::Full), [full]);
    }

    /// RFC 9110 §7.6.3: the number is that of the message that we received.
    #[test]
    fn our_hop_says_how_it_was_asked() {
        assert_eq!(heard("GET / HTTP/1.0\r\n\r\n", "f", Via::On), ["1.0 f"]);
        assert_eq!(heard("GET / HTTP/1.1\r\nHost: h\r\n\r\n", "::1", Via::On), ["1.1 [::1]"]);
    }

    #[test]
    fn a_request_goes_on_with_what_came_or_with_nothing() {
        assert_eq!(heard(HEAD, "f", Via::Off), ["1.0 a", "HTTP/2 b:1 (c)"]);
        assert_eq!(heard(HEAD, "f", Via::Block), [""; 0]);
    }
}
