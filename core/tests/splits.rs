//! Every head, however it is cut: whole, in two at every byte, and byte by byte, it gives exactly the
//! same bytes to both sides, the same state and the same report; and that outcome is the one that
//! `corpus` says for its rule.

mod corpus;
mod world;

use corpus::{Asked, Case, Gives, ours, requests, responses};
use underpass_core::report::{Close, Report};
use underpass_core::route::Rules;
use underpass_core::{Side, limits};
use world::{CONF, World, heads, rules};

/// Everything that can be seen of a session from outside.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    client: String,
    backend: String,
    state: &'static str,
    report: Option<Report>,
}

impl Seen {
    fn of(mut world: World<'_>) -> Self {
        Self {
            client: world.heard(Side::Client),
            backend: world.heard(Side::Backend),
            state: world.session.state(),
            report: world.wires.reports.first().copied(),
        }
    }

    /// The status that we refused with, as the client reads it.
    fn refusal(&self) -> Option<u16> {
        let refused = matches!(self.report?.close, Close::Refused(_));
        let status = heads::split(self.client.as_bytes()).0.last().copied()?;
        assert!(!refused || self.report?.status == status, "the report says another status");
        refused.then_some(status)
    }
}

/// The pieces of `bytes`: whole, in two at every byte, and byte by byte.
fn cuts(bytes: &str) -> impl Iterator<Item = Vec<&[u8]>> {
    let bytes = bytes.as_bytes();
    let pairs = (1..bytes.len()).map(move |at| vec![&bytes[..at], &bytes[at..]]);
    [vec![bytes], bytes.chunks(1).collect()].into_iter().chain(pairs)
}

/// What comes of `bytes` from that side, which must be the same however they are cut.
fn however_cut<'r>(
    start: impl Fn() -> World<'r>,
    from: Side,
    bytes: &str,
    then: impl Fn(&mut World<'r>),
) -> Seen {
    let mut all = cuts(bytes).map(|pieces| {
        let mut world = start();
        for piece in &pieces {
            world.wires.peers[from].to_come.extend(*piece);
            let _ = world.settle();
        }
        then(&mut world);
        (pieces.iter().map(|piece| piece.len()).collect::<Vec<_>>(), Seen::of(world))
    });
    let (_, whole) = all.next().expect("one way is to cut nothing");
    for (lengths, seen) in all {
        assert_eq!(seen, whole, "{bytes:?} in pieces of {lengths:?} bytes");
    }
    whole
}

/// `CONF` and `more`, with the limits that the corpus of requests is written for.
fn narrow(more: &str) -> Rules {
    let limits = "LimitRequestLine 64\nLimitRequestFieldSize 64\nLimitRequestFields 12\n";
    rules(&[CONF, limits, more].concat())
}

/// R2, R3, R8–R10, R20–R22, R26, R28–R30, R32–R36 for requests.
#[test]
fn a_request_gives_what_its_rule_says_however_it_is_cut() {
    let cases = requests();
    assert!(cases.len() >= 90, "only {}", cases.len());
    assert_requests(&narrow(""), cases);
}

/// R35 for what we write ourselves.
#[test]
fn ours_is_written_however_the_heads_are_cut() {
    assert_requests(&narrow(ours::OURS), ours::requests());
    assert_responses(&narrow(ours::OURS), ours::responses());
}

fn assert_requests(rules: &Rules, cases: Vec<Case>) {
    for Case { rule, head, gives } in cases {
        let seen = however_cut(|| World::recorded(rules), Side::Client, &head, |_| ());
        match gives {
            Gives::Refused(status) => {
                assert_eq!(seen.refusal(), Some(status), "{rule}: {seen:#?}");
                // A plain request that was understood leaves the connection as it was.
                let kept = !seen.client.contains("close\r\n");
                let understood = rule == "a bad path" || rule.starts_with("Max-Forwards");
                assert!(!kept || status == 404 || understood, "{rule}: {seen:#?}");
                let state = if kept { "Request" } else { "Linger" };
                assert_eq!((seen.backend.as_str(), seen.state), ("", state), "{rule}");
            }
            Gives::Passed(heard) => {
                assert_eq!(seen.backend, heard, "{rule}");
                assert_eq!((seen.client.as_str(), seen.state), ("", "Answer"), "{rule}");
            }
            Gives::Switched(_) => unreachable!("a request switches nothing"),
        }
    }
}

