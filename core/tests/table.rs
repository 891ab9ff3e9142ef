//! What a session does in every state with everything that can happen to it, as a text to be read:
//! `table.txt`. A change of behaviour shows as a change of that text.
//!
//! `UPDATE=1 cargo test -p underpass-core --test table` writes it anew; read the diff before you
//! commit it.

mod world;

use std::fmt::Write as _;

use underpass_core::route::Rules;
use underpass_core::{Fault, Op, Side};
use world::rows::{asks_for, outcome, words};
use world::start::*;
use world::step::Step;
use world::wires::CALM;
use world::{CONF, Luck, World, heads, rules};

const COMMITTED: &str = include_str!("table.txt");

const INTRODUCTION: &str = "\
What a session does, in every state, with everything that can happen to it.

Made by tests/table.rs. Each section is one situation: what has happened so far, the moves that the
session asks for (the first that is not blocked is made), and for each move what can come of it:

    move             what comes of it    -> the next state: the moves that it asks for
                                         -> the end: the status we sent, why it ended, what follows

\"a byte\" is one byte, or half of a head; \"all\" is all that is there. Outcomes with the same
consequence share a line.
";

#[test]
fn a_session_does_what_the_table_says() {
    let rules = rules(CONF);
    let mut table = INTRODUCTION.to_owned();
    for (title, start) in situations() {
        describe(title, || start(&rules), &mut table);
    }
    if update() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/table.txt");
        return std::fs::write(path, table).expect("the folder can be written to");
    }
    for (number, (made, committed)) in table.lines().zip(COMMITTED.lines()).enumerate() {
        assert_eq!(made, committed, "line {} of table.txt; see the head of table.rs", number + 1);
    }
    assert_eq!(table, COMMITTED, "the lengths differ; see the head of table.rs");
}

