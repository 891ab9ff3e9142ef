//! Twenty thousand seeds of bad luck: every call of the driver may block, move less, or break, time
//! jumps, budgets are small, peers say anything. Then the bad luck stops, and everything must finish.
//!
//! A failure prints its seed; `SEED=n cargo test -p underpass-core --test chaos` replays that one.

mod world;

use underpass_core::report::Close;
use underpass_core::route::Rules;
use underpass_core::time::Wait;
use underpass_core::{Dial, Fault, Op, Pumped, Side, limits};
use world::luck::luck;
use world::plan::Plan;
use world::seeds::{Failing, Marks, only_seed};
use world::wires::CALM;
use world::{CONF, Rng, World, heads, rules};

const SEEDS: u64 = 20_000;

#[test]
fn whatever_happens_the_oracles_hold() {
    let rules = [
        "",
        "ProxyWebsocketAsync OFF\nProxyWebsocketIdleTimeout 90",
        "ProxyWebsocketAsyncDelay 1\nProxy100Continue Off",
    ]
    .map(|more| rules(&[CONF, more].concat()));
    let mut marks = Marks::default();
    let only = only_seed();
    for seed in only.map_or(0..SEEDS, |seed| seed..seed + 1) {
        let failing = Failing("chaos", seed);
        let mut rng = Rng::new(seed);
        let mut chaos = Chaos::new(&rules[rng.below(3)], &mut rng, &mut marks);
        chaos.storm();
        chaos.calm();
        chaos.oracles();
        std::mem::forget(failing);
    }
    if only.is_none() {
        assert_all_were_seen(&marks);
    }
}

/// A deadline has passed in each state, and whatever should happen sometimes has happened.
fn assert_all_were_seen(marks: &Marks) {
    eprintln!("{:#?}", marks.0);
    let states = ["Request", "Elect", "Connect", "Secure", "Offer", "Answer", "Tunnel", "Exchange"];
    for state in ["Hello", "Linger"].into_iter().chain(states) {
        assert!(marks.0.contains_key(state), "no deadline ever passed in {state}");
    }
    for (what, &often) in &marks.0 {
        assert!(often > 0, "never seen: {what}");
    }
}

/// One seed.
struct Chaos<'a> {
    world: World<'a>,
    rng: Rng,
    plan: Plan,
    marks: &'a mut Marks,
    /// Bytes that each side has not said yet.
    unsaid: [usize; 2],
    /// Something broke that was not only an address.
    broke: bool,
}

impl<'a> Chaos<'a> {
    fn new(rules: &'a Rules, rng: &mut Rng, marks: &'a mut Marks) -> Self {
        let plan = Plan::new(rng);
        let mut world = World::recorded(rules);
        world.wires.addresses = vec![Err(Fault::Refused); rng.of(&[0, 0, 1, 3])];
        world.wires.addresses.push(Ok(()));
        let breaks = rng.of(&[0, 0, 0, 5, 50]);
        world.wires.luck = luck(breaks, rng);
        let unsaid = Side::BOTH.map(|side| plan.says[side].len());
        Self { world, rng: Rng::new(rng.next()), plan, marks, unsaid, broke: false }
    }

    /// Bad luck.
    fn storm(&mut self) {
        for _ in 0..self.rng.below(60) {
            for side in Side::BOTH {
                if self.rng.permille(400) {
                    let most = 1 + self.rng.below(200);
                    self.say(side, most);
                }
                let over = self.unsaid[side as usize] == 0 && self.rng.permille(100);
                self.world.wires.peers[side].ended |= over;
            }
            self.jump();
            let budget = 1 + self.rng.below(limits::BUDGET as usize) as u32;
            if self.turn(budget) == Pumped::Closed {
                return;
            }
        }
    }

