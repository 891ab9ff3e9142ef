//! Traces: what is recorded replays, whatever was changed in it is found, and no secret is in it.
//!
//! Beside these tests, every session of `chaos`, `keep`, `reuse`, `conversation`, `overrides` and `splits`
//! is recorded and replayed.

mod world;

use std::num::NonZeroU32;

use underpass_core::route::Caller;
use underpass_core::route::Rules;
use underpass_core::time::{Time, Wait};
use underpass_core::trace::{Divergence, End, Event, Move, NoReplay, Opening, Outcome};
use underpass_core::trace::{Replayed, play, replay};
use underpass_core::{Dial, Fault, Pumped, Side};
use world::{CONF, World, heads, rules};

use Side::{Backend, Client};

const SECRET: &str = "c2VjcmV0OnBhc3M";
const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";
const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAA==";
const PROOF: &str = "ICX+Yqv66kxgM0FcWaLWlFLwTAI=";

/// A connection that carries an exchange in chunks, one with lengths, a refusal, and a tunnel: the secret
/// is in each of them. The last head comes in pieces of that size.
fn rich(rules: &Rules, piece: usize) -> Vec<Event> {
    let mut world = World::recorded(rules);
    let post = heads::get(&format!("Cookie: id={SECRET}\r\n{CHUNKED}")).replace("GET", "POST");
    world.hear(Client, &format!("{post}f;{SECRET}=1\r\n{SECRET}\r\n0\r\nX-T: {SECRET}\r\n\r\n"));
    world.hear(Backend, &format!("HTTP/1.1 200 OK\r\nSet-Cookie: {SECRET}\r\n{CHUNKED}\r\n"));
    world.hear(Backend, &format!("f\r\n{SECRET}\r\n0\r\n\r\n"));
    let put = heads::get("Content-Length: 30\r\n").replace("GET", "PUT");
    world.hear(Client, &format!("{put}{SECRET}"));
    world.hear(Client, SECRET);
    world.hear(Backend, &format!("HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n{SECRET}"));
    world.hear(Backend, SECRET);
    world.hear(Client, &heads::get("").replace("/page", "/no/x"));
    world.pass(Wait::from_secs(1));
    let ask = heads::ask(&format!("Authorization: Basic {SECRET}\r\nX-Api-Key: {SECRET}\r\n"));
    let ask = ask.replace("/chat", &format!("/chat?token={SECRET}"));
    for piece in ask.replace("dGhlIHNhbXBsZSBub25jZQ==", KEY).as_bytes().chunks(piece) {
        world.hear(Client, std::str::from_utf8(piece).expect("ASCII"));
    }
    let switch = heads::switch("").replace("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", PROOF);
    world.hear(Backend, &format!("{switch}{SECRET}"));
    for side in Side::BOTH {
        world.hear(side, SECRET);
        world.end(side);
    }
    assert!(
        world.session.is_closed() && world.wires.reports.len() == 4,
        "{:?}",
        world.wires.reports
    );
    world.recording.as_mut().expect("it is recorded").tape.take()
}

fn opening() -> Opening {
    let lines = CONF.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned);
    Opening::new(7, Caller::at_main(world::CLIENT), Time::ZERO, lines.collect())
}

fn text(events: &[Event]) -> String {
    let mut out = Vec::new();
    opening().write(&mut out);
    events.iter().for_each(|event| event.write(&mut out));
    String::from_utf8(out).expect("JSON")
}

