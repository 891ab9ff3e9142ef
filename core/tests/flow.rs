//! Thousands of seeds of bad luck for connections that carry many requests: pipelined, refused, cut,
//! on backend connections that serve several sessions and now and then are stale.
//!
//! Every request has a number, and so has its answer, so what belongs to another one shows. A failure
//! prints its seed; `SEED=n cargo test -p underpass-core --test flow` replays that one.

mod world;

use underpass_core::report::Close;
use underpass_core::route::Rules;
use underpass_core::time::Wait;
use underpass_core::{Dial, Fault, Op, Pumped, Side, limits};
use world::luck::luck;
use world::seeds::{Failing, Marks, only_seed};
use world::wires::{CALM, Peer};
use world::{CONF, Rng, World, rules};

const SEEDS: u64 = 8_000;
/// Sessions of one seed; they share their idle connections.
const SESSIONS: usize = 3;

#[test]
fn no_byte_of_one_exchange_reaches_another() {
    let rules = rules(CONF);
    let mut marks = Marks::default();
    let only = only_seed();
    for seed in only.map_or(0..SEEDS, |seed| seed..seed + 1) {
        let failing = Failing("flow", seed);
        let (mut rng, mut next, mut idle) = (Rng::new(seed), 0, Vec::new());
        for _ in 0..SESSIONS {
            let mut chaos = Chaos::new(&rules, &mut rng, &mut marks, next, idle);
            chaos.storm();
            chaos.calm();
            chaos.oracles();
            (next, idle) = chaos.leaves();
        }
        std::mem::forget(failing);
    }
    if only.is_none() {
        eprintln!("{:#?}", marks.0);
        marks.0.iter().for_each(|(what, often)| assert!(*often > 0, "never seen: {what}"));
    }
}

/// How a request begins.
const STARTS: [&str; 3] = ["GET /", "POST /", "PUT /"];

/// What kind of request has that number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Get,
    Post,
    Chunks,
    Excluded,
    Last,
}

impl Kind {
    fn request(self, number: usize) -> String {
        let lines = |method: &str, fields: &str| {
            format!("{method} /{number}/ HTTP/1.1\r\nHost: h\r\n{fields}\r\n")
        };
        match self {
            Self::Get => lines("GET", ""),
            Self::Post => lines("POST", "Content-Length: 9\r\n") + &format!("<{number:07}>"),
            Self::Chunks => {
                let body = format!("9\r\n<{number:07}>\r\n0\r\n\r\n");
                lines("PUT", "Transfer-Encoding: chunked\r\n") + &body
            }
            Self::Excluded => lines("GET", "").replace("GET /", "GET /no/"),
            Self::Last => lines("GET", "Connection: close\r\n"),
        }
    }
}

/// One session of a seed.
struct Chaos<'a> {
    world: World<'a>,
    rng: Rng,
    marks: &'a mut Marks,
    first: usize,
    kinds: Vec<Kind>,
    /// What the client has not said yet.
    unsaid: Vec<u8>,
    /// Nothing broke, no clock ran out, and no backend did anything odd.
    quiet: bool,
}

impl<'a> Chaos<'a> {
    fn new(
        rules: &'a Rules,
        rng: &mut Rng,
        marks: &'a mut Marks,
        first: usize,
        idle: Vec<Peer>,
    ) -> Self {
        let all = [Kind::Get, Kind::Get, Kind::Post, Kind::Chunks, Kind::Excluded, Kind::Last];
        let kinds: Vec<_> = (0..1 + rng.below(6)).map(|_| rng.of(&all)).collect();
        let said = kinds.iter().enumerate().map(|(at, kind)| kind.request(first + at));
        let unsaid = said.collect::<String>().into_bytes();
        let mut world = World::new(rules);
        world.wires.idle = idle;
        let breaks = rng.of(&[0, 0, 0, 5, 50]);
        world.wires.luck = luck(breaks, rng);
        let stale = rng.permille(300);
        for peer in world.wires.idle.iter_mut().filter(|_| stale) {
            match rng.below(3) {
                0 => peer.ended = true,
                1 => peer.lost = Some(Fault::Reset),
                _ => peer.to_come.extend(b"HTTP/1.1 408 Evil\r\nContent-Length: 0\r\n\r\n"),
            }
        }
        let rng = Rng::new(rng.next());
        Self { world, rng, marks, first, kinds, unsaid, quiet: breaks == 0 }
    }

    /// Bad luck.
    fn storm(&mut self) {
        for _ in 0..self.rng.below(80) {
            if self.rng.permille(500) {
                let most = 1 + self.rng.below(150);
                self.say(most);
            }
            if self.rng.permille(600) {
                self.serve();
            }
            let jumps = self.rng.permille(10);
            self.quiet &= !jumps;
            let most = if jumps { 61_000_000 } else { 100 };
            let wait = Wait::from_micros(self.rng.below(most) as u64);
            self.world.wires.now = self.world.wires.now.after(wait);
            let budget = 1 + self.rng.below(limits::BUDGET as usize) as u32;
            if self.turn(budget) == Pumped::Closed {
                return;
            }
        }
    }