/// R1, R3, R3b, R4, R9, R10, R16, R20–R23, R28–R30, R34–R37 for responses.
#[test]
fn a_response_gives_what_its_rule_says_however_it_is_cut() {
    let cases = responses();
    assert!(cases.len() >= 50, "only {}", cases.len());
    assert_responses(&rules(CONF), cases);
}

fn assert_responses(rules: &Rules, cases: Vec<(Asked, Case)>) {
    for (asked, Case { rule, head, gives }) in cases {
        let start = || {
            let mut world = World::recorded(rules);
            world.hear(Side::Client, &asked.head());
            world.wires.peers.backend.heard.clear();
            world
        };
        let switched = matches!(gives, Gives::Switched(_));
        let seen = however_cut(start, Side::Backend, &head, |world| {
            if !switched {
                world.end(Side::Backend);
            }
        });
        assert_eq!(seen.backend, "", "{rule}: the backend heard more than its request");
        match gives {
            Gives::Refused(status) => {
                assert_eq!(seen.refusal(), Some(status), "{rule}: {seen:#?}");
            }
            Gives::Passed(heard) => {
                assert_eq!(seen.client, heard, "{rule}");
                assert_eq!(seen.report.map(|report| report.close), Some(Close::Answered), "{rule}");
            }
            Gives::Switched(heard) => {
                assert_eq!((seen.client, seen.state), (heard, "Tunnel"), "{rule}");
            }
        }
    }
}

/// R5, R7: what a client sends behind its head stays with us until a verified 101; then it goes
/// first, as does what the backend sent behind its own head.
#[test]
fn early_bytes_leave_only_through_the_tunnel() {
    let rules = rules(CONF);
    let early = format!("{}GET /no/ HTTP/1.1\r\n\r\n", heads::ask(""));
    let asked = however_cut(|| World::recorded(&rules), Side::Client, &early, |_| ());
    assert_eq!(asked.backend, heads::asked(""));

    let start = || {
        let mut world = World::recorded(&rules);
        world.hear(Side::Client, &early);
        world
    };
    let answer = format!("{}hello", heads::switch(""));
    let seen = however_cut(start, Side::Backend, &answer, |_| ());
    assert_eq!(seen.backend, format!("{}GET /no/ HTTP/1.1\r\n\r\n", heads::asked("")));
    assert_eq!(seen.client, format!("{}hello", heads::switched("")));
}

/// R5, R7: whatever else the backend says, it never sees them, and they are not parsed either.
#[test]
fn early_bytes_die_with_a_refused_upgrade() {
    let rules = rules(CONF);
    let no = [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi".to_owned(),
        "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n".to_owned(),
        heads::switch("").replace("s3pP", "S3pP"),
        "nonsense".to_owned(),
    ];
    for answer in no {
        let start = || {
            let mut world = World::recorded(&rules);
            world.hear(Side::Client, &format!("{}{}", heads::ask(""), heads::get("")));
            world
        };
        let seen = however_cut(start, Side::Backend, &answer, |world| {
            world.hear(Side::Client, &heads::get(""));
            world.end(Side::Backend);
            world.end(Side::Client);
            world.assert_nothing_is_lent();
        });
        assert_eq!(seen.backend, heads::asked(""), "{answer:?}");
        assert_eq!(seen.client.matches("HTTP/1.1").count(), 1, "{answer:?}: {}", seen.client);
    }
}

