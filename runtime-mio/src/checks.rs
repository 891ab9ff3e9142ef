//! The checks of balancers' members: one thread with a poll of its own, whatever the number of members.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::{Events, Poll, Token, Waker};
use rustix::rand::{GetRandomFlags, getrandom};
use underpass_core::Fault;
use underpass_core::balance::probe::{Outcome, Trouble};
use underpass_core::balance::round::Change;
use underpass_core::balance::{Probe, Round};
use underpass_core::limits::{ADDRESSES_MOST, BUFFER, CHECKS_MOST};
use underpass_core::route::{Peer, WorkerId};
use underpass_core::time::Time;

use crate::dial::{NotDialled, dial, dial_unix};
use crate::leg::{Leg, fault};
use crate::resolve::{Address, Ask, Names};
use crate::shared::{Mailbox, Message, Shared};
use crate::slots::Key;

const WAKER: Token = Token(usize::MAX);
/// The number of no loop: all sessions whose turn a check brings are woken through their mailboxes.
const NO_HOME: usize = usize::MAX;

/// The checks that are to be made, and those that are under way.
pub(crate) struct Checks {
    poll: Poll,
    inbox: Receiver<Message>,
    shared: Arc<Shared>,
    round: Round,
    names: Names,
    began: Instant,
}

/// A check that is under way, by its number in the round.
struct Visit<'r> {
    worker: WorkerId,
    probe: Probe<'r>,
    /// Which address comes next.
    address: u8,
    /// None while its name is asked for.
    leg: Option<Leg>,
}

type Visits<'r> = BTreeMap<usize, Visit<'r>>;

impl Checks {
    /// The checks of all members, and the way to stop them; none if no member is checked.
    pub(crate) fn new(
        shared: &Arc<Shared>,
        asks: &Sender<Ask>,
    ) -> io::Result<Option<(Self, Mailbox)>> {
        let round = Round::new(&shared.rules, Time::ZERO);
        if round.is_empty() {
            return Ok(None);
        }
        let poll = Poll::new()?;
        let (mailbox, inbox) = Mailbox::new(Waker::new(poll.registry(), WAKER)?);
        let names = Names::new(&shared.rules.workers, asks.clone(), mailbox.clone());
        let shared = Arc::clone(shared);
        Ok(Some((Self { poll, inbox, shared, round, names, began: Instant::now() }, mailbox)))
    }

    /// Checks until it is told to stop.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let mut visits = Visits::new();
        let mut events = Events::with_capacity(CHECKS_MOST);
        loop {
            match self.poll.poll(&mut events, self.timeout(&visits)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            let now = self.now();
            events.iter().for_each(|event| self.note(event, &mut visits, now));
            if !self.read_messages(&mut visits, now) {
                return Ok(());
            }
            self.expire(&mut visits, now);
            while let Some((number, worker)) = self.round.begin(now) {
                self.begin(&shared, number, worker, &mut visits)?;
            }
        }
    }

    fn now(&self) -> Time {
        let micros = self.began.elapsed().as_micros();
        Time::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    fn timeout(&self, visits: &Visits<'_>) -> Option<Duration> {
        let deadlines = visits.values().map(|visit| visit.probe.deadline());
        let at = deadlines.chain(self.round.next()).min()?.deadline()?;
        Some(Duration::from_micros(at.since(self.now()).as_micros()))
    }

    /// Takes what other threads tell; whether it goes on.
    fn read_messages(&mut self, visits: &mut Visits<'_>, now: Time) -> bool {
        while let Ok(message) = self.inbox.try_recv() {
            match message {
                Message::Stop => return false,
                // It has no sessions.
                Message::Woken(_) => {}
                Message::Resolved { worker, addresses } => {
                    for key in self.names.answered(worker, addresses, now) {
                        self.go_on(key.number as usize, visits, now, Self::resolved);
                    }
                }
            }
        }
        true
    }

    fn note(&mut self, event: &Event, visits: &mut Visits<'_>, now: Time) {
        self.go_on(event.token().0, visits, now, |checks, number, visit, now| {
            if let Some(leg) = &mut visit.leg {
                leg.note(event);
            }
            checks.drive(number, visit, now)
        });
    }

    fn begin<'r>(
        &mut self,
        shared: &'r Shared,
        number: usize,
        worker: WorkerId,
        visits: &mut Visits<'r>,
    ) -> io::Result<()> {
        let member = shared.rules.workers[worker.0 as usize].member.as_ref();
        let checked = member.and_then(|member| Some((member, member.check.as_ref()?)));
        let (member, check) = checked.expect("only members that have a check are in a round");
        let mut chance = [0; 20];
        getrandom(&mut chance, GetRandomFlags::empty())?;
        let now = self.now();
        let probe = Probe::new(member, check, chance, now);
        visits.insert(number, Visit { worker, probe, address: 0, leg: None });
        self.go_on(number, visits, now, Self::dial_next);
        Ok(())
    }

    fn expire(&mut self, visits: &mut Visits<'_>, now: Time) {
        let late = visits.iter().filter(|(_, visit)| visit.probe.deadline() <= now);
        let late: Vec<_> = late.map(|(number, _)| *number).collect();
        for number in late {
            self.go_on(number, visits, now, |checks, number, visit, now| {
                let outcome = visit.probe.late();
                checks.elsewhere(number, visit, now, outcome)
            });
        }
    }

