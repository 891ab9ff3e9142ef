//! A session among those who speak to it by a script, and all that can happen there.

use std::collections::BTreeSet;
use std::task::Poll;

use underpass_core::balance::{Ask, Lease, Purpose};
use underpass_core::route::{BalancerId, Rules};
use underpass_core::time::Time;
use underpass_core::{Both, Op, Pumped, Side};

use super::script::{Exchange, Script, marks, words};
use crate::world::step::Step;
use crate::world::wires::unasked;
use crate::world::{Luck, Peer, World};

/// One thing that can happen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Event {
    Step(Step),
    /// Time passes, almost until the clock runs out.
    Doze,
    /// Who had the worker's only place gives it back.
    Free,
}

/// A session among those who speak to it.
pub(crate) struct Scene<'s> {
    pub(crate) world: World<'s>,
    pub(crate) script: &'s Script,
    /// The side of the tunnel that bytes were pulled from last.
    pub(crate) read: Option<Side>,
    /// To which sides something was to be sent when the clock last ran out; both, where one could not
    /// yet see it, because the pool was to be told something first.
    pub(crate) late: Both<bool>,
    /// The lease of somebody else.
    other: Option<Lease>,
}

/// The name of somebody else.
const OTHER: usize = 9;

impl<'s> Scene<'s> {
    /// A connection that has just been accepted.
    pub(crate) fn new(script: &'s Script, rules: &'s Rules) -> Self {
        let mut world = World::new(rules);
        world.wires.peers.client.to_come.extend(words(&script.client).bytes());
        world.wires.addresses.clone_from(&script.addresses);
        world.wires.idle.extend((0..script.idle).map(|_| Peer::default()));
        let mut scene = Self { world, script, read: None, late: Both::default(), other: None };
        if script.full {
            scene.occupy();
        }
        scene.speak(false);
        scene
    }

    /// The scene after those events.
    pub(crate) fn after(script: &'s Script, rules: &'s Rules, word: &[Event]) -> Self {
        let mut scene = Self::new(script, rules);
        word.iter().for_each(|&event| scene.happens(event));
        scene
    }

    /// Somebody else takes the worker's place, for a tunnel.
    fn occupy(&mut self) {
        let (pool, now) = (&mut self.world.wires.pool, self.world.wires.now);
        let ask = Ask::new(BalancerId(0), [192, 0, 2, 8].into(), Purpose::Exchange);
        let Poll::Ready(Ok(mut lease)) = pool.elect(&ask, None, OTHER, now) else {
            panic!("a fresh worker has a place")
        };
        pool.confirm(&mut lease);
        self.other = Some(lease);
    }

    /// The place is free again, and whoever waits for it is woken.
    pub(crate) fn free(&mut self) {
        let Some(lease) = self.other.take() else { return };
        let pool = &mut self.world.wires.pool;
        let waits = pool.pending() > 0;
        pool.release(Some(lease), OTHER, &unasked(Time::ZERO));
        let woken = pool.take_woken();
        assert_eq!(!woken.is_empty(), waits, "whose turn has come is woken");
    }

    pub(crate) fn is_full(&self) -> bool {
        self.other.is_some()
    }

    pub(crate) fn happens(&mut self, event: Event) {
        let heard = self.world.wires.peers.backend.heard.len();
        self.remember(event);
        match event {
            Event::Step(step) => self.world.step(step),
            Event::Doze => {
                self.world.wires.now = self.almost().expect("a clock runs");
                let _ = self.world.pump(0);
            }
            Event::Free => self.free(),
        }
        self.speak(self.world.wires.peers.backend.heard.len() > heard);
    }

