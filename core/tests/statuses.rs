//! Every refusal, provoked through a session: it has its status, and is a whole response.

mod world;

use std::collections::BTreeSet;

use underpass_core::balance::NoWorker;
use underpass_core::exchange::BadChunk;
use underpass_core::head::BadHead;
use underpass_core::negotiate::{BadOrigin, NoHop, Nonsense, Refusal};
use underpass_core::report::Close;
use underpass_core::route::{BadPath, Hello, Rules};
use underpass_core::time::Wait;
use underpass_core::{Fault, Op, Side, limits};
use world::wires::CALM;
use world::{CONF, Luck, World, heads, rules};

use Side::{Backend, Client};

/// Limits that are easily reached, and a rule for upgrades only.
const MORE: &str = "LimitRequestLine 80\nLimitRequestFieldSize 9000\nLimitRequestFields 12\n\
                    LimitRequestBody 9\nProxyErrorOverride On 418\n\
                    ProxyWebsocketFallbackToProxyHttp Off\n\
                    SetEnvIf Request_URI bad(.*) rest=$1\n\
                    RequestHeader set X-Rest %{rest}e env=rest\n\
                    ProxyBlock blocked\n<Location /denied>\nRequire all denied\n</Location>\n\
                    ProxyWebsocketOrigin missing=allow https://app.example\n\
                    <Location /any>\nProxyWebsocketOrigin https://app.example\n</Location>\n";

fn strict() -> Rules {
    // Rules are tried in their order.
    let first = "SSLProxyEngine on\nProxyPass /blocked http://is.blocked\nProxyPass /named https://own/\n\
                 <Location /named>\nProxyPreserveHost On\n</Location>\n";
    rules(&[first, CONF, MORE].concat())
}

