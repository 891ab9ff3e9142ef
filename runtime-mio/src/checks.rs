//! Checks of balancers' members, and their heartbeats: one thread with a poll of its own, however many there are.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::task::Poll::{Pending, Ready};
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::{Events, Poll, Token, Waker};
use rustix::rand::{GetRandomFlags, getrandom};
use underpass_core::balance::probe::Outcome;
use underpass_core::balance::round::Change;
use underpass_core::balance::{Probe, Round};
use underpass_core::limits::BUFFER;
use underpass_core::route::WorkerId;
use underpass_core::time::Time;

use crate::dial::Dialler;
use crate::heartbeats::Storage;
use crate::leg::{Leg, fault};
use crate::resolve::{Ask, Names};
use crate::shared::{Mailbox, Message, Shared};
use crate::slots::Key;

/// Events taken in one poll.
const EVENTS: usize = 64;
const WAKER: Token = Token(usize::MAX);

/// The thread that learns from members how they are.
#[derive(Debug)]
pub(crate) struct Checks {
    poll: Poll,
    inbox: Receiver<Message>,
    shared: Arc<Shared>,
    round: Round,
    names: Names,
    storage: Option<Storage>,
    began: Instant,
}

/// A check that is under way.
#[derive(Debug)]
struct Visit<'r> {
    probe: Probe<'r>,
    /// None while the name of the member is asked for.
    leg: Option<Leg>,
}

/// All that are under way, each by the worker that it is of: that is the token of its socket, too.
type Visits<'r> = BTreeMap<WorkerId, Visit<'r>>;

impl Checks {
    /// The checks of all members, `most` of them at once (`ProxyHCTPsize`), with the heartbeats that are kept
    /// in that file; and the way to stop them. None if no member is checked or heard. What is in the file now
    /// counts from the beginning.
    pub(crate) fn new(
        shared: &Arc<Shared>,
        asks: &Sender<Ask>,
        most: NonZeroU16,
        storage: Option<String>,
    ) -> io::Result<Option<(Self, Mailbox)>> {
        let chance = u64::from_ne_bytes(random()?);
        let round = Round::new(&shared.rules, most, chance, Time::ZERO);
        let mut storage = storage.map(|path| Storage::new(path, shared));
        if round.is_empty() && storage.as_ref().and_then(Storage::next).is_none() {
            return Ok(None);
        }
        if let Some(storage) = &mut storage {
            storage.read(shared, Time::ZERO);
        }
        let poll = Poll::new()?;
        let (mailbox, inbox) = Mailbox::new(Waker::new(poll.registry(), WAKER)?);
        let names = Names::new(&shared.rules.workers, asks.clone(), mailbox.clone());
        let (shared, began) = (Arc::clone(shared), Instant::now());
        Ok(Some((Self { poll, inbox, shared, round, names, storage, began }, mailbox)))
    }

    /// Checks until it is told to stop. If the system does not let it, the operator is told at once: the
    /// daemon goes on.
    pub(crate) fn run(self) -> io::Result<()> {
        let told = |error: &io::Error| tracing::error!(%error, "members are checked no more");
        self.go_round().inspect_err(told)
    }

    fn go_round(mut self) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let mut visits = Visits::new();
        let mut events = Events::with_capacity(EVENTS);
        loop {
            match self.poll.poll(&mut events, self.timeout(&visits)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            let now = self.now();
            events.iter().for_each(|event| self.note(event, &mut visits, now));
            if self.read_messages(&mut visits, now) == Stop::Yes {
                return Ok(());
            }
            self.expire(&mut visits, now);
            if let Some(storage) = &mut self.storage {
                storage.read(&shared, now);
            }
            while let Some(worker) = self.round.begin(now) {
                visits.insert(worker, Visit { probe: probe(&shared, worker, now)?, leg: None });
                self.go_on(worker, &mut visits, now, Self::dial);
            }
        }
    }