    /// Good luck: the client says the rest, the backend answers, and then the client ends.
    fn calm(&mut self) {
        self.world.wires.luck = Box::new(|_| CALM);
        self.say(usize::MAX);
        for _ in 0..200 {
            self.serve();
            let backend = &mut self.world.wires.peers.backend;
            backend.ended |= backend.deaf.is_some();
            if self.turn(limits::BUDGET) == Pumped::Closed {
                return;
            }
            let idle = ["Request", "Linger"].contains(&self.world.session.state());
            let client = &mut self.world.wires.peers.client;
            client.ended |= idle && client.to_come.is_empty();
        }
        let peer = &self.world.wires.peers.backend;
        panic!("it does not end: {} {peer:?}", self.world.session.state());
    }

    fn say(&mut self, most: usize) {
        let now = self.unsaid.drain(..most.min(self.unsaid.len()));
        self.world.wires.peers.client.to_come.extend(now);
    }

    /// The backend answers the request that it has heard whole; now and then too early, or too much.
    fn serve(&mut self) {
        let peer = &mut self.world.wires.peers.backend;
        let heard = String::from_utf8_lossy(&peer.heard[peer.served..]).into_owned();
        // What stands before is the rest of a body that was answered too early.
        let Some(begin) = STARTS.iter().filter_map(|it| heard.find(it)).min() else { return };
        let heard = &heard[begin..];
        let Some((head, _)) = heard.split_once("\r\n\r\n") else { return };
        let early = self.rng.permille(20);
        let Some(length) = whole(heard).or(early.then_some(heard.len())) else { return };
        let odd = early && whole(heard).is_none();
        peer.served += begin + length;
        let number = head.split('/').nth(1).expect("a number");
        let body = format!("<{number}>").repeat(1 + self.rng.below(30));
        let behind = if self.rng.permille(100) { "HTTP/1.1 200 Evil\r\n\r\n" } else { "" };
        self.quiet &= behind.is_empty() && !odd;
        let length = format!("Content-Length: {}\r\n\r\n{body}{behind}", body.len());
        let kind = self.rng.below(6);
        peer.last = [0, 2].contains(&kind);
        let answer = match kind {
            0 => format!("HTTP/1.1 200 OK\r\nConnection: close\r\n{length}"),
            1 => {
                let chunk = format!("{:x}\r\n{body}\r\n0\r\n\r\n{behind}", body.len());
                format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}")
            }
            2 => format!("HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 200 OK\r\n{length}"),
            _ => format!("HTTP/1.1 200 OK\r\n{length}"),
        };
        peer.to_come.extend(answer.bytes());
        self.marks.saw("a byte behind an answer", !behind.is_empty());
        self.marks.saw("an answer before the body", odd);
    }

    fn turn(&mut self, budget: u32) -> Pumped {
        let done = self.world.wires.done;
        let pumped = self.world.pump(budget);
        let progress = self.world.wires.done > done;
        let idle = pumped == Pumped::Again && budget as usize > Op::ALL.len() && !progress;
        assert!(!idle, "a busy loop in {}", self.world.session.state());
        let leased = self.world.buffers.leased();
        assert!(self.world.session.held() > 0 || leased == 0, "an empty buffer is leased");
        pumped
    }

    /// What must hold at the end.
    fn oracles(&mut self) {
        self.world.assert_nothing_is_lent();
        let heard = self.world.heard(Side::Client);
        let answers = answers(&heard);
        let reports = &self.world.wires.reports;
        assert!(reports.len() <= self.kinds.len(), "more reports than requests");
        assert!(answers.len() <= reports.len(), "more answers than reports");
        for (at, answer) in answers.iter().enumerate() {
            let (number, report) = (self.first + at, &reports[at]);
            assert_eq!(answer.status, report.status, "of request {number}");
            let is_last = at + 1 == answers.len();
            assert!(answer.whole || is_last, "half an answer to {number} before another");
            assert!(!answer.closes || is_last, "another answer behind the last one");
            let own = answer.status != 200
                || answer.body.split_terminator('>').all(|it| number_is(it, number));
            assert!(own, "{number} was answered by {:?}", answer.body);
            let excluded = self.kinds[at] == Kind::Excluded;
            let fits = answer.status != if excluded { 200 } else { 404 };
            assert!(fits, "{} for {:?}", answer.status, self.kinds[at]);
            let half = report.close == Close::Answered && !answer.whole;
            assert!(!half, "half a response looks whole");
        }
        if self.quiet {
            let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
            assert_eq!(statuses, self.expected(), "{:?}", self.kinds);
        }
        self.backends();
        let pipelined = answers.iter().filter(|answer| answer.whole).count() > 2;
        self.remember(pipelined);
    }

    /// The statuses of a session in which nothing went wrong.
    fn expected(&self) -> Vec<u16> {
        let last = self.kinds.iter().position(|&kind| kind == Kind::Last);
        let kinds = &self.kinds[..last.map_or(self.kinds.len(), |last| last + 1)];
        kinds.iter().map(|&kind| if kind == Kind::Excluded { 404 } else { 200 }).collect()
    }

    /// Each connection heard whole requests one after the other, the last of them perhaps cut.
    fn backends(&mut self) {
        self.world.wires.put_away();
        let wires = &self.world.wires;
        let idle = wires.idle.iter().map(|peer| (peer, true));
        for (peer, is_idle) in wires.past.iter().map(|peer| (peer, false)).chain(idle) {
            let text = String::from_utf8_lossy(&peer.heard).into_owned();
            let mut rest = text.as_str();
            while let Some(length) = whole(rest) {
                let number = rest.split('/').nth(1).and_then(|digits| digits.parse().ok());
                let number: usize = number.expect("a number");
                let (_, body) = rest[..length].split_once("\r\n\r\n").expect("it is whole");
                let own = body.is_empty() || body.contains(&format!("<{number:07}>"));
                assert!(own, "{number} came with {body:?}");
                rest = &rest[length..];
            }
            assert!(!is_idle || rest.is_empty(), "kept in the middle of {rest:?}");
            let begun =
                STARTS.iter().filter(|it| it.starts_with(rest) || rest.starts_with(**it)).count();
            assert!(begun > 0, "{rest:?} is no request");
            let heads = rest.matches(" HTTP/1.1\r\n").count();
            assert!(heads <= 1, "a request behind half a one: {rest:?}");
        }
    }

    fn remember(&mut self, pipelined: bool) {
        let wires = &self.world.wires;
        let fresh_behind_idle = wires.dialled.windows(2).any(|two| two[0] == Dial::Idle);
        let reused = wires.idle.iter().any(|peer| peer.served > 60);
        let refused = wires.reports.iter().any(|report| report.status == 502);
        let all = [
            ("many answers on one connection", pipelined),
            ("an idle connection was there, or not", fresh_behind_idle),
            ("a backend connection that served twice", reused),
            ("a connection that is kept", !wires.idle.is_empty()),
            ("a failure of a backend", refused),
            ("a session without any trouble", self.quiet),
        ];
        all.into_iter().for_each(|(what, happened)| self.marks.saw(what, happened));
    }

    /// The next number, and the connections that other sessions may use.
    fn leaves(self) -> (usize, Vec<Peer>) {
        let mut idle = self.world.wires.idle;
        for peer in &mut idle {
            (peer.served, peer.taken, peer.filled) = (0, 0, 0);
            peer.heard.clear();
        }
        (self.first + self.kinds.len(), idle)
    }
}