/// A move that is blocked changes nothing: the same moves are asked for again.
#[test]
fn what_is_blocked_can_be_asked_for_again() {
    let rules = rules(CONF);
    for (title, start) in situations() {
        let mut world = start(&rules);
        let offers = world.offers();
        for &op in offers.iter().filter(|op| !matches!(op, Op::Confirm | Op::Release | Op::Park)) {
            world.step(Step::Move(op, Luck::Block));
            assert_eq!(world.offers(), offers, "{title}: {op}");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test may be told to write its table")]
fn update() -> bool {
    std::env::var("UPDATE").is_ok_and(|value| value == "1")
}

/// One section of the table.
fn describe<'r>(title: &str, start: impl Fn() -> World<'r>, table: &mut String) {
    let world = start();
    let (state, offers) = (world.session.state(), asks_for(&world));
    writeln!(table, "\n\n{state}: {title}\n    asks for {offers}\n").expect("a string takes all");
    let mut rows: Vec<(String, Vec<String>, String)> = Vec::new();
    for step in world.steps(&Fault::ALL) {
        let mut world = start();
        world.step(step);
        let (what, how) = words(step, &start());
        let outcome = outcome(&mut world, step);
        match rows.iter_mut().find(|row| row.0 == what && row.2 == outcome) {
            Some(row) => row.1.push(how),
            None => rows.push((what, vec![how], outcome)),
        }
    }
    for (what, hows, outcome) in rows {
        let hows = shortened(&hows);
        // A long list of faults has a line of its own.
        let gap = if hows.len() > 18 { format!("\n{:40}", "") } else { String::new() };
        writeln!(table, "    {what:<16} {hows:<19}{gap} -> {outcome}").expect("a string takes all");
    }
}

/// The same things in fewer words.
fn shortened(hows: &[String]) -> String {
    let faults = Fault::ALL.map(|fault| fault.to_string());
    let (broken, mut rest): (Vec<_>, Vec<_>) =
        hows.iter().cloned().partition(|how| faults.contains(how));
    rest.dedup();
    let missing: Vec<_> = faults.iter().filter(|fault| !broken.contains(fault)).collect();
    match missing.len() {
        0 => rest.push("any fault".into()),
        1..=3 => rest.push("any other fault".into()),
        _ => rest.extend(broken),
    }
    rest.join(", ")
}

type Start = for<'r> fn(&'r Rules) -> World<'r>;

type Situations = Vec<(&'static str, Start)>;

/// Every state, in its situations.
fn situations() -> Situations {
    [before_the_answer(), tunnels(), exchanges(), kept(), ends()].concat()
}

fn before_the_answer() -> Situations {
    vec![
        ("accepted", |rules| World::new(rules)),
        ("nothing has come, a head is there", |rules| asking(rules, "")),
        ("half a head has come, the rest is there", |rules| asking(rules, "GET /ws/chat")),
        ("nothing has come, a bad head is there", |rules| asking(rules, "bad")),
        ("routed", |rules| until(rules, "Elect", &heads::ask(""))),
        ("the first address of two", |rules| dialling(rules, 0)),
        ("the last address that is tried", |rules| dialling(rules, 7)),
        ("connected", |rules| until(rules, "Secure", &heads::ask(""))),
        ("a head for the backend", |rules| until(rules, "Offer", &heads::ask(""))),
        ("a verified 101 is there", |rules| answering(rules, &heads::switch(""))),
        ("a 101 without proof is there", |rules| {
            answering(rules, "HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        }),
        ("a 101 for a subprotocol that was not offered is there", |rules| {
            answering(rules, &heads::switch("Sec-WebSocket-Protocol: chat\r\n"))
        }),
        ("a response with a body is there", |rules| answering(rules, &length("hi"))),
        ("a response without one is there", |rules| answering(rules, NO_BODY)),
        ("an interim head for the client, nothing more there", interim),
        ("a request body by length is there, all of which is kept", |rules| {
            asked(rules, LENGTH, "hello")
        }),
        ("a request body by length is there, too long to be kept", |rules| {
            asked(rules, "Content-Length: 9000\r\n", "hello")
        }),
        ("a request body in chunks is there", |rules| {
            asked(rules, CHUNKED, "5\r\nhello\r\n0\r\n\r\n")
        }),
        ("a request body with a bad chunk is there", |rules| asked(rules, CHUNKED, "+5\r\n")),
    ]
}

fn tunnels() -> Situations {
    vec![
        ("just switched, residue both ways", switched),
        ("the 101 is not out, bytes both ways are there", unsaid),
        ("open and quiet, bytes both ways are there", open),
        ("bytes in flight both ways", |rules| {
            stepped(open(rules), &[Op::Pull(Side::Client), Op::Pull(Side::Backend)])
        }),
        ("the client has ended, the backend is not told", |rules| ended(open(rules), Side::Client)),
        ("half-closed by the client", |rules| {
            stepped(ended(open(rules), Side::Client), &[Op::Shut(Side::Backend)])
        }),
        ("both have ended, the client is not told", |rules| {
            let world =
                stepped(ended(World::tunnel(rules), Side::Client), &[Op::Shut(Side::Backend)]);
            ended(world, Side::Backend)
        }),
        ("the backend no longer reads", |rules| {
            let mut world = stepped(open(rules), &[Op::Pull(Side::Client)]);
            world.step(Step::Move(Op::Push(Side::Backend), Luck::Break(Fault::Closed)));
            world
        }),
    ]
}

fn exchanges() -> Situations {
    vec![
        ("the worker has answered", |rules| relaying(rules, "", &length("hi"), &[])),
        ("a response head for the client, its body there", |rules| {
            relaying(rules, "", &length("hi"), &[Op::Confirm])
        }),
        ("a response body by length is there", |rules| {
            relaying(rules, "", &length("hi"), &[Op::Confirm, Op::Flush(Side::Client)])
        }),
        ("its last bytes in flight", |rules| {
            let steps = [Op::Confirm, Op::Flush(Side::Client), Op::Pull(Side::Backend)];
            relaying(rules, "", &length("hi"), &steps)
        }),
        ("a response body in chunks is there", |rules| {
            let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
            relaying(rules, "", head, &[Op::Confirm, Op::Flush(Side::Client)])
        }),
        ("a response body until the end is there", |rules| {
            let head = "HTTP/1.1 200 OK\r\n\r\nhi";
            relaying(rules, "", head, &[Op::Confirm, Op::Flush(Side::Client)])
        }),
        ("both bodies are there", |rules| {
            relaying(rules, LENGTH, &length("hi"), &[Op::Confirm, Op::Flush(Side::Client)])
        }),
    ]
}

fn kept() -> Situations {
    vec![
        ("an idle connection is asked for, and is there", |rules| idle(rules, "Connect")),
        ("an idle connection is asked for, and is not there", |rules| {
            until(rules, "Connect", &heads::get(""))
        }),
        ("a head for an idle connection", |rules| idle(rules, "Offer")),
        ("a head is out on an idle connection, a response is there", |rules| {
            let mut world = idle(rules, "Answer");
            world.wires.peers.backend.to_come.extend(length("hi").bytes());
            world
        }),
        ("half an answer has come on an idle connection", |rules| {
            let mut world = idle(rules, "Answer");
            world.hear(Side::Backend, "HTTP/1.1 ");
            world
        }),
        ("a kept connection, a head is there", |rules| following(rules, &heads::get(""))),
        ("a kept connection, half a head has come", |rules| {
            let mut world = following(rules, "");
            world.hear(Side::Client, "GET /ws/chat");
            world
        }),
        ("a plain request that has no rule", |rules| until(rules, "Release", NO_RULE)),
        ("its answer is to be said, another request behind it", |rules| {
            let world = until(rules, "Release", &[NO_RULE, &heads::get("")].concat());
            stepped(world, &[Op::Release])
        }),
    ]
}

fn ends() -> Situations {
    vec![
        ("refused", |rules| refused(rules, &[])),
        ("a tunnel has ended", |rules| {
            let mut world = open(rules);
            for side in Side::BOTH {
                world.step(Step::Move(Op::Pull(side), Luck::End));
                world.step(Step::Move(Op::Shut(!side), CALM));
            }
            world
        }),
        ("our last words are to be said", |rules| refused(rules, &[Op::Release])),
        ("they are out", |rules| refused(rules, &[Op::Release, Op::Flush(Side::Client)])),
        ("the client is told, and still talks", |rules| {
            let steps = [Op::Release, Op::Flush(Side::Client), Op::Shut(Side::Client)];
            let mut world = refused(rules, &steps);
            world.wires.peers.client.to_come.extend(b"more");
            world
        }),
        ("over", |rules| {
            let mut world = World::new(rules);
            world.end(Side::Client);
            world
        }),
    ]
}