    /// Good luck: both sides say what they have to say, and end; no clock is needed any more.
    fn calm(&mut self) {
        self.world.wires.luck = Box::new(|_| CALM);
        for _ in 0..64 {
            for side in Side::BOTH {
                self.say(side, usize::MAX);
            }
            let backend = &mut self.world.wires.peers.backend;
            // One that can no longer be written to waits in vain for what it wants to answer.
            backend.ended |= self.unsaid[1] == 0 || backend.deaf.is_some();
            self.world.wires.peers.client.ended = true;
            if self.turn(limits::BUDGET) == Pumped::Closed {
                return;
            }
        }
        panic!("it does not end: {} {:?}", self.world.session.state(), self.world.offers());
    }

    /// That side says more of what it has to say; the backend only once it is asked.
    fn say(&mut self, side: Side, most: usize) {
        let heard = &self.world.wires.peers.backend.heard;
        let asked =
            body_of(heard).is_some_and(|body| !self.plan.patient || body.len() >= self.plan.body);
        if side == Side::Client || asked {
            let all = &self.plan.says[side];
            let left = &all[all.len() - self.unsaid[side as usize]..];
            let now = &left[..left.len().min(most)];
            self.unsaid[side as usize] -= now.len();
            self.world.wires.peers[side].to_come.extend(now);
        }
    }

    /// Time passes: mostly little, sometimes up to the deadline.
    fn jump(&mut self) {
        let wires = &mut self.world.wires;
        wires.now = match (self.rng.below(40), self.world.session.poll_timeout()) {
            (0, Some(at)) => at.max(wires.now),
            (1, _) => wires.now.after(Wait::from_secs(self.rng.below(30) as u64)),
            _ => wires.now.after(Wait::from_micros(self.rng.below(1_000) as u64)),
        };
        if self.world.session.poll_timeout().is_some_and(|at| at <= wires.now) {
            self.marks.saw(self.world.session.state(), true);
        }
    }

    /// One turn, and what must hold after it.
    fn turn(&mut self, budget: u32) -> Pumped {
        let done = self.world.wires.done;
        let flows = *self.world.session.flows();
        let pumped = self.world.pump(budget);
        let progress = self.world.wires.done > done;
        let idle = pumped == Pumped::Again && budget as usize > Op::ALL.len() && !progress;
        assert!(!idle, "a busy loop in {}", self.world.session.state());
        self.world.wires.peers.iter().for_each(|peer| {
            self.broke |= peer.lost.or(peer.deaf).is_some();
        });
        for side in Side::BOTH {
            let (before, after) = (flows[side], self.world.session.flows()[side]);
            let flows_on =
                self.switched() && flows[!side].is_over() && after.pushed() > before.pushed();
            self.marks.saw("half-closed, and bytes the other way", flows_on);
        }
        let peer = &self.world.wires.peers.backend;
        let split = self.world.session.state() == "Answer" && peer.taken > 0;
        self.marks.saw("a 101 split in its middle", split && self.plan.switches);
        self.delivered();
        pumped
    }

    /// Whether the backend's verified 101 has come: then, and only then, there is or was a tunnel.
    fn switched(&self) -> bool {
        let refused = matches!(self.world.close(), Some(Close::Refused(_)));
        let taken = self.world.wires.peers.backend.taken;
        self.plan.switches && taken >= self.plan.heads.backend && !refused
    }

    /// What was delivered is the beginning of what was said, and nothing else.
    fn delivered(&self) {
        let peers = &self.world.wires.peers;
        let body = body_of(&peers.backend.heard).unwrap_or(&[]);
        let may = self.plan.behind(Side::Client);
        // R5, R7: nothing behind the request before a verified 101.
        let may = if self.switched() { may } else { &may[..self.plan.body] };
        assert!(may.starts_with(body), "the backend heard what it must not");
        let (statuses, behind) = heads::split(&peers.client.heard);
        if statuses.last().is_some_and(|&status| status == 101 || status == 200) {
            let may = self.plan.behind(Side::Backend);
            let may = if self.switched() { may } else { &may[..self.plan.response] };
            assert!(may.starts_with(behind.unwrap_or(&[])), "the client heard what it must not");
            assert!(statuses.last() != Some(&101) || self.switched(), "a 101 without a tunnel");
        }
    }

