//! Every word of outcomes, of every length: from a start with a few bytes to come, all states that a
//! session can be in are found, and each step between them keeps the invariants.
//!
//! A step makes one of the offered moves (the ones before it are blocked) with one outcome: it moves
//! one byte, moves all, ends, or breaks by one of two faults; or the clock runs out. Two words that
//! lead to the same state need only one continuation, so there is an end to it. A session cannot
//! be copied: each word is replayed from the start.

mod world;

use std::collections::{BTreeSet, VecDeque};
use std::fmt::{self, Write as _};

use underpass_core::route::Rules;
use underpass_core::{Fault, Op, Pumped, Side};
use world::start::until;
use world::step::Step;
use world::wires::{CALM, Peer};
use world::{CONF, Luck, World, heads, rules};

/// Where a walk starts, and by what legs break in it. It goes on until a session has its report:
/// behind that there is only one way, which `table.txt` shows.
struct Walk {
    /// What is configured beside the usual.
    more: &'static str,
    start: for<'r> fn(&'r Rules) -> World<'r>,
    faults: [Fault; 2],
}

/// What a walk has seen.
#[derive(Debug, Default)]
struct Seen {
    states: BTreeSet<u64>,
    names: BTreeSet<&'static str>,
    ops: BTreeSet<Op>,
    words: usize,
    longest: usize,
}

impl Walk {
    fn run(&self) -> Seen {
        let rules = rules(&[CONF, self.more].concat());
        let mut seen = Seen::default();
        let mut words = VecDeque::from([Vec::new()]);
        while let Some(word) = words.pop_front() {
            for step in self.replay(&rules, &word).steps(&self.faults) {
                let mut world = self.replay(&rules, &word);
                let before = Before::of(&world);
                world.step(step);
                let word: Vec<Step> = word.iter().copied().chain([step]).collect();
                seen.note(&world, step, word.len());
                Trail(&word).explains(|| before.check(&world, step));
                if seen.states.insert(fingerprint(&world)) {
                    let over = ["Release", "Linger", "Closed"].contains(&world.session.state());
                    Trail(&word).explains(|| comes_to_an_end(world));
                    words.extend((!over).then_some(word));
                }
            }
        }
        seen
    }

    fn replay<'r>(&self, rules: &'r Rules, word: &[Step]) -> World<'r> {
        let mut world = (self.start)(rules);
        word.iter().for_each(|&step| world.step(step));
        world
    }
}

impl Seen {
    fn note(&mut self, world: &World<'_>, step: Step, length: usize) {
        self.words += 1;
        self.longest = self.longest.max(length);
        self.names.insert(world.session.state());
        if let Step::Move(op, _) = step {
            self.ops.insert(op);
        }
    }

    fn says(&self, walk: &str) {
        eprintln!(
            "{walk}: {} steps between {} states, the longest word has {}",
            self.words,
            self.states.len(),
            self.longest
        );
    }
}

/// What must be compared across a step.
struct Before {
    heard: [usize; 2],
    told: [bool; 2],
}

impl Before {
    fn of(world: &World<'_>) -> Self {
        let peers = &world.wires.peers;
        Self {
            heard: Side::BOTH.map(|side| peers[side].heard.len()),
            told: Side::BOTH.map(|side| peers[side].told),
        }
    }

    /// The invariants that hold after every step.
    fn check(&self, world: &World<'_>, step: Step) {
        let (session, wires) = (&world.session, &world.wires);
        for (at, side) in Side::BOTH.into_iter().enumerate() {
            let grown = wires.peers[side].heard.len() > self.heard[at];
            assert!(!(grown && self.told[at]), "bytes behind the FIN to the {side}");
        }
        if let Step::Move(op, _) = step {
            assert!(wires.done > 0, "{op} was offered and not made");
        }
        conserves(world);
        if session.is_closed() {
            return world.assert_nothing_is_lent();
        }
        assert!(!world.offers().is_empty(), "a dead end");
        let waits = session.held() > 0 || wires.carriers.iter().any(|carrier| !carrier.is_empty());
        let over = session.state() == "Release";
        assert!(!waits || over || session.poll_timeout().is_some(), "R52: bytes wait for ever");
        assert!(session.held() > 0 || world.buffers.leased() == 0, "an empty buffer is leased");
        let (busy, reports) = (wires.pool.busy(), wires.reports.len());
        assert!(busy <= 1 && reports <= 1);
        let needs = ["Secure", "Offer", "Answer", "Exchange", "Tunnel"].contains(&session.state());
        assert!(!needs || (busy == 1 && reports == 0), "a lease until the one report");
        assert!(reports == 0 || busy == 0, "a lease behind the report");
    }
}