    fn now(&self) -> Time {
        let micros = self.began.elapsed().as_micros();
        Time::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    fn timeout(&self, visits: &Visits<'_>) -> Option<Duration> {
        let deadlines = visits.values().map(|visit| visit.probe.deadline());
        let storage = self.storage.as_ref().and_then(Storage::next);
        let at = deadlines.chain(self.round.next()).chain(storage).min()?.deadline()?;
        Some(Duration::from_micros(at.since(self.now()).as_micros()))
    }

    fn note(&mut self, event: &Event, visits: &mut Visits<'_>, now: Time) {
        let Ok(number) = u32::try_from(event.token().0) else { return };
        self.go_on(WorkerId(number), visits, now, |checks, worker, visit, now| {
            if let Some(leg) = &mut visit.leg {
                leg.note(event);
            }
            checks.drive(worker, visit, now)
        });
    }

    fn read_messages(&mut self, visits: &mut Visits<'_>, now: Time) -> Stop {
        while let Ok(message) = self.inbox.try_recv() {
            match message {
                Message::Stop => return Stop::Yes,
                // It has no sessions.
                Message::Woken(_) => {}
                Message::Resolved { worker, addresses } => {
                    for key in self.names.answered(worker, addresses, now) {
                        self.go_on(WorkerId(key.number), visits, now, Self::resolved);
                    }
                }
            }
        }
        Stop::No
    }

    fn expire(&mut self, visits: &mut Visits<'_>, now: Time) {
        let late = visits.iter().filter(|(_, visit)| visit.probe.deadline() <= now);
        let late: Vec<_> = late.map(|(worker, _)| *worker).collect();
        for worker in late {
            self.go_on(worker, visits, now, |checks, worker, visit, now| {
                visit.probe.late(now).or_else(|| checks.dial(worker, visit, now))
            });
        }
    }

    /// Does something for a check that is under way, which may end by it.
    fn go_on<'r>(
        &mut self,
        worker: WorkerId,
        visits: &mut Visits<'r>,
        now: Time,
        step: impl FnOnce(&mut Self, WorkerId, &mut Visit<'r>, Time) -> Option<Outcome>,
    ) {
        let Some(visit) = visits.get_mut(&worker) else { return };
        let Some(outcome) = step(self, worker, visit, now) else { return };
        visits.remove(&worker);
        let round = &mut self.round;
        let change = self.shared.tell_pool(|pool| round.ended(worker, outcome, pool, now));
        self.tell(worker, change, outcome);
    }

    /// The name is known; one that came late finds that an address known before is being tried.
    fn resolved(&mut self, worker: WorkerId, visit: &mut Visit<'_>, now: Time) -> Option<Outcome> {
        if visit.leg.is_some() { None } else { self.dial(worker, visit, now) }
    }

    /// Dials the address that is due; where it cannot be dialled, the next one.
    fn dial(&mut self, worker: WorkerId, visit: &mut Visit<'_>, now: Time) -> Option<Outcome> {
        let (shared, registry) = (&*self.shared, self.poll.registry());
        let mut dialler = Dialler { shared, names: &mut self.names, registry, now };
        let number = worker.0 as usize;
        while let Some(address) = visit.probe.address() {
            // The attempt before it goes first: its events would carry the same token.
            visit.leg = None;
            match dialler.dial(worker, None, address, Key::new(number, 0), Token(number)) {
                Pending => return None,
                Ready(Ok(leg)) => {
                    visit.leg = Some(leg);
                    return None;
                }
                Ready(Err(fault)) => {
                    let outcome = visit.probe.broke(fault, now);
                    if outcome.is_some() {
                        return outcome;
                    }
                }
            }
        }
        None
    }

    /// Moves what can be moved.
    fn drive(&mut self, worker: WorkerId, visit: &mut Visit<'_>, now: Time) -> Option<Outcome> {
        if visit.probe.address().is_some() {
            let leg = visit.leg.as_ref().filter(|leg| leg.is_writable())?;
            if let Some(error) = leg.take_error().unwrap_or_else(Some) {
                let outcome = visit.probe.broke(fault(&error), now);
                return outcome.or_else(|| self.dial(worker, visit, now));
            }
            let outcome = visit.probe.connected(now);
            if outcome.is_some() {
                return outcome;
            }
        }
        let Visit { probe, leg: Some(leg) } = visit else { return None };
        converse(probe, leg, now)
    }

    /// Tells the operator of a change; of both by default, so that whoever reads of one reads of its end.
    fn tell(&self, worker: WorkerId, change: Option<Change>, outcome: Outcome) {
        let worker = &self.shared.rules.workers[worker.0 as usize].peer;
        match (change, outcome) {
            (Some(Change::Out), Err(trouble)) => {
                tracing::warn!(%worker, %trouble, "a member fails its checks: it serves no more");
            }
            (Some(Change::Back), Ok(())) => {
                tracing::warn!(%worker, "a member passes its checks: it serves again");
            }
            (_, Err(trouble)) => tracing::debug!(%worker, %trouble, "a check has failed"),
            (_, Ok(())) => {}
        }
    }
}

/// Whether the thread was told to stop.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stop {
    Yes,
    No,
}

/// A new check of that worker.
fn probe(shared: &Shared, worker: WorkerId, now: Time) -> io::Result<Probe<'_>> {
    let member = shared.rules.workers[worker.0 as usize].member.as_deref();
    let checked = member.and_then(|member| Some((member, member.check.as_ref()?)));
    let (member, check) = checked.expect("only members that have a check are in a round");
    Ok(Probe::new(member, check, shared.rules.bad_header, random()?, now))
}

/// Bytes that nobody can guess.
fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    // The system gives fewer than are asked for of more than 256 only.
    getrandom(&mut bytes, GetRandomFlags::empty())?;
    Ok(bytes)
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
        let outcome = match leg.read(&mut room) {
            Ok(0) => probe.ended(now),
            Ok(count) => probe.heard(&room[..count], now),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
            Err(error) => probe.broke(fault(&error), now),
        };
        if outcome.is_some() {
            return outcome;
        }
    }
}
