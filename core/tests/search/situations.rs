//! The situations in which a walk begins: who says what, and what each side is to hear.

use underpass_core::{Both, Fault};

use super::heard::WORD;
use super::script::words;
use super::{Exchange, Script};
use crate::world::heads;

const LENGTH: &str = "Content-Length: 2\r\n";
const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";
const EXPECT: &str = "Expect: 100-continue\r\n";
const EARLY: &str = "HTTP/1.1 103 Early\r\nLink: x\r\n\r\n";
const NONE: &str = "HTTP/1.1 204 No\r\n\r\n";

/// `max=1`, and no other rule.
const FULL: &str = "Listen 80\nServerName proxy.example\nProxyPass / http://backend:9000/ max=1";

type Situations = Vec<(&'static str, Script)>;

/// Where a walk begins, and its title.
pub(crate) fn situations() -> Situations {
    [tunnels(), upgrades(), responses(), requests(), waiting(), no_requests(), kept(), workers()]
        .concat()
}

fn tunnels() -> Situations {
    let switch = head(&heads::switch(""));
    let talk = |conf| Script {
        conf,
        again: Both { client: "c".into(), backend: "b".into() },
        ..upgrade(&switch, "", "")
    };
    vec![
        ("a tunnel through which both sides speak without end", talk("")),
        ("a tunnel with bytes behind both heads", upgrade(&(switch.clone() + "x"), "ab", "x")),
        ("a tunnel that never parks", talk("ProxyWebsocketAsync Off")),
        ("a tunnel that parks after a while", talk("ProxyWebsocketAsyncDelay 30s")),
        ("a tunnel that must not be idle", talk("ProxyWebsocketIdleTimeout 30")),
    ]
}

fn upgrades() -> Situations {
    let unproven = "HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    let unasked = heads::switch("Sec-WebSocket-Protocol: chat\r\n");
    let nonsense = |says: &str| {
        let mut script = upgrade(&(head(says) + "xy"), "ab", "");
        (script.exchanges[0].asked[1], script.exchanges[0].told) = (String::new(), vec![]);
        script
    };
    vec![
        ("an upgrade that is refused", refused_upgrade()),
        ("an upgrade without proof", nonsense(unproven)),
        ("an upgrade to a subprotocol that was not offered", nonsense(&unasked)),
    ]
}

/// A client that asks for an upgrade in vain, and has sent bytes behind it.
pub(crate) fn refused_upgrade() -> Script {
    let no = "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\n";
    let mut script = upgrade(&(head(no) + "hi"), "ab", "");
    let exchange = &mut script.exchanges[0];
    (exchange.asked[1], exchange.told) = (String::new(), vec![[no.into(), "hi".into()]]);
    script
}

fn responses() -> Situations {
    let (length, chunked) = (ok(LENGTH), ok(CHUNKED));
    let chunks = [&head(&chunked), "2;a=\"b\"\r|\n|x|y\r\n0\r\nT: v|\r\n|\r\n"].concat();
    let bad = [&head(&chunked), "1\r\nx\r\n|+5"].concat();
    let mut old = get(&chunks, &[[&ok(""), "xy"]]);
    old.client = old.client.replace("HTTP/1.1", "HTTP/1.0");
    let error = head(&length.replace("200 OK", "500 No")) + "x|y";
    let early = [EARLY, "|", &head(&length), "x|y"].concat();
    vec![
        ("a response by length", get(&(head(&length) + "x|y"), &[[&length, "xy"]])),
        ("a response in chunks", get(&chunks, &[[&chunked, "2\r\nxy\r\n0\r\n\r\n"]])),
        ("a response in chunks, one of them bad", get(&bad, &[[&chunked, "1\r\nx\r\n"]])),
        ("a response in chunks, for HTTP/1.0", old),
        ("a response until the end", get(&(head(&ok("")) + "x|y"), &[[&ok(""), "xy"]])),
        ("a response without a body", get(&head(NONE), &[[NONE, ""]])),
        ("an interim response before it", get(&early, &[[EARLY, ""], [&length, "xy"]])),
        ("an interim response, and no more", get(EARLY, &[[EARLY, ""]])),
        ("an error in our own words", Script { conf: "ProxyErrorOverride On", ..get(&error, &[]) }),
        ("a response that is none", get("nonsense\r\n\r\n", &[])),
    ]
}

fn requests() -> Situations {
    let chunks = "2;a=b\r\n|a|b\r\n0\r\nT: v|\r\n\r\n";
    let (none, length) = (&[[NONE, ""]], &ok(LENGTH));
    let by_length = post(LENGTH, "a|b", "ab", &(head(length) + "x|y"), &[[length, "xy"]]);
    let put = |framing, body, passed| Script {
        idle: 1,
        ..send("PUT", framing, body, passed, NONE, none)
    };
    vec![
        ("a request by length that may be sent again", put(LENGTH, "a|b", "ab")),
        (
            "a request in chunks that may be sent again",
            put(CHUNKED, chunks, "2\r\nab\r\n0\r\n\r\n"),
        ),
        ("a request by length", Script { idle: 1, ..by_length }),
        ("a request in chunks", post(CHUNKED, chunks, "2\r\nab\r\n0\r\n\r\n", NONE, none)),
        (
            "a request in chunks, one of them bad",
            post(CHUNKED, "1\r\na\r\n|+|5", "1\r\na\r\n", NONE, none),
        ),
    ]
}

fn waiting() -> Situations {
    let expects = |answer: &str, passed: &str| {
        let fields = [EXPECT, LENGTH].concat();
        let mut script = post(&fields, "a|b", "ab", answer, &[[WORD, ""], [NONE, ""]]);
        script.exchanges[0].asked[0] = heads::got(passed, LENGTH).replace("GET", "POST");
        script
    };
    let theirs = expects(&[WORD, "|", &head(NONE)].concat(), EXPECT);
    let ours = Script { conf: "Proxy100Continue Off", ..expects(&head(NONE), "") };
    vec![("a body that waits for the backend's word", theirs), ("a body that waits for ours", ours)]
}

fn no_requests() -> Situations {
    let says = |client: &str| Script { client: client.into(), ..get("", &[]) };
    vec![
        ("a bad head", says("GET /\n")),
        ("half a head", says("GET /pa|ge")),
        ("a head that has no rule", says("GET /no/x HTTP/1.1\r\nHost: h\r\n\r\nmo|re")),
    ]
}

fn kept() -> Situations {
    let length = ok(LENGTH);
    let one = get(&(head(&length) + "xy"), &[[&length, "xy"]]);
    let again = Both { client: one.client.clone(), backend: String::new() };
    let two = Script { conf: "MaxKeepAliveRequests 2", most: 2, ..get(NONE, &[[NONE, ""]]) };
    let mut more = get(NONE, &[[NONE, ""]]);
    more.exchanges[0].extra = "x";
    let mut three = post(LENGTH, "ab", "ab", NONE, &[[NONE, ""]]);
    let no_rule = "GET /no/x HTTP/1.1\r\nHost: h\r\n\r\n";
    three.client = [words(&three.client), no_rule.into(), words(&one.client)].join("|");
    three.exchanges.extend([Exchange::default(), one.exchanges[0].clone()]);
    vec![
        ("an idle connection that may be stale", Script { idle: 1, ..one.clone() }),
        ("a response with more behind it", more),
        ("requests without end", Script { again: again.clone(), ..one }),
        ("requests, of which two are answered", Script { again, ..two }),
        ("three requests at once, the second without a rule", three),
    ]
}

fn workers() -> Situations {
    let failing = |count| Script {
        addresses: [vec![Err(Fault::Refused); count], vec![Ok(())]].concat(),
        ..get(NONE, &[[NONE, ""]])
    };
    let three = Script { faults: &Fault::ALL, ..failing(2) };
    let again = Both { client: head(&heads::get("")), backend: String::new() };
    vec![
        ("a worker with three addresses", three),
        ("a worker with too many addresses", failing(7)),
        ("a full worker", Script { conf: FULL, full: true, again, ..failing(0) }),
    ]
}

fn ok(fields: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{fields}\r\n")
}

/// A head that may come in two parts, and without what stands behind it.
fn head(text: &str) -> String {
    format!("{}|{}|", &text[..9], &text[9..])
}

/// A client that asks for an upgrade, and has sent `early` behind it; a backend that says `says`, of
/// which `late` is for the client if it switches.
fn upgrade(says: &str, early: &str, late: &str) -> Script {
    let letters: String = early.chars().flat_map(|letter| [letter, '|']).collect();
    let told = [[&heads::switched("")[..], late]];
    of(&(head(&heads::ask("")) + &letters), [&heads::asked(""), early], says, &told)
}

fn get(says: &str, told: &[[&str; 2]]) -> Script {
    of(&head(&heads::get("")), [&heads::got("", ""), ""], says, told)
}

fn post(framing: &str, body: &str, passed: &str, says: &str, told: &[[&str; 2]]) -> Script {
    send("POST", framing, body, passed, says, told)
}

/// `passed` is what goes on of the body.
fn send(
    method: &str,
    framing: &str,
    body: &str,
    passed: &str,
    says: &str,
    told: &[[&str; 2]],
) -> Script {
    let ask = heads::get(framing).replace("GET", method);
    let asked = heads::got("", framing).replace("GET", method);
    of(&(head(&ask) + body), [&asked, passed], says, told)
}

fn of(client: &str, asked: [&str; 2], says: &str, told: &[[&str; 2]]) -> Script {
    let told = told.iter().map(|message| message.map(String::from)).collect();
    Script::new(
        client,
        Exchange { asked: asked.map(String::from), says: says.into(), extra: "", told },
    )
}