    /// Remembers what a later step is judged by.
    fn remember(&mut self, event: Event) {
        match event {
            Event::Step(Step::Move(Op::Pull(side), _)) if self.world.session.is_tunnel() => {
                self.read = Some(side);
            }
            Event::Step(Step::Clock) => {
                let offers = self.world.offers();
                let out = |to| [Op::Flush(to), Op::Push(to), Op::Shut(to), Op::Confirm];
                self.late = Both::from_fn(|to| out(to).iter().any(|op| offers.contains(op)));
            }
            Event::Step(_) | Event::Doze | Event::Free => {}
        }
    }

    /// Everything that can happen.
    pub(crate) fn events(&self) -> Vec<Event> {
        let steps = self.world.steps_with(self.script.faults, |op, there| self.part(op, there));
        let mut events: Vec<_> = steps.into_iter().map(Event::Step).collect();
        events.extend(self.almost().filter(|&at| at > self.world.wires.now).map(|_| Event::Doze));
        events.extend(self.is_full().then_some(Event::Free));
        events
    }

    /// Pumps until nothing more happens by itself.
    pub(crate) fn settle(&mut self) -> Pumped {
        for _ in 0..1_000 {
            let (done, heard) = (self.world.wires.done, self.world.wires.peers.backend.heard.len());
            let pumped = self.world.settle();
            self.speak(self.world.wires.peers.backend.heard.len() > heard);
            if pumped == Pumped::Closed || self.world.wires.done == done {
                return pumped;
            }
        }
        panic!("busy for ever in {}", self.world.session.state());
    }

    /// A moment before the clock runs out.
    fn almost(&self) -> Option<Time> {
        let at = self.world.session.poll_timeout()?.as_micros();
        Some(Time::from_micros(at.saturating_sub(1)))
    }

    /// What can be moved beside all. A read goes up to the next mark. A flush leaves what stands behind a
    /// head, or one byte, or both. A push moves one byte.
    fn part(&self, op: Op, there: usize) -> Vec<Luck> {
        let rests: BTreeSet<usize> = if let Op::Fill(side) | Op::Pull(side) = op {
            (1..there).rev().find(|&rest| self.may_leave(side, rest)).into_iter().collect()
        } else if let Op::Flush(to) = op {
            let behind = self.world.session.flows()[!to].in_flight() as usize;
            [1, behind, behind + 1].into()
        } else {
            [there - 1].into()
        };
        rests.into_iter().filter(|&rest| rest > 0).map(Luck::Leave).collect()
    }

    /// Whether a read may end where so much is left: at a mark, or at the end of what is said once.
    fn may_leave(&self, side: Side, rest: usize) -> bool {
        let again = &self.script.again[side];
        let (one, two) = (words(again).len(), 2 * words(again).len());
        let first = match side {
            Side::Client => &self.script.client,
            Side::Backend => &self.present().all(),
        };
        match rest.checked_sub(two) {
            Some(rest) => rest == 0 || marks(first).contains(&rest),
            None => rest.is_multiple_of(one) || marks(again).contains(&(rest % one)),
        }
    }

    /// The exchange under way, or the next one.
    pub(crate) fn present(&self) -> &'s Exchange {
        self.script.exchange(self.world.wires.reports.len())
    }

    /// Both sides say what they have to say now: the backend answers who has begun to speak to it, or
    /// can no longer do so.
    fn speak(&mut self, was_spoken_to: bool) {
        let (script, present) = (self.script, self.present());
        let asked = self.world.wires.reports.len() + 1;
        let peers = &mut self.world.wires.peers;
        let backend = &mut peers.backend;
        if backend.served < asked && (was_spoken_to || backend.deaf.is_some()) && !backend.ended {
            backend.served = asked;
            backend.to_come.extend(words(&present.all()).bytes());
        }
        for side in Side::BOTH.into_iter().filter(|&side| !script.again[side].is_empty()) {
            let again = words(&script.again[side]);
            let speaks = side == Side::Client || peers[side].served > 0;
            let peer = &mut peers[side];
            while speaks && !peer.ended && peer.to_come.len() < 2 * again.len() {
                peer.to_come.extend(again.bytes());
            }
        }
    }
}
