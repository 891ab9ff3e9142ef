//! What must hold after every step.

use underpass_core::report::{Close, Report};
use underpass_core::time::Time;
use underpass_core::tunnel::{End, Flow};
use underpass_core::{Both, Fault, Op, OpSet, Side};

use super::heard::{asked, told};
use super::order;
use super::scene::{Event, Scene};
use crate::world::World;
use crate::world::step::Step;
use crate::world::wires::CALM;

/// What a step is compared with.
pub(crate) struct Before {
    state: &'static str,
    deadline: Option<Time>,
    flows: Both<Flow>,
    reports: usize,
    done: usize,
    /// Something of an answer has been read.
    has_begun: bool,
}

impl Before {
    pub(crate) fn of(scene: &Scene<'_>) -> Self {
        let (session, wires) = (&scene.world.session, &scene.world.wires);
        Self {
            state: session.state(),
            deadline: session.poll_timeout(),
            flows: *session.flows(),
            reports: wires.reports.len(),
            done: wires.done,
            has_begun: order::has_begun(scene),
        }
    }

    /// Everything that must hold after a step.
    pub(crate) fn check(&self, scene: &Scene<'_>, event: Event) {
        self.happened(scene, event);
        self.tells(scene, event);
        let again = self.has_begun && scene.world.session.state() == "Connect";
        assert!(!again, "a request is sent again although its answer has begun");
        self.keeps_its_clock(scene, event);
        lends(scene);
        goes_on(&scene.world);
        order::waits_for_the_sink(&scene.world);
        order::takes_turns(scene);
        order::promises_what_is_so(scene);
        order::risks_nothing(scene);
        counts(scene);
        is_told(scene);
        if scene.world.wires.reports.len() > self.reports {
            ends(scene);
        }
    }

    /// What is offered is made, and a clock that runs out changes something for good.
    fn happened(&self, scene: &Scene<'_>, event: Event) {
        match event {
            Event::Step(Step::Move(op, _)) => {
                assert!(scene.world.wires.done > self.done, "{op} was offered and not made");
            }
            Event::Step(Step::Clock) => {
                let (now, at) = (scene.world.wires.now, scene.world.session.poll_timeout());
                assert!(at.is_none_or(|at| at > now), "the clock rings again at once");
            }
            Event::Doze | Event::Free => {}
        }
    }

    /// One report for each request, when it is over, of what has moved.
    fn tells(&self, scene: &Scene<'_>, event: Event) {
        let reports = &scene.world.wires.reports;
        let told = event == Event::Step(Step::Move(Op::Release, CALM));
        assert_eq!(reports.len(), self.reports + usize::from(told), "one report for each request");
        if let Some(report) = reports.last().filter(|_| told) {
            let counts = |count: fn(&Flow) -> u64| Both::from_fn(|side| count(&self.flows[side]));
            assert_eq!(report.pulled, counts(Flow::pulled), "what was pulled");
            assert_eq!(report.pushed, counts(Flow::pushed), "what was pushed");
        }
    }

    /// R37, R50: only bytes that go on, and their end, push a deadline back; not an interim head.
    fn keeps_its_clock(&self, scene: &Scene<'_>, event: Event) {
        let session = &scene.world.session;
        let waits = ["Hello", "Elect", "Secure", "Offer", "Answer", "Exchange", "Tunnel", "Linger"];
        let counts = |flow: &Flow| (flow.pulled(), flow.pushed(), flow.end());
        let moved = |side| counts(&self.flows[side]) != counts(&session.flows()[side]);
        let flushed = matches!(event, Event::Step(Step::Move(Op::Flush(_), _)));
        let allowed = flushed && self.state != "Answer" || event == Event::Step(Step::Clock);
        let still = !allowed && !Side::BOTH.into_iter().any(moved);
        if self.state == session.state() && waits.contains(&self.state) && still {
            let at = |deadline: Option<Time>| deadline.unwrap_or(Time::NEVER);
            assert!(at(session.poll_timeout()) <= at(self.deadline), "the clock was set back");
        }
    }
}

