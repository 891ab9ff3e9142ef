//! How the answers of a difficult backend are read, where the configuration says so.

mod world;

use underpass_core::Side;
use underpass_core::limits::BUFFER;
use underpass_core::report::Close;
use underpass_core::route::Rules;
use world::{CONF, World, heads, rules};

use Side::{Backend, Client};

const BAD: &str = "HTTP/1.1 200 OK\r\nA: b\r\nno field\r\nContent-Length: 2\r\n\r\nhi";

fn lenient(how: &str) -> Rules {
    rules(&[CONF, "ProxyBadHeader ", how, "\n"].concat())
}

/// What the client hears of an answer, which the backend ends, and how it is closed.
fn answered(rules: &Rules, asked: &str, answer: &str) -> (String, Option<Close>) {
    let mut world = World::new(rules);
    world.hear(Client, asked);
    world.hear(Backend, answer);
    if world.close().is_none() {
        world.end(Backend);
    }
    (world.heard(Client), world.close())
}

/// R36: such a head is refused, unless the operator knows better (`ProxyBadHeader`).
#[test]
fn a_line_that_is_no_field_is_judged_as_the_configuration_says() {
    let heard = |how: &str| answered(&lenient(how), &heads::get(""), BAD).0;
    assert!(heard("IsError").starts_with("HTTP/1.1 502 "));
    assert_eq!(heard("Ignore"), "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 2\r\n\r\nhi");
    let body = "no field\r\nContent-Length: 2\r\n\r\nhi";
    let started = format!("HTTP/1.1 200 OK\r\nA: b\r\nConnection: close\r\n\r\n{body}");
    assert_eq!(heard("StartBody"), started);
}

/// The body's first line may be its only one, and have no end.
#[test]
fn a_body_that_begins_too_early_may_be_one_word() {
    let (heard, close) = answered(&lenient("StartBody"), &heads::get(""), "HTTP/1.1 200 OK\r\nhi");
    assert_eq!(heard, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhi");
    assert_eq!(close, Some(Close::Answered));
    let (heard, _) = answered(&lenient("Ignore"), &heads::get(""), "HTTP/1.1 200 OK\r\nhi");
    assert!(heard.starts_with("HTTP/1.1 502 "), "{heard}");
}

/// R1, R37: nobody mends the head behind which a tunnel opens, or one behind which another head stands.
#[test]
fn an_answer_that_is_not_final_must_be_good() {
    for how in ["Ignore", "StartBody"] {
        let switch = heads::switch("").replace("\r\n\r\n", "\r\nno field\r\n\r\n");
        let (heard, _) = answered(&lenient(how), &heads::ask(""), &switch);
        assert!(heard.starts_with("HTTP/1.1 502 "), "{heard}");
        let hint = format!("HTTP/1.1 103 Early\r\nno field\r\n\r\n{BAD}");
        let (heard, _) = answered(&lenient(how), &heads::get(""), &hint);
        assert!(heard.starts_with("HTTP/1.1 502 "), "{heard}");
    }
}

/// R32, for responses (`responsefieldsize=`).
#[test]
fn a_line_of_a_response_may_be_as_long_as_its_rule_says() {
    let status = |parameter: &str, length: usize| {
        let rules = rules(&format!("Listen 80\nProxyPass / http://backend:9000/ {parameter}\n"));
        let answer = format!("HTTP/1.1 204 No\r\nA: {}\r\n\r\n", "x".repeat(length - 3));
        answered(&rules, &heads::get(""), &answer).0[9..12].to_owned()
    };
    assert_eq!([status("", 8_192), status("", 8_193)], ["204", "502"]);
    let narrow = "responsefieldsize=100";
    assert_eq!([status(narrow, 100), status(narrow, 101)], ["204", "502"]);
    let wide = "responsefieldsize=20000";
    assert_eq!([status(wide, 20_000), status(wide, 20_001)], ["204", "502"]);
}

/// `ProxyIOBufferSize`: bodies move in pieces of that size, whichever way they move.
#[test]
fn a_body_moves_in_pieces_as_large_as_the_rule_says() {
    let largest = |setting: &str, framing: &str, body: &str| {
        let rules = rules(&[CONF, setting].concat());
        let mut world = World::new(&rules);
        world.hear(Client, &heads::get(""));
        world.hear(Backend, &format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n"));
        world.hear(Backend, body);
        assert_eq!(world.close(), Some(Close::Answered));
        world.wires.peers.backend.largest
    };
    let body = "x".repeat(0x5000);
    let length = |setting| largest(setting, "Content-Length: 20480", &body);
    assert_eq!([length(""), length("ProxyIOBufferSize 1000")], [20_480, 1_000]);
    let chunks = format!("5000\r\n{body}\r\n0\r\n\r\n");
    let chunked = |setting| largest(setting, "Transfer-Encoding: chunked", &chunks);
    assert_eq!([chunked(""), chunked("ProxyIOBufferSize 1000")], [BUFFER, 1_000]);
    assert_eq!(chunked("ProxyIOBufferSize 16384"), 16_384);
}

/// A request's chunks, too; but a head is read as a whole, however small the pieces are.
#[test]
fn the_chunks_of_a_request_move_in_pieces_and_heads_do_not() {
    let largest = |setting: &str, side: Side| {
        let rules = rules(&[CONF, setting].concat());
        let mut world = World::new(&rules);
        let field = format!("A: {}\r\n", "a".repeat(3_000));
        world.hear(Client, "PUT /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
        world.hear(Client, &format!("1000\r\n{}\r\n0\r\n\r\n", "x".repeat(0x1000)));
        world.hear(Backend, &format!("HTTP/1.1 204 No\r\n{field}\r\n"));
        assert_eq!(world.close(), Some(Close::Answered));
        world.wires.peers[side].largest
    };
    let chunks = "1000\r\n\r\n0\r\n\r\n".len() + 0x1000;
    assert_eq!([largest("", Client), largest("ProxyIOBufferSize 1000", Client)], [chunks, 1_000]);
    let head = "HTTP/1.1 204 No\r\nA: \r\n\r\n".len() + 3_000;
    assert_eq!([largest("", Backend), largest("ProxyIOBufferSize 1000", Backend)], [head, head]);
}
