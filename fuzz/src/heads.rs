//! What is true of every head, whoever sends it: it is found at the same place however it is cut, and
//! what we write is as strict as what we take.

use std::ops::Range;

use underpass_core::head::{BadHead, Fields, Scan, Version};
use underpass_core::limits::{HEAD_MOST, Limits};
use underpass_core::route::{Host, Via};

/// Limits that every head of ours keeps.
pub const WIDE: Limits =
    Limits { line: HEAD_MOST as u32, field: HEAD_MOST as u32, ..Limits::RESPONSE };

/// Limits of that number, of whose bits the lower two count: those given, narrow ones, wide ones, none.
pub fn limits(number: u8, usual: &Limits) -> Limits {
    match number % 4 {
        0 => *usual,
        1 => Limits { line: 40, field: 30, fields: 4, ..*usual },
        2 => Limits { line: 60_000, field: 60_000, fields: 200, ..*usual },
        _ => Limits { line: 0, field: 0, fields: 0, ..*usual },
    }
}

/// Where the head of `bytes` stands, if they have one and nothing comes behind them; checks that it
/// stands there as well if so many come `first`, and then always so many (and one).
pub fn find(
    bytes: &[u8],
    [first, further]: [u8; 2],
    limits: &Limits,
) -> Result<Option<Range<usize>>, BadHead> {
    let found = look(bytes, usize::MAX, 1, limits);
    let dribbled = look(bytes, first.into(), usize::from(further) + 1, limits);
    match (&found, &dribbled) {
        // Which limit is met first may depend on the cuts; what the client is told does not.
        (Err(whole), Err(cut)) => assert_eq!(whole.status(), cut.status()),
        _ => assert_eq!(found, dribbled, "the cuts matter"),
    }
    found
}

fn look(
    bytes: &[u8],
    first: usize,
    further: usize,
    limits: &Limits,
) -> Result<Option<Range<usize>>, BadHead> {
    let mut scan = Scan::default();
    for end in (first..bytes.len()).step_by(further) {
        if let Some(range) = scan.find(&bytes[..end], limits)? {
            return Ok(Some(range));
        }
    }
    Ok(scan.find(bytes, limits)?.or_else(|| scan.find_last(bytes, limits)))
}

/// A head of ours is one head, and nothing behind it; it has no byte that could end a line but CR LF,
/// and no NUL (R29).
pub fn must_be_strict(bytes: &[u8]) {
    let found = Scan::default().find(bytes, &WIDE);
    assert_eq!(found, Ok(Some(0..bytes.len())), "it ends where it ends: {}", bytes.escape_ascii());
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'\r' => assert_eq!(bytes.get(at + 1), Some(&b'\n'), "a bare CR at {at}"),
            b'\n' => assert_eq!(bytes[at - 1], b'\r', "a bare LF at {at}"),
            byte => assert_ne!(*byte, 0, "a NUL at {at}"),
        }
    }
}

/// That field stands there once, and what we say is the last element of its list.
pub fn must_end(fields: &Fields<'_, '_>, name: &str, own: &str) {
    let all: Vec<_> = fields.all(name).collect();
    let [list] = all[..] else { panic!("{name} stands there {} times", all.len()) };
    let before = list.strip_suffix(own.as_bytes());
    let apart = before.is_some_and(|list| list.is_empty() || list.ends_with(b", "));
    assert!(apart, "{name}: {}", list.escape_ascii());
}

/// `Via` says what it said, and if the host wants that, our hop of a message that came in that version.
pub fn must_name_our_hop(
    ours: &Fields<'_, '_>,
    came: &Fields<'_, '_>,
    version: Version,
    host: &Host,
) {
    let number = if version == Version::Http10 { "1.0" } else { "1.1" };
    let name = if host.name == "::1" { "[::1]" } else { &host.name };
    let hop = format!("{number} {name}");
    match host.via {
        Via::Off | Via::Block => assert!(ours.all("via").eq(came.all("via"))),
        Via::On => must_end(ours, "via", &hop),
        Via::Full => must_end(ours, "via", &(hop + &product(ours))),
    }
}

/// The comment at the end of `Via`, with whatever version we have.
fn product(fields: &Fields<'_, '_>) -> String {
    let last = fields.all("via").last().unwrap_or_default();
    let text = String::from_utf8_lossy(last).into_owned();
    let start = text.rfind(" (Underpass/").expect("Full says what we are");
    text[start..].to_owned()
}