fn diverged(events: Vec<Event>) -> Divergence {
    match play(&opening(), &rules(CONF), events) {
        Err(NoReplay::Diverged(divergence)) => *divergence,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_trace_is_a_text_that_replays() {
    let events = rich(&rules(CONF), 200);
    let text = text(&events);
    let Ok(Replayed { turns, moves, reports, end: End::Closed }) = replay(text.as_bytes()) else {
        panic!("{:?}", replay(text.as_bytes()))
    };
    assert_eq!(2 * turns + moves, events.len() as u64);
    assert_eq!(
        reports.iter().map(|report| report.status).collect::<Vec<_>>(),
        [200, 200, 404, 101]
    );
    let weight: usize = events.iter().map(Event::weight).sum();
    assert!(text.len() < weight, "{} bytes, and {weight} were foreseen", text.len());
}

/// Everything that is secret is in the session, and nothing of it in its trace, however it came.
#[test]
fn no_secret_is_written_down() {
    for piece in [1, 2, 20, 999] {
        let text = text(&rich(&rules(CONF), piece));
        for secret in [SECRET, &SECRET[4..], KEY, PROOF, "Basic"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        let fields =
            ["Cookie: ", "Set-Cookie: ", "Authorization: ", "X-Api-Key: ", "Upgrade: websocket"];
        let missing = fields.into_iter().find(|field| !text.contains(field) && piece == 999);
        assert_eq!(missing, None, "{text}");
        assert_eq!(replay(text.as_bytes()).map(|replayed| replayed.end), Ok(End::Closed));
    }
}

/// The first event that differs is the one that is named, whichever it is.
#[test]
fn a_trace_with_one_event_changed_diverges_there() {
    let events = rich(&rules(CONF), 200);
    let mut kinds = std::collections::BTreeSet::new();
    for (place, event) in events.iter().enumerate() {
        let Some(changed) = changed(event) else { continue };
        let mut events = events.clone();
        events[place] = changed.clone();
        let divergence = diverged(events);
        assert_eq!((divergence.number, divergence.recorded), (place as u64 + 1, Some(changed)));
        kinds.insert(event.to_string().split(' ').next().map(str::to_owned));
    }
    assert_eq!(kinds.len(), 13, "{kinds:?}");
}

/// The same event with something else that the session said: not with another outcome, which would be
/// another session.
fn changed(event: &Event) -> Option<Event> {
    let Event::Made(asked, outcome) = event else {
        let Event::Rests(state, _) = event else { return None };
        return Some(Event::Rests(state.clone(), Pumped::Waiting(Some(Time::from_micros(1)))));
    };
    let other = match asked.clone() {
        Move::Secure(side) => Move::Secure(!side),
        Move::Fill(side, room) => Move::Fill(side, room + 1),
        Move::Flush(to, size) => Move::Flush(to, size - 1),
        Move::Elect { balancer, failed } => Move::Elect { balancer, failed: !failed },
        Move::Connect(Dial::Idle) => Move::Connect(Dial::Address(0)),
        Move::Connect(Dial::Address(_)) => Move::Connect(Dial::Idle),
        Move::Confirm => Move::Park,
        Move::Release { mut report, leased } => {
            report.pushed.client += 1;
            Move::Release { report, leased }
        }
        Move::Pull(from, most) => Move::Pull(from, most / 2),
        Move::Push(to) => Move::Push(!to),
        Move::Shut(side) => Move::Shut(!side),
        Move::Watch(side) => Move::Watch(!side),
        Move::Park => Move::Confirm,
    };
    Some(Event::Made(other, outcome.clone()))
}

#[test]
fn an_event_more_or_less_diverges() {
    let events = rich(&rules(CONF), 200);
    for place in 0..events.len() - 1 {
        let mut less = events.clone();
        let gone = less.remove(place);
        // A driver may say "not now" to the last of several moves or not be asked at all.
        if !matches!(gone, Event::Made(_, Outcome::Pending)) {
            let number = diverged(less).number;
            assert!(
                (place as u64..place as u64 + 3).contains(&number),
                "{number}, not {place}: {gone}"
            );
        }
        let mut more = events.clone();
        more.insert(place, Event::Made(Move::Park, Outcome::Done));
        assert_eq!(diverged(more).recorded, Some(Event::Made(Move::Park, Outcome::Done)));
    }
}

/// Whoever changes a trace makes it diverge at the worst: what no driver can answer does not go through.
#[test]
fn impossible_outcomes_diverge_and_do_not_panic() {
    let events = rich(&rules(CONF), 200);
    let saw = |json: &str| Outcome::Saw(serde_json::from_str(json).expect("bytes, or nearly"));
    let impossible = [
        Outcome::Moved(NonZeroU32::MAX),
        saw("[4294967295, 4294967295]"),
        saw("[]"),
        saw(r#"["\u1234"]"#),
    ];
    let possible = [Outcome::Done, Outcome::Eof, Outcome::Broke(Fault::Reset), Outcome::Pending];
    for place in 0..events.len() {
        for outcome in impossible.iter().chain(&possible) {
            let mut events = events.clone();
            if let Event::Made(_, was) = &mut events[place] {
                *was = outcome.clone();
                let replayed = play(&opening(), &rules(CONF), events);
                let fails = replayed.is_err() || !impossible.contains(outcome);
                assert!(fails, "{place}: {outcome:?}");
            }
        }
    }
}

/// What has been pushed of what was pulled cannot be pushed again.
#[test]
fn a_trace_in_which_more_goes_out_than_came_in_diverges() {
    let mut events = rich(&rules(CONF), 200);
    let is_push = |event: &Event| matches!(event, Event::Made(Move::Push(_), Outcome::Moved(_)));
    let last = events.iter().rposition(is_push).expect("there was a tunnel");
    let Event::Made(_, Outcome::Moved(count)) = &mut events[last] else { panic!("it moved") };
    *count = count.saturating_add(1);
    assert_eq!(diverged(events).number, last as u64 + 1);
}

#[test]
fn what_is_recorded_has_its_weight_and_its_reports() {
    let events = rich(&rules(CONF), 200);
    assert_eq!(events.iter().filter_map(Event::report).count(), 4);
    for event in &events {
        let weight = match event {
            Event::Made(Move::Release { .. }, _) => 512,
            Event::Made(_, Outcome::Saw(seen)) => {
                let seen = 129..=128 + 6 * seen.len().max(2);
                assert!(
                    seen.contains(&event.weight()),
                    "a number is twelve, a byte six at the most"
                );
                continue;
            }
            Event::Turn { .. } | Event::Made(..) | Event::Rests(..) => 128,
        };
        assert_eq!(event.weight(), weight);
    }
}

/// A daemon that is killed leaves the beginning of a trace, perhaps with half a line.
#[test]
fn what_was_written_before_a_crash_replays() {
    let text = text(&rich(&rules(CONF), 200));
    let first = text.find('\n').expect("a line");
    let mut ends = Vec::new();
    for cut in (first + 1..text.len()).step_by(7) {
        let replayed = replay(&text.as_bytes()[..cut]).unwrap_or_else(|none| panic!("{none}"));
        ends.push(replayed.end);
    }
    assert!(ends.contains(&End::Cut) && ends.contains(&End::Open) && !ends.contains(&End::Closed));
}

#[test]
fn what_is_no_trace_is_told_by_its_line() {
    let events = rich(&rules(CONF), 200);
    let why = |text: &str| match replay(text.as_bytes()) {
        Err(none) => none.to_string(),
        Ok(replayed) => panic!("{replayed}"),
    };
    assert!(why("").starts_with("line 1: "), "{}", why(""));
    assert!(why("{}\n").starts_with("line 1: missing field"), "{}", why("{}\n"));
    let good = text(&events);
    let newer = good.replacen("\"underpass_trace\":1", "\"underpass_trace\":2", 1);
    assert_eq!(why(&newer), "line 1: a trace of format 2, not 1");
    let mut lines: Vec<_> = good.lines().collect();
    lines[4] = "nonsense";
    assert!(why(&(lines.join("\n") + "\n")).starts_with("line 5: expected"));
    let unknown = good.replacen("ServerName", "ServerNickname", 1);
    assert!(why(&unknown).contains("unknown directive `ServerNickname`"), "{}", why(&unknown));
    let other = good.replacen("ProxyPass /ws/", "ProxyPass /wss/", 1);
    let told = why(&other);
    assert!(told.starts_with("it diverges at event ") && told.contains("\n  recorded: "), "{told}");
}
