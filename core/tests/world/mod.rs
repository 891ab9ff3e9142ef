//! A whole world for one session: two peers in memory, a real pool, a clock that is told, and rules
//! made from real configuration text.
#![allow(dead_code, reason = "no test uses all of it")]
#![allow(unused_imports, reason = "no test uses all of it")]

pub(crate) mod crowd;
pub(crate) mod heads;
pub(crate) mod luck;
pub(crate) mod plan;
pub(crate) mod recording;
pub(crate) mod rng;
pub(crate) mod rows;
pub(crate) mod seeds;
pub(crate) mod start;
pub(crate) mod step;
pub(crate) mod wires;

use underpass_core::config::{self, Input};
use underpass_core::head::Buffers;
use underpass_core::limits;
use underpass_core::report::{Close, Report};
use underpass_core::route::{Caller, Rules};
use underpass_core::time::Wait;
use underpass_core::{Cx, Op, OpSet, Pumped, Session, Side, pump, trace};

pub(crate) use recording::Recording;
pub(crate) use rng::Rng;
pub(crate) use wires::{Luck, Peer, Wires};

/// The rules of most tests: every kind of rule that there is.
pub(crate) const CONF: &str = r#"
    Listen 80
    ServerName proxy.example
    ProxyPass /no/ !
    ProxyPass /ws/ ws://backend:9000/
    ProxyPass /any/ ws://backend:9000/ upgrade=ANY
    ProxyPass / http://backend:9000/
"#;

/// The one client's address.
pub(crate) const CLIENT: [u8; 4] = [192, 0, 2, 7];

/// The rules that a configuration text makes.
pub(crate) fn rules(text: &str) -> Rules {
    let lines: Vec<_> = text
        .lines()
        .map(|line| Input::Line { name: "conf".into(), text: line.trim().into() })
        .collect();
    config::load(&mut config::Nowhere, &lines, &[]).expect("the text is good").rules
}

/// A session that was asked and answered like that, and what the client heard.
pub(crate) fn answered<'r>(rules: &'r Rules, asked: &str, answer: &str) -> (World<'r>, String) {
    let mut world = World::recorded(rules);
    world.hear(Side::Client, asked);
    world.hear(Side::Backend, answer);
    let heard = world.heard(Side::Client);
    (world, heard)
}

/// One session between two peers.
pub(crate) struct World<'r> {
    pub(crate) session: Session,
    pub(crate) rules: &'r Rules,
    pub(crate) buffers: Buffers,
    pub(crate) wires: Wires,
    /// What is recorded of the session, to be replayed at its end.
    pub(crate) recording: Option<Recording<'r>>,
}

impl<'r> World<'r> {
    /// A connection that has just been accepted; nobody has said anything.
    pub(crate) fn new(rules: &'r Rules) -> Self {
        let wires = Wires::new(rules);
        let session = Session::new(Caller::at_main(CLIENT), rules, wires.now);
        Self { session, rules, buffers: Buffers::default(), wires, recording: None }
    }

    /// A connection that has just been accepted, and whose session is recorded and, when the test is over,
    /// replayed: it must go as it went.
    pub(crate) fn recorded(rules: &'r Rules) -> Self {
        let mut world = Self::new(rules);
        world.recording = Some(Recording::new(rules, &world.wires));
        world
    }

    /// A tunnel that is open, both heads out; each side has said `behind` of its head.
    pub(crate) fn tunnel(rules: &'r Rules) -> Self {
        let mut world = Self::new(rules);
        world.hear(Side::Client, &heads::ask(""));
        world.hear(Side::Backend, &heads::switch(""));
        assert!(world.session.is_tunnel(), "{}", world.session.state());
        world.wires.peers.iter_mut().for_each(|peer| peer.heard.clear());
        world
    }

    /// Runs one turn of the pump.
    pub(crate) fn pump(&mut self, budget: u32) -> Pumped {
        let now = self.wires.now;
        let mut cx = Cx { now, rules: self.rules, buffers: &mut self.buffers };
        match &mut self.recording {
            None => pump(&mut self.session, &mut self.wires, &mut cx, budget),
            Some(it) => {
                trace::pump(&mut self.session, &mut self.wires, &mut cx, budget, &mut it.tape)
            }
        }
    }

    /// Pumps until nothing more happens by itself.
    pub(crate) fn settle(&mut self) -> Pumped {
        for _ in 0..100_000 {
            let pumped = self.pump(limits::BUDGET);
            if pumped != Pumped::Again {
                return pumped;
            }
        }
        panic!("busy for ever in {}", self.session.state());
    }

    /// That side says something, and everything that follows from it happens.
    pub(crate) fn hear(&mut self, from: Side, bytes: &str) {
        self.wires.peers[from].to_come.extend(bytes.as_bytes());
        let _ = self.settle();
    }

    /// That side ends its direction.
    pub(crate) fn end(&mut self, from: Side) {
        self.wires.peers[from].ended = true;
        let _ = self.settle();
    }

    /// Time passes.
    pub(crate) fn pass(&mut self, wait: Wait) {
        self.wires.now = self.wires.now.after(wait);
        let _ = self.settle();
    }

    /// What that side has heard since the test last asked, as text.
    pub(crate) fn heard(&mut self, side: Side) -> String {
        let bytes = std::mem::take(&mut self.wires.peers[side].heard);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The moves that the session offers, the first one first.
    pub(crate) fn offers(&self) -> Vec<Op> {
        self.next_ops().collect()
    }

    /// The same, each asked for when it is its turn.
    pub(crate) fn next_ops(&self) -> impl Iterator<Item = Op> {
        let mut blocked = OpSet::NONE;
        std::iter::from_fn(move || {
            let op = self.session.next_op(blocked)?;
            assert_eq!(self.session.next_op(blocked), Some(op), "asking twice changes the answer");
            assert!(!blocked.has(op), "{op} is offered although it is blocked");
            blocked.add(op);
            Some(op)
        })
    }

    /// The one report: of a session with one request.
    pub(crate) fn report(&self) -> &Report {
        let [report] = self.wires.reports.as_slice() else {
            panic!("not one report: {:?}", self.wires.reports)
        };
        report
    }

    /// How it ended, if it has.
    pub(crate) fn close(&self) -> Option<Close> {
        self.wires.reports.first().map(|report| report.close)
    }

    /// Everything that was lent has come back.
    pub(crate) fn assert_nothing_is_lent(&self) {
        assert!(self.session.is_closed(), "not closed: {}", self.session.state());
        assert_eq!(self.session.poll_timeout(), None, "a clock runs after the end");
        let lent = (self.wires.pool.busy(), self.wires.pool.pending(), self.buffers.leased());
        assert_eq!(lent, (0, 0, 0), "leases, handshakes, buffers");
        assert!(!self.wires.reports.is_empty(), "no report for a session");
    }
}