/// What makes us refuse, and with which status.
struct Case {
    refusal: Refusal,
    status: u16,
    /// What is so before the client asks.
    before: fn(&mut World<'_>),
    asked: String,
    /// What happens once it has.
    then: Box<dyn Fn(&mut World<'_>)>,
}

impl Case {
    fn new(refusal: Refusal, status: u16, asked: impl Into<String>) -> Self {
        Self { refusal, status, before: |_| (), asked: asked.into(), then: Box::new(|_| ()) }
    }

    /// The same, and then that happens.
    fn then(self, then: impl Fn(&mut World<'_>) + 'static) -> Self {
        Self { then: Box::new(then), ..self }
    }

    /// The client asks for a page, and the backend says that.
    fn says(refusal: Refusal, status: u16, answer: impl Into<String>) -> Self {
        let answer = answer.into();
        Self::new(refusal, status, heads::get("")).then(move |world| world.hear(Backend, &answer))
    }

    /// The final head that the client heard, and its body. D5: there always is a head.
    fn answer(&self, rules: &Rules) -> (String, String) {
        let mut world = World::new(rules);
        (self.before)(&mut world);
        world.hear(Client, &self.asked);
        (self.then)(&mut world);
        assert_eq!(world.close(), Some(Close::Refused(self.refusal)), "{:?}", self.asked);
        assert_eq!(world.report().status, self.status, "{}", self.refusal);
        let heard = world.heard(Client);
        let begin = heard.rfind("HTTP/1.1 ").expect("an answer");
        let (head, body) = heard[begin..].split_once("\r\n\r\n").expect("a whole head");
        (format!("{head}\r\n"), body.to_owned())
    }
}

/// Requests that are bad by themselves.
fn requests() -> Vec<Case> {
    let length = heads::get("Content-Length: 5\r\n");
    let chunked = heads::get("Transfer-Encoding: chunked\r\n");
    let at = |refusal, status, path: &str| {
        Case::new(refusal, status, heads::get("").replace("/page", path))
    };
    let ws = |refusal, status, from: &str, to: &str| {
        Case::new(refusal, status, heads::ask("").replace(from, to))
    };
    let old = heads::get("").replace("GET", "POST").replace("1.1", "1.0");
    let waits = |world: &mut World<'_>| world.pass(Wait::from_secs(20));
    let long = format!("5;{}", "x".repeat(limits::CHUNK_LINE_MOST));
    let greeted =
        |world: &mut World<'_>| world.wires.hello = Some(Hello { host: 0, is_named: true });
    let elsewhere = Case::new(Refusal::Misdirected, 421, heads::get(""));
    vec![
        Case { before: greeted, ..elsewhere },
        at(Refusal::Path(BadPath::Escape), 400, "/%zz"),
        at(Refusal::Path(BadPath::AboveRoot), 400, "/../x"),
        at(Refusal::Path(BadPath::Hidden), 404, "/a%2Fb"),
        at(Refusal::NoRule, 404, "/no/x"),
        at(Refusal::BadValue, 400, "/bad%0D%0AX:%20y"),
        at(Refusal::Denied, 403, "/denied/x"),
        at(Refusal::Blocked, 403, "/blocked"),
        Case::new(Refusal::Chunk(BadChunk::Malformed), 400, chunked.clone() + "+5\r\n"),
        Case::new(Refusal::Chunk(BadChunk::TooLong), 400, chunked.clone() + &long),
        Case::new(Refusal::TooLarge, 413, chunked + "5\r\nhello\r\n5\r\n"),
        Case::new(Refusal::Truncated, 400, &length).then(|world| world.end(Client)),
        ws(Refusal::Method, 400, "GET", "POST"),
        ws(Refusal::Body, 400, "\r\n\r\n", "\r\nContent-Length: 5\r\n\r\n"),
        ws(Refusal::Key, 400, "dGhlI", ""),
        Case::new(Refusal::Late, 408, "GET /").then(waits),
        Case::new(Refusal::LateBody, 408, &length).then(waits),
        Case::new(Refusal::NoLength, 411, old),
        Case::new(Refusal::TooLarge, 413, length.replace('5', "10")),
        Case::new(Refusal::Expectation, 417, heads::get("Expect: x\r\n")),
        ws(Refusal::Version, 426, ": 13", ": 8"),
        ws(Refusal::UpgradeRequired, 426, "websocket", "foo"),
        ws(Refusal::Origin(BadOrigin::Missing), 403, "/ws/", "/any/"),
        ws(Refusal::Origin(BadOrigin::Malformed), 403, "Upgrade\r\n", "Upgrade\r\nOrigin: a\r\n"),
        ws(Refusal::Origin(BadOrigin::Foreign), 403, "Upgrade\r\n", "Upgrade\r\nOrigin: null\r\n"),
    ]
}

/// Heads that are no requests.
fn bad_heads() -> Vec<Case> {
    let get = |fields: &str| heads::get(fields);
    let both = "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n";
    let long = format!("A: {}\r\n", "x".repeat(8_000)).repeat(9);
    let all = [
        (BadHead::Syntax, 400, get("A : b\r\n")),
        (BadHead::Target, 400, get("").replace("/page", "*")),
        (BadHead::Host, 400, get("Host: i\r\n")),
        (BadHead::Options, 400, get("Connection: a b\r\n")),
        (BadHead::Ambiguous, 400, get(both)),
        (BadHead::Length, 400, get("Content-Length: x\r\n")),
        (BadHead::Coding, 400, get("Transfer-Encoding: gzip, chunked\r\n")),
        (BadHead::LineTooLong, 414, get("").replace("page", &"x".repeat(80))),
        (BadHead::FieldTooLong, 431, get(&format!("A: {}\r\n", "x".repeat(9_001)))),
        (BadHead::TooManyFields, 431, get(&"A: b\r\n".repeat(13))),
        (BadHead::TooLong, 431, get(&long)),
        (BadHead::UnknownCoding, 501, get("Transfer-Encoding: gzip\r\n")),
        (BadHead::Version, 505, get("").replace("HTTP/1.1", "HTTP/1.2")),
    ];
    all.into_iter().map(|(bad, status, head)| Case::new(Refusal::Head(bad), status, head)).collect()
}

/// Backends that fail. D13: 504 for one that does not answer, 502 for one that breaks off.
fn backends() -> Vec<Case> {
    let get = |refusal, status| Case::new(refusal, status, heads::get(""));
    let nobody = |world: &mut World<'_>| world.wires.addresses.clear();
    let blocked = |world: &mut World<'_>| {
        world.wires.luck = Box::new(|op| if op == Op::Elect { Luck::Block } else { CALM });
    };
    let strange = |world: &mut World<'_>| {
        let fails = Luck::Break(Fault::Tls);
        world.wires.luck = Box::new(move |op| if op == Op::Secure(Backend) { fails } else { CALM });
    };
    let named = heads::get("").replace("/page", "/named");
    let waits = |world: &mut World<'_>| world.pass(Wait::from_secs(60));
    let teapot = "HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n";
    let chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned();
    let hints = "HTTP/1.1 103 Early\r\n\r\n".repeat(11);
    vec![
        Case::says(Refusal::Overridden(418), 418, teapot),
        get(Refusal::Lost(Fault::Reset), 502).then(|world| {
            world.wires.peers.backend.lost = Some(Fault::Reset);
            let _ = world.settle();
        }),
        Case { before: strange, ..Case::new(Refusal::Unproven(Fault::Tls), 502, named) },
        get(Refusal::NoAnswer, 502).then(|world| world.end(Backend)),
        Case::says(Refusal::BadAnswer(BadHead::Syntax), 502, "nonsense\r\n\r\n"),
        Case::says(Refusal::BadBody(BadChunk::Malformed), 502, chunks + "+5\r\n"),
        Case::says(Refusal::Interims, 502, hints),
        Case::says(Refusal::Nonsense(Nonsense::Unasked), 502, heads::switch("")),
        Case { before: nobody, ..get(Refusal::NoWorker(NoWorker::Tried), 503) },
        Case { before: blocked, ..get(Refusal::LateWorker, 503).then(waits) },
        get(Refusal::LateAnswer, 504).then(waits),
    ]
}

/// The place of each kind of refusal: a new one needs a place here, before the last, and a row above.
fn place(refusal: Refusal) -> usize {
    match refusal {
        Refusal::Head(_) => 0,
        Refusal::Path(_) => 1,
        Refusal::Late => 2,
        Refusal::LateBody => 3,
        Refusal::Chunk(_) => 4,
        Refusal::TooLarge => 5,
        Refusal::NoLength => 6,
        Refusal::Truncated => 7,
        Refusal::NoRule => 8,
        Refusal::Method => 9,
        Refusal::Body => 10,
        Refusal::Key => 11,
        Refusal::Version => 12,
        Refusal::Expectation => 13,
        Refusal::UpgradeRequired => 14,
        Refusal::NoWorker(_) => 15,
        Refusal::LateWorker => 16,
        Refusal::Lost(_) => 17,
        Refusal::NoAnswer => 18,
        Refusal::LateAnswer => 19,
        Refusal::BadAnswer(_) => 20,
        Refusal::Interims => 21,
        Refusal::Nonsense(_) => 22,
        Refusal::BadBody(_) => 23,
        Refusal::Hops(_) => 24,
        Refusal::BadValue => 25,
        Refusal::Denied => 26,
        Refusal::Blocked => 27,
        Refusal::Origin(_) => 28,
        Refusal::Misdirected => 29,
        Refusal::Unproven(_) => 30,
        Refusal::Overridden(_) => 31,
    }
}

/// Requests that go no further.
fn hops() -> Vec<Case> {
    let none = |method: &str, hops: &str| {
        heads::get(&format!("Max-Forwards: {hops}\r\n")).replace("GET", method)
    };
    vec![
        Case::new(Refusal::Hops(NoHop::Options), 200, none("OPTIONS", "0")),
        Case::new(Refusal::Hops(NoHop::Malformed), 400, none("GET", "x")),
        Case::new(Refusal::Hops(NoHop::Spent), 400, none("GET", "0")),
        Case::new(Refusal::Hops(NoHop::Trace), 501, none("TRACE", "0")),
    ]
}

fn all() -> Vec<Case> {
    requests().into_iter().chain(bad_heads()).chain(hops()).chain(backends()).collect()
}

#[test]
fn every_refusal_has_its_status() {
    let (rules, mut seen) = (strict(), BTreeSet::new());
    for case in all() {
        let (refusal, status) = (case.refusal, case.status);
        let (head, body) = case.answer(&rules);
        assert_eq!(refusal.status(), status, "{refusal}");
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{refusal}: {head}");
        assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
        assert!(
            body.starts_with(&format!("{status}")) && body.ends_with(&format!(": {refusal}\n"))
        );
        assert!(!body.contains(['<', '>', '&']), "{body} stands in a page as it is");
        seen.insert(place(refusal));
    }
    let last = place(Refusal::Overridden(0));
    assert!(seen.iter().copied().eq(0..=last), "a refusal that nothing provokes: {seen:?}");
}

/// RFC 9110 §12.5.1: wherever a refusal comes from, it is written in what the client reads best; and
/// in plain text if nobody knows what that is, because its head could not be parsed.
#[test]
fn every_refusal_is_written_in_what_the_client_reads_best() {
    let rules = strict();
    for case in all() {
        let unread = matches!(case.refusal, Refusal::Head(_) | Refusal::Late);
        let accept = "Host: h\r\nAccept: text/html, */*;q=0.1\r\n";
        let case = Case { asked: case.asked.replacen("Host: h\r\n", accept, 1), ..case };
        let (head, body) = case.answer(&rules);
        let kind = if unread { "plain" } else { "html" };
        assert!(head.contains(&format!("\r\nContent-Type: text/{kind}; ")), "{head}");
        assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
        assert_eq!(body.starts_with("<!DOCTYPE html>\n"), !unread, "{body}");
    }
}

/// RFC 9110 §9.3.2.
#[test]
fn a_refused_head_gets_the_head_of_the_answer() {
    let rules = strict();
    // An answer to HEAD has no body that could be bad.
    let has_body = |case: &Case| matches!(case.refusal, Refusal::BadBody(_));
    for case in backends().into_iter().filter(|case| !has_body(case)) {
        let (head, body) = case.answer(&rules);
        assert!(!body.is_empty());
        let case = Case { asked: case.asked.replace("GET", "HEAD"), ..case };
        assert_eq!(case.answer(&rules), (head, String::new()));
    }
}

/// CVE-2019-10092.
#[test]
fn no_refusal_echoes_a_byte_of_the_request() {
    let rules = strict();
    for case in all() {
        let asked =
            case.asked.replace("/page", "/marker?marker").replace("Host: h", "Host: marker");
        let case = Case { asked: asked.replacen("\r\n\r\n", "\r\nX: marker\r\n\r\n", 1), ..case };
        let (head, body) = case.answer(&rules);
        assert!(!head.contains("marker") && !body.contains("marker"), "{head}{body}");
    }
}