/// One final answer as the client heard it.
struct Answer<'h> {
    status: u16,
    body: String,
    closes: bool,
    whole: bool,
    rest: &'h str,
}

/// The final answers that the client heard, in order.
fn answers(mut heard: &str) -> Vec<Answer<'_>> {
    let mut all = Vec::new();
    while let Some((head, rest)) = heard.split_once("\r\n\r\n") {
        let status = head.strip_prefix("HTTP/1.1 ").expect("an answer begins")[..3].parse();
        let status = status.expect("a status");
        heard = rest;
        if status >= 200 {
            let answer = answer(status, head, rest);
            heard = answer.rest;
            all.push(answer);
        }
    }
    assert!(!heard.contains("Evil"), "{heard:?}");
    all
}

fn answer<'h>(status: u16, head: &str, rest: &'h str) -> Answer<'h> {
    let field = |name: &str| head.split("\r\n").find_map(|line| line.strip_prefix(name));
    let closes = field("Connection: ") == Some("close");
    let Some(length) = field("Content-Length: ") else {
        let whole = rest.contains("0\r\n\r\n");
        let (chunks, behind) = rest.split_once("\r\n0\r\n\r\n").unwrap_or((rest, ""));
        // Of a response that was cut, a part of the last chunk may stand behind the first.
        let (size, body) = chunks.split_once("\r\n").unwrap_or(("0", ""));
        let size = usize::from_str_radix(size, 16).expect("a chunk says how long it is");
        let body = body[..size.min(body.len())].to_owned();
        return Answer { status, body, closes, whole, rest: behind };
    };
    let length: usize = length.parse().expect("a length");
    let (body, behind) = rest.split_at(length.min(rest.len()));
    Answer { status, body: body.to_owned(), closes, whole: body.len() == length, rest: behind }
}

/// Whether `text` is `<number`, or the beginning of it.
fn number_is(text: &str, number: usize) -> bool {
    format!("<{number}").starts_with(text)
}

/// How long the first request is, if it is whole.
fn whole(heard: &str) -> Option<usize> {
    let (head, rest) = heard.split_once("\r\n\r\n")?;
    let body = match head.split(' ').next() {
        Some("POST") => 9,
        Some("PUT") => rest.find("0\r\n\r\n").map(|at| at + 5)?.max(19),
        _ => 0,
    };
    (rest.len() >= body).then_some(head.len() + 4 + body)
}