/// A lease from its election to the one report; buffers only for bytes; nothing behind the end.
pub(super) fn lends(scene: &Scene<'_>) {
    let World { session, buffers, wires, .. } = &scene.world;
    let busy = wires.pool.busy() - u32::from(scene.is_full());
    let needs = ["Connect", "Secure", "Offer", "Answer", "Exchange", "Tunnel"];
    let may = needs.contains(&session.state()) || ["Elect", "Release"].contains(&session.state());
    assert!(busy == 1 || !needs.contains(&session.state()), "{} without a lease", session.state());
    assert!(busy == 0 || may, "{} with a lease", session.state());
    assert!(session.held() > 0 || buffers.leased() == 0, "a buffer is leased that holds nothing");
    if session.is_closed() {
        let left = (wires.pool.pending(), buffers.leased(), session.held(), session.poll_timeout());
        assert_eq!(left, (0, 0, 0, None), "handshakes, buffers, bytes, clocks");
        assert!(!wires.reports.is_empty(), "no report for a connection");
    }
}

/// No dead end: something is offered. R50 to R52: a clock runs, but for a tunnel with nothing to do.
fn goes_on(world: &World<'_>) {
    let session = &world.session;
    if session.is_closed() {
        return assert_eq!(session.next_op(OpSet::NONE), None, "a move behind the end");
    }
    assert!(session.next_op(OpSet::NONE).is_some(), "a dead end");
    let clock = session.poll_timeout().is_some() || session.state() == "Release";
    assert!(clock || is_quiet(world), "{} without a clock", session.state());
    let offers = world.offers();
    let deals = ["Elect", "Connect", "Secure", "Offer", "Answer", "Exchange"];
    let watches = offers.contains(&Op::Watch(Side::Client)) || offers == [Op::Confirm];
    assert!(watches || !deals.contains(&session.state()), "a client that breaks is missed");
    Side::BOTH.into_iter().for_each(|side| is_missed(world, side));
}

/// A side that has ended, and may still hear something, is watched, because it is read no more.
fn is_missed(world: &World<'_>, side: Side) {
    let (session, flows) = (&world.session, world.session.flows());
    let listens = flows[side].end() != End::Open && !flows[!side].is_over();
    let watched = world.offers().contains(&Op::Watch(side)) || world.offers() == [Op::Confirm];
    assert!(watched || !listens || !session.is_tunnel(), "a {side} that breaks is missed");
}

/// A tunnel through which bytes may come from both sides, and none are under way.
pub(super) fn is_quiet(world: &World<'_>) -> bool {
    let open = [Op::Pull(Side::Client), Op::Pull(Side::Backend)];
    let offers = world.offers();
    world.session.is_tunnel()
        && open.iter().all(|op| offers.contains(op))
        && offers.iter().all(|op| open.contains(op) || *op == Op::Park)
        && world.session.held() == 0
}

/// Nothing is lost, doubled or made up: what went out is what came in, and the rest is under way.
fn counts(scene: &Scene<'_>) {
    let (session, wires) = (&scene.world.session, &scene.world.wires);
    let switched = has_switched(scene);
    for peer in wires.past.iter().chain(&wires.idle) {
        asked(scene.script, &peer.heard, switched);
    }
    let flows = session.flows();
    let heard = asked(scene.script, &wires.peers.backend.heard, switched);
    if ["Offer", "Answer", "Exchange", "Tunnel"].contains(&session.state()) {
        let present = wires.reports.len() % scene.script.exchanges.len() == heard.last;
        let body = if present { heard.body } else { 0 };
        assert_eq!(flows.client.pushed(), body as u64, "what the backend heard");
        let told = told(scene);
        let body = if told.statuses.len() > wires.reports.len() { told.body } else { 0 };
        assert_eq!(flows.backend.pushed(), body as u64, "what the client heard");
        Side::BOTH.into_iter().for_each(|from| is_under_way(scene, from));
    }
    for (from, head) in
        [(Side::Client, scene.script.head()), (Side::Backend, scene.present().heads())]
    {
        let behind = wires.peers[from].taken.saturating_sub(head) as u64;
        let all = !session.is_tunnel() || flows[from].pulled() == behind;
        assert!(all, "{} of the {behind} bytes that came from the {from}", flows[from].pulled());
    }
}