/// Nothing is lost, doubled or made up: what went out is a prefix of what came in, and the rest of it
/// is under way.
fn conserves(world: &World<'_>) {
    let flows = world.session.flows();
    if world.wires.reports.iter().any(|report| report.status >= 400) {
        return;
    }
    for from in Side::BOTH {
        let (flow, carrier) = (&flows[from], &world.wires.carriers[from]);
        let (_, behind) = heads::split(&world.wires.peers[!from].heard);
        let behind = if from == Side::Client { payload(world) } else { behind.unwrap_or(&[]) };
        assert!(SAID[from as usize].starts_with(behind), "the {from}'s bytes are not its own");
        assert_eq!(flow.pushed(), behind.len() as u64, "counts of what the {from} sent");
        if ["Tunnel", "Exchange", "Answer"].contains(&world.session.state()) && !flow.is_over() {
            let held = world.session.held();
            let most = carrier.len() + if carrier.is_empty() { held } else { 0 };
            assert!(flow.in_flight() as usize <= most, "more is in flight than there is");
            assert!(flow.in_flight() as usize >= carrier.len(), "less is in flight than there is");
        }
    }
}

/// What the backend has heard behind the request's head.
fn payload<'w>(world: &'w World<'_>) -> &'w [u8] {
    let heard = &world.wires.peers.backend.heard;
    let end = heard.windows(4).position(|four| four == b"\r\n\r\n");
    end.map_or(&[], |end| &heard[end + 4..])
}

/// Once nothing blocks or breaks any more and both peers end, so does the session, without a clock.
fn comes_to_an_end(mut world: World<'_>) {
    for _ in 0..8 {
        world.wires.peers.iter_mut().for_each(|peer| peer.ended = true);
        if world.settle() == Pumped::Closed {
            assert_eq!(world.wires.reports.len(), 1, "one report for one request");
            return world.assert_nothing_is_lent();
        }
    }
    panic!("it stands still in {} with {:?}", world.session.state(), world.offers());
}

/// Hashes all that is known of session, peers and carriers.
fn fingerprint(world: &World<'_>) -> u64 {
    struct Fnv(u64);
    impl fmt::Write for Fnv {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            for byte in text.bytes() {
                self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
            }
            Ok(())
        }
    }
    let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
    let wires = &world.wires;
    let kept = (wires.idle.len(), wires.past.len());
    write!(hash, "{:?}{:?}{:?}{kept:?}", world.session, wires.peers, wires.carriers)
        .expect("hashing never fails");
    hash.0
}

/// Prints the word that led to a failure.
struct Trail<'a>(&'a [Step]);

impl Trail<'_> {
    fn explains(&self, check: impl FnOnce()) {
        let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(check));
        if let Err(why) = failed {
            eprintln!("after the steps {:#?}", self.0);
            std::panic::resume_unwind(why);
        }
    }
}

/// What each side says in a walk, behind its head.
const SAID: [&[u8]; 2] = [b"abc", b"xyz"];

/// The backend has its request, and is about to switch.
fn before_the_switch(rules: &Rules) -> World<'_> {
    let mut world = World::new(rules);
    world.hear(Side::Client, &heads::ask(""));
    world.wires.peers.backend.to_come.extend(heads::switch("").bytes());
    world.step(Step::Move(Op::Fill(Side::Backend), CALM));
    for side in Side::BOTH {
        world.wires.peers[side].to_come.extend(SAID[side as usize]);
    }
    world
}

#[test]
fn a_tunnel_keeps_its_promises_whatever_happens() {
    let faults = [Fault::Reset, Fault::Closed];
    let seen = Walk { more: "", start: before_the_switch, faults }.run();
    seen.says("tunnel");
    assert_eq!(seen.names, ["Release", "Tunnel"].into());
    for side in Side::BOTH {
        for op in [Op::Pull(side), Op::Push(side), Op::Shut(side)] {
            assert!(seen.ops.contains(&op), "{op} was never made");
        }
    }
}