    /// Does something for a check that is under way, which may end by it.
    fn go_on<'r>(
        &mut self,
        number: usize,
        visits: &mut Visits<'r>,
        now: Time,
        step: impl FnOnce(&mut Self, usize, &mut Visit<'r>, Time) -> Option<Outcome>,
    ) {
        let Some(visit) = visits.get_mut(&number) else { return };
        let Some(outcome) = step(self, number, visit, now) else { return };
        let worker = visit.worker;
        visits.remove(&number);
        let (round, passed) = (&mut self.round, outcome.is_ok());
        let change = self
            .shared
            .with_pool(NO_HOME, &mut Vec::new(), |pool| round.ended(number, passed, pool, now));
        tell(&self.shared.rules.workers[worker.0 as usize].peer, change, outcome);
    }

    /// The name is known; one that came late finds that an address known before is being tried.
    fn resolved(&mut self, number: usize, visit: &mut Visit<'_>, now: Time) -> Option<Outcome> {
        if visit.leg.is_some() { None } else { self.dial_next(number, visit, now) }
    }

    /// Dials the next address of a member, or asks for its addresses.
    fn dial_next(&mut self, number: usize, visit: &mut Visit<'_>, now: Time) -> Option<Outcome> {
        let shared = Arc::clone(&self.shared);
        let registry = self.poll.registry();
        let token = Token(number);
        let dialled = match &shared.rules.workers[visit.worker.0 as usize].peer {
            Peer::Unix(path) => dial_unix(path, registry, token).map_err(NotDialled::System),
            Peer::Tcp(tcp) => {
                let key = Key::new(number, 0);
                match self.names.address(visit.worker, tcp, visit.address, key, now) {
                    Address::Asked => return None,
                    Address::Failed => return Some(visit.probe.broke(Fault::Unresolved)),
                    Address::Exhausted => return Some(visit.probe.broke(Fault::Exhausted)),
                    Address::Known(address) => dial(address, tcp, registry, token),
                }
            }
        };
        match dialled {
            Ok(leg) => {
                visit.leg = Some(leg);
                None
            }
            Err(NotDialled::System(error)) => {
                let outcome = visit.probe.broke(fault(&error));
                self.elsewhere(number, visit, now, outcome)
            }
            Err(NotDialled::NoSource(source, error)) => {
                shared.tell_of_source(source, &error);
                let outcome = visit.probe.broke(Fault::Unreachable);
                self.elsewhere(number, visit, now, outcome)
            }
        }
    }

    /// A check that has ended like that goes to the next address if it was not connected, and there is one.
    fn elsewhere(
        &mut self,
        number: usize,
        visit: &mut Visit<'_>,
        now: Time,
        outcome: Outcome,
    ) -> Option<Outcome> {
        let worker = &self.shared.rules.workers[visit.worker.0 as usize];
        visit.leg = None;
        let may = visit.probe.is_dialling() && visit.address + 1 < ADDRESSES_MOST;
        if !may || matches!(worker.peer, Peer::Unix(_)) {
            return Some(outcome);
        }
        visit.address += 1;
        visit.probe.redialled(now);
        match self.dial_next(number, visit, now) {
            // What the last address that there is has said tells more.
            Some(Err(Trouble::Broke(Fault::Exhausted))) => Some(outcome),
            next => next,
        }
    }

    /// Moves what can be moved.
    fn drive(&mut self, number: usize, visit: &mut Visit<'_>, now: Time) -> Option<Outcome> {
        if visit.probe.is_dialling() {
            let leg = visit.leg.as_ref().filter(|leg| leg.is_writable())?;
            let connected = leg.take_error().and_then(|error| error.map_or(Ok(()), Err));
            if let Err(error) = connected {
                let outcome = visit.probe.broke(fault(&error));
                return self.elsewhere(number, visit, now, outcome);
            }
            if let Some(outcome) = visit.probe.connected(now) {
                return Some(outcome);
            }
        }
        let Visit { probe, leg: Some(leg), .. } = visit else { return None };
        converse(probe, leg, now)
    }
}

/// Writes what there is to send, and reads what has come, until the socket blocks.
fn converse(probe: &mut Probe<'_>, leg: &mut Leg, now: Time) -> Option<Outcome> {
    let mut room = [0; BUFFER];
    loop {
        while !probe.to_send().is_empty() {
            match leg.write(probe.to_send()) {
                Ok(count) => probe.sent(count),
                // It is full; or it is broken, which reading tells too, behind what was answered before.
                Err(_) => break,
            }
        }
        match leg.read(&mut room) {
            Ok(0) => return Some(probe.ended()),
            Ok(count) => {
                if let Some(outcome) = probe.heard(&room[..count], now) {
                    return Some(outcome);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
            Err(error) => return Some(probe.broke(fault(&error))),
        }
    }
}

/// Tells the operator of a change.
fn tell(worker: &Peer, change: Option<Change>, outcome: Outcome) {
    match (change, outcome) {
        (Some(Change::Out), Err(trouble)) => {
            tracing::warn!(%worker, %trouble, "a member fails its checks: it serves no more");
        }
        (Some(Change::Back), _) => {
            tracing::info!(%worker, "a member passes its checks: it serves again")
        }
        (_, Err(trouble)) => tracing::debug!(%worker, %trouble, "a check has failed"),
        (_, Ok(())) => {}
    }
}