    /// What must hold at the end.
    fn oracles(&mut self) {
        let world = &self.world;
        world.assert_nothing_is_lent();
        let report = *world.report();
        let peers = &world.wires.peers;
        let body = body_of(&peers.backend.heard).unwrap_or(&[]);
        let (statuses, behind) = heads::split(&peers.client.heard);
        assert_eq!(report.pushed.client, body.len() as u64, "counted and heard by the backend");
        let relayed = report.status == 101 || report.status == 200;
        if relayed {
            let behind = behind.unwrap_or(&[]).len() as u64;
            assert_eq!(report.pushed.backend, behind, "counted and heard by the client");
        }
        for side in Side::BOTH {
            let behind = (peers[side].taken).saturating_sub(self.plan.heads[side]) as u64;
            let (pulled, pushed) = (report.pulled[side], report.pushed[side]);
            assert!(pushed <= pulled && pulled <= behind, "{pushed} {pulled} {behind}");
            let all = report.status != 101 || pulled == behind;
            assert!(all, "the tunnel lost count: {pulled} of {behind}");
        }
        self.complete(report.close);
        let bytes: usize =
            Side::BOTH.iter().map(|&side| peers[side].taken + peers[side].heard.len()).sum();
        assert!(
            world.wires.done <= 3 * bytes + 100,
            "{} moves for {bytes} bytes",
            world.wires.done
        );
        self.remember(statuses.len() > 1 && relayed, report.close);
    }

    /// A clean end is a complete one, and an end without a fault is a clean one.
    fn complete(&self, close: Close) {
        let peers = &self.world.wires.peers;
        match close {
            Close::Ended(_) => {
                for side in Side::BOTH {
                    let heard = &peers[!side].heard;
                    assert!(heard.ends_with(self.plan.behind(side)), "the {side}'s bytes are lost");
                    assert_eq!(
                        self.world.report().pushed[side],
                        self.plan.behind(side).len() as u64
                    );
                    assert!(peers[side].told, "the {side} was not told of the end");
                }
            }
            Close::Answered => {
                let body = heads::split(&peers.client.heard).1.map_or(0, <[u8]>::len);
                assert_eq!(body, self.plan.response, "half a response looks whole");
                assert!(
                    peers.client.told
                        || self.broke
                        || self.world.wires.now > self.world.report().ended
                );
            }
            Close::Faulted(side, fault) => {
                // A handshake that nobody finishes in its time breaks nothing.
                let late = (side, fault) == (Side::Client, Fault::TimedOut);
                let unread = peers.client.taken == 0;
                assert!(self.broke || late && unread, "{side}: {fault}, but nothing broke")
            }
            Close::Unasked | Close::Refused(_) | Close::Cut(_) | Close::Stalled(_) => {}
            Close::Idle | Close::HalfClosed | Close::Lifetime => assert!(self.switched()),
        }
    }

    fn remember(&mut self, interim: bool, close: Close) {
        let wires = &self.world.wires;
        let answered = close == Close::Answered;
        let residue =
            |side: Side| self.switched() && wires.peers[side].filled > self.plan.heads[side];
        let both = self.plan.chunked.client && self.plan.chunked.backend && answered;
        let all = [
            ("residue of the client", residue(Side::Client)),
            ("residue of the backend", residue(Side::Backend)),
            ("a fault with bytes in flight", wires.broke_in_flight),
            (
                "the next address after one that failed",
                wires.dialled.last() > Some(&Dial::Address(0)) && self.switched(),
            ),
            ("an interim head", interim),
            ("chunks both ways", both),
            ("a response until the end", answered && self.plan.response > 0),
            ("a tunnel that ended well", matches!(close, Close::Ended(_))),
            ("a tunnel that broke", self.switched() && matches!(close, Close::Faulted(..))),
            ("parked", wires.parks > 0),
        ];
        all.into_iter().for_each(|(what, happened)| self.marks.saw(what, happened));
    }
}

/// What stands behind the request's head.
fn body_of(heard: &[u8]) -> Option<&[u8]> {
    heard.windows(4).position(|four| four == b"\r\n\r\n").map(|end| &heard[end + 4..])
}