/// Both heads have bytes behind them: they go first, and count.
#[test]
fn residue_goes_before_everything_else() {
    fn start(rules: &Rules) -> World<'_> {
        let mut world = World::new(rules);
        world.hear(Side::Client, &format!("{}ab", heads::ask("")));
        world.wires.peers.client.to_come.extend(b"c");
        world.wires.peers.backend.to_come.extend(format!("{}xyz", heads::switch("")).bytes());
        world.step(Step::Move(Op::Fill(Side::Backend), CALM));
        world
    }
    let seen = Walk { more: "", start, faults: [Fault::Reset, Fault::Closed] }.run();
    seen.says("residue");
    assert!(seen.ops.contains(&Op::Flush(Side::Backend)));
}

/// A request body and a response body, each of a known length.
#[test]
fn an_exchange_keeps_its_promises_whatever_happens() {
    fn start(rules: &Rules) -> World<'_> {
        let mut world = World::new(rules);
        world.hear(Side::Client, &heads::get("Content-Length: 3\r\n"));
        world.wires.peers.client.to_come.extend(SAID[0]);
        world
            .wires
            .peers
            .backend
            .to_come
            .extend(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nxyz");
        world
    }
    let seen = Walk { more: "", start, faults: [Fault::Reset, Fault::Closed] }.run();
    seen.says("exchange");
    assert_eq!(seen.names, ["Answer", "Exchange", "Release"].into());
}

/// A body that waits for our word, which goes out before the answer is read.
#[test]
fn a_body_that_waits_keeps_its_promises_whatever_happens() {
    fn start(rules: &Rules) -> World<'_> {
        let fields = "Expect: 100-continue\r\nContent-Length: 3\r\n";
        let mut world = until(rules, "Offer", &heads::get(fields));
        world.wires.peers.client.to_come.extend(SAID[0]);
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nxyz";
        world.wires.peers.backend.to_come.extend(answer);
        world
    }
    let more = "Proxy100Continue Off";
    let seen = Walk { more, start, faults: [Fault::Reset, Fault::Closed] }.run();
    seen.says("expect");
    assert_eq!(seen.names, ["Offer", "Answer", "Exchange", "Release"].into());
}

/// An error of the backend's that we say in our own words.
#[test]
fn an_overridden_error_keeps_its_promises_whatever_happens() {
    fn start(rules: &Rules) -> World<'_> {
        let mut world = World::new(rules);
        world.hear(Side::Client, &heads::get("Content-Length: 3\r\n"));
        world.wires.peers.client.to_come.extend(SAID[0]);
        let answer = b"HTTP/1.1 500 No\r\nContent-Length: 3\r\n\r\nxyz";
        world.wires.peers.backend.to_come.extend(answer);
        world
    }
    let more = "ProxyErrorOverride On";
    let seen = Walk { more, start, faults: [Fault::Reset, Fault::Closed] }.run();
    seen.says("override");
    assert_eq!(seen.names, ["Answer", "Release"].into());
}

/// An idle connection that may be stale, and a request that may go out twice, whose answer comes once.
#[test]
fn a_stale_connection_is_got_over_whatever_happens() {
    fn start(rules: &Rules) -> World<'_> {
        let mut world = World::new(rules);
        world.wires.idle.push(Peer::default());
        world.wires.luck = Box::new(|op| if op == Op::Connect { Luck::Block } else { CALM });
        world.hear(Side::Client, &heads::get(""));
        assert_eq!(world.session.state(), "Connect");
        world.wires.luck = Box::new(|_| CALM);
        world
    }
    let seen = Walk { more: "", start, faults: [Fault::Reset, Fault::Closed] }.run();
    seen.says("stale");
    for name in ["Connect", "Secure", "Offer", "Answer", "Release"] {
        assert!(seen.names.contains(name), "{name} was never reached");
    }
}

/// Three addresses, of which the last answers.
#[test]
fn a_worker_is_reached_or_given_back_whatever_happens() {
    fn start(rules: &Rules) -> World<'_> {
        let mut world = World::new(rules);
        world.wires.addresses = vec![Err(Fault::Refused), Err(Fault::Refused), Ok(())];
        world.wires.luck = Box::new(|op| if op == Op::Elect { Luck::Block } else { CALM });
        world.hear(Side::Client, &heads::ask(""));
        assert_eq!(world.session.state(), "Elect");
        world
    }
    let seen = Walk { more: "", start, faults: [Fault::Unreachable, Fault::Unresolved] }.run();
    seen.says("connect");
    for name in ["Connect", "Elect", "Secure", "Offer", "Answer", "Release"] {
        assert!(seen.names.contains(name), "{name} was never reached");
    }
}
