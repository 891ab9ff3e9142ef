//! Which states are the same: those that differ only in what decides nothing.

use underpass_core::Side;

use super::scene::Scene;

/// The longest wait that is configured, in seconds: what is longer ago is for ever ago.
const LONGEST: i128 = 60;

/// All of a scene that decides what can follow, as text.
///
/// Folded are: how many bytes have come and what has been heard (the laws compare both with what was
/// said); moments, which count from now in whole seconds, and only where they are looked at; faults
/// that are only reported; that more than two requests were served.
pub(crate) fn canonical(scene: &Scene<'_>) -> String {
    let (session, wires) = (&scene.world.session, &scene.world.wires);
    if session.is_closed() {
        return session.state().into();
    }
    let sides = if session.state() == "Linger" { &Side::BOTH[..1] } else { &Side::BOTH };
    let peers = sides.iter().map(|&side| {
        let peer = &wires.peers[side];
        let broken = (peer.lost.is_some(), peer.deaf.is_some());
        (peer.to_come.len(), peer.ended, peer.seen_end, peer.told, broken)
    });
    let peers: Vec<_> = peers.collect();
    let carried = Side::BOTH.map(|side| wires.carriers[side].len());
    let reports = wires.reports.len();
    let over =
        if scene.script.repeats() { reports % scene.script.exchanges.len() } else { reports };
    let others = (over, wires.peers.backend.served > reports, wires.idle.len(), scene.is_full());
    let text = format!("{session:?}{:?}{peers:?}{carried:?}{others:?}", wires.pool);
    from_now(&forget(text, session.state()), wires.now.as_micros())
}

/// The text without what is not looked at in that state.
fn forget(mut text: String, state: &str) -> String {
    let moves = ["Offer", "Answer", "Exchange", "Tunnel"].contains(&state);
    for (from, to, dead) in [
        ("began: ", ", deadline", true),
        ("deadline: ", ", served", moves),
        ("flows: ", ", lease", !moves),
        ("fault: ", " }", true),
    ] {
        if dead && let Some(start) = text.find(from) {
            let end = text[start..].find(to).map_or(text.len(), |end| start + end);
            text.replace_range(start..end, "");
        }
    }
    text = with_numbers(&text, "pulled: ", |_| 0);
    text = with_numbers(&text, "dropped: ", |_| 0);
    with_numbers(&text, "served: ", |count| count.min(2).into())
}

/// The text with moments that count from `now`.
fn from_now(text: &str, now: u64) -> String {
    with_numbers(text, "Time(", |at| match at {
        u64::MAX => i128::MAX,
        at => ((i128::from(at) - i128::from(now) + 500_000).div_euclid(1_000_000)).max(-LONGEST),
    })
}

/// The text with another number wherever one follows `name`.
fn with_numbers(text: &str, name: &str, number: impl Fn(u64) -> i128) -> String {
    let mut pieces = text.split(name);
    let mut all = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece.find(|byte: char| !byte.is_ascii_digit()).unwrap_or(piece.len());
        let (digits, rest) = piece.split_at(end);
        let digits = digits.parse().expect("a number follows");
        all += &format!("{name}{}{rest}", number(digits));
    }
    all
}