/// What is counted as in flight is there: in the carrier, or else in core.
fn is_under_way(scene: &Scene<'_>, from: Side) {
    let flow = &scene.world.session.flows()[from];
    let carried = scene.world.wires.carriers[from].len();
    let held = if carried > 0 { 0 } else { scene.world.session.held() };
    if !flow.is_over() {
        let there = carried..=carried + held;
        assert!(
            there.contains(&(flow.in_flight() as usize)),
            "in flight from the {from}, not there"
        );
    }
}

/// R5: whether the backend's verified 101 has come.
fn has_switched(scene: &Scene<'_>) -> bool {
    let first = scene.script.exchange(0);
    first.switches() && scene.world.wires.peers.backend.taken >= first.heads()
}

/// What a side is told of an end is true, and what the client has heard is what the reports say.
fn is_told(scene: &Scene<'_>) {
    let wires = &scene.world.wires;
    let told = told(scene);
    let reports = wires.reports.iter().map(|report| report.status);
    for (status, reported) in told.statuses.iter().zip(reports) {
        assert_eq!(*status, reported, "the status that was said, and the one reported");
    }
    assert!(told.statuses.len() <= wires.reports.len() + 1, "an answer without a request");
    assert!(told.statuses.len() <= scene.script.most, "more than MaxKeepAliveRequests");
    order::one_at_a_time(scene, &told);
    for side in Side::BOTH.into_iter().filter(|_| scene.world.session.is_tunnel()) {
        let other = &wires.peers[!side];
        let over = other.seen_end || other.lost.or(other.deaf).is_some();
        assert!(over || !wires.peers[side].told, "the {side} is told of an end that is none");
    }
    let cut = |report: &Report| report.close.is_abrupt() && report.status != 101;
    let cut = wires.reports.last().is_some_and(cut);
    assert!(!cut || !wires.peers.client.told, "half a response looks whole");
}

/// What must hold of an exchange or a tunnel that is just over.
fn ends(scene: &Scene<'_>) {
    let wires = &scene.world.wires;
    let Some(report) = wires.reports.last() else { return };
    let exchange = scene.script.exchange(wires.reports.len() - 1);
    let (told, backend) = (told(scene), &wires.peers.backend);
    match report.close {
        Close::Answered => {
            assert_eq!(told.statuses.len(), wires.reports.len(), "answered, and not told");
            let all = told.whole || exchange.is_open_ended() && report.pushed == report.pulled;
            assert!(all, "answered with half a response");
            assert!(
                told.skipped == 0 || report.fault.is_some(),
                "an interim response is swallowed"
            );
            let closes = scene.world.session.state() == "Linger";
            assert_eq!(told.closes, closes, "whether it is the last answer, and said so");
        }
        Close::Ended(_) => {
            assert_eq!(report.pushed, report.pulled, "bytes are lost");
            assert!(wires.peers.iter().all(|peer| peer.told), "an end that was not passed on");
        }
        Close::Faulted(side, fault) => {
            let (peer, other) = (&wires.peers[side], &wires.peers[!side]);
            let broke = [peer.lost, peer.deaf].contains(&Some(fault));
            // A handshake that nobody finishes in its time breaks nothing.
            let late = (side, fault) == (Side::Client, Fault::TimedOut) && peer.taken == 0;
            assert!(broke || late, "{side}: {fault}, and it did not");
            let knows = other.told || other.lost.or(other.deaf).is_some();
            assert!(knows || report.status != 101, "the {} does not know of it", !side);
        }
        Close::Refused(_) => order::blames_whom_it_should(scene, report.status),
        Close::Stalled(side) => assert!(scene.late[side], "nothing was to be sent to the {side}"),
        Close::HalfClosed => {
            let half = scene.world.session.flows().iter().any(Flow::is_over);
            assert!(half, "neither direction has ended");
        }
        Close::Unasked | Close::Cut(_) | Close::Idle | Close::Lifetime => {}
    }
    if report.reusable {
        let heard = asked(scene.script, &backend.heard, false);
        assert!(heard.whole, "a connection is kept on which half a request is (R27)");
        let extra = exchange.extra.len();
        assert_eq!(backend.to_come.len(), extra, "a connection is kept that is not clean (R27)");
    }
}