/// R10: a body before the switch goes out first; only then is there a tunnel, and what stands behind
/// the body goes through it.
#[test]
fn another_protocol_switches_behind_the_body() {
    let rules = rules(CONF);
    let asked = format!("{}hello, early", Asked::Foo.head());
    let answer = "HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: FOO\r\n\r\nlate";
    let seen = however_cut(
        || World::recorded(&rules),
        Side::Client,
        &asked,
        |world| {
            let heard = world.heard(Side::Backend);
            assert!(heard.ends_with("\r\n\r\nhello"), "{heard}");
            world.hear(Side::Backend, answer);
        },
    );
    assert_eq!((seen.state, seen.backend.as_str()), ("Tunnel", ", early"));
    let heard =
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: FOO\r\n\r\nlate";
    assert_eq!(seen.client, heard);
}

/// R23, R24: a request body with a bad chunk is a bad request, and how much of the good chunks before it
/// has gone on depends on the cut, but never is anything of the bad one.
#[test]
fn a_bad_chunk_in_a_request_is_refused_however_it_is_cut() {
    let rules = rules(CONF);
    let head = heads::get("Transfer-Encoding: chunked\r\n");
    let bad = [
        "0x5\r\n",
        "+5\r\n",
        "5 \r\n",
        "_5\r\n",
        "\r\n",
        "00000000000000005\r\n",
        "5\n",
        "5;x\rb",
        "5;\r\n",
    ];
    for bad in bad.map(|bad| format!("2\r\nhi\r\n{bad}")) {
        for pieces in cuts(&format!("{head}{bad}")) {
            let mut world = World::recorded(&rules);
            for piece in pieces {
                world.wires.peers.client.to_come.extend(piece);
                let _ = world.settle();
            }
            let seen = Seen::of(world);
            assert_eq!(seen.refusal(), Some(400), "{bad:?}");
            let (_, body) = seen.backend.split_once("\r\n\r\n").unwrap_or_default();
            let passed = bad.replace(";x", "");
            assert!(passed.starts_with(body) && body.len() < passed.len(), "{bad:?} gave {body:?}");
        }
    }
}

/// R23: a response with a bad chunk never looks whole, however it is cut.
#[test]
fn a_bad_chunk_in_a_response_never_looks_whole() {
    let rules = rules(CONF);
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for bad in ["0x5\r\n", "-5\r\n", "5 \r\n", "5\r\nhelloX", "0\r\n\n"] {
        for pieces in cuts(&format!("{head}2\r\nhi\r\n{bad}0\r\n\r\n")) {
            let mut world = World::recorded(&rules);
            world.hear(Side::Client, &heads::get(""));
            for piece in pieces {
                world.wires.peers.backend.to_come.extend(piece);
                let _ = world.settle();
            }
            let cut = Close::Cut(Side::Backend);
            let seen = Seen::of(world);
            let close = seen.report.map(|report| report.close);
            assert!(seen.refusal() == Some(502) || close == Some(cut), "{bad:?}: {close:?}");
        }
    }
}

/// R31, R32: around the widths of narrow integers and the cap, where each byte would take too long.
#[test]
fn long_heads_are_refused_at_the_cap_and_not_read_further() {
    let rules = rules(&[CONF, "LimitRequestFieldSize 8190\nLimitRequestFields 100\n"].concat());
    for field in [255, 256, 4_096, 8_187, 8_188, 8_192, 65_535, 65_536, 100_000] {
        let head = heads::get(&format!("A: {}\r\n", "x".repeat(field)));
        let refused = field + 3 > 8_190;
        for piece in [1_021, 8_192, usize::MAX] {
            let mut world = World::recorded(&rules);
            for piece in head.as_bytes().chunks(piece.min(head.len())) {
                world.wires.peers.client.to_come.extend(piece);
                if world.close().is_none() {
                    let _ = world.settle();
                }
                assert!(world.session.held() <= limits::HEAD_MOST);
            }
            assert_eq!(Seen::of(world).refusal(), refused.then_some(431), "{field}");
        }
    }
    let many = heads::get(&format!("A: {}\r\n", "x".repeat(8_000)).repeat(9));
    let mut world = World::recorded(&rules);
    world.hear(Side::Client, &many);
    assert_eq!(Seen::of(world).refusal(), Some(431), "the head as a whole");
}
