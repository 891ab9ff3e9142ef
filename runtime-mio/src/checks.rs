//! Checks of balancers' members, and their heartbeats: one thread with a poll of its own, however many there are.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::task::Poll::{Pending, Ready};
use std::thread::{self, JoinHandle};
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
use crate::epoch::Epoch;
use crate::heartbeats::Storage;
use crate::leg::{Leg, fault};
use crate::resolve::{Names, Question};
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
    epoch: Arc<Epoch>,
    /// What the waits between checks are drawn from.
    chance: u64,
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
    /// The checks of all members of the present configuration, with the heartbeats that it hears; and the way to stop
    /// them; nothing if nobody is checked or heard. What is in the file of heartbeats now counts from the beginning.
    fn new(shared: &Arc<Shared>, asks: &Sender<Question>) -> io::Result<Option<(Self, Mailbox)>> {
        let epoch = shared.epoch();
        let chance = u64::from_ne_bytes(random()?);
        let round = Round::new(&epoch.rules, epoch.checks, chance, Time::ZERO);
        let mut storage = storage(&epoch);
        if round.is_empty() && storage.is_none() {
            return Ok(None);
        }
        let poll = Poll::new()?;
        let (mailbox, inbox) = Mailbox::new(Waker::new(poll.registry(), WAKER)?);
        let names = Names::new(&epoch.rules.workers, asks.clone(), mailbox.clone());
        storage.iter_mut().for_each(|storage| storage.read(shared, Time::ZERO));
        let (shared, began) = (Arc::clone(shared), Instant::now());
        let own = Self { poll, inbox, shared, epoch, chance, round, names, storage, began };
        Ok(Some((own, mailbox)))
    }

    /// Starts the thread of them, if there is anything to do for it; gives the way to speak to it.
    pub(crate) fn start(
        shared: &Arc<Shared>,
        asks: &Sender<Question>,
    ) -> io::Result<Option<(Mailbox, JoinHandle<io::Result<()>>)>> {
        let Some((checks, mailbox)) = Self::new(shared, asks)? else { return Ok(None) };
        let thread = thread::Builder::new().name("checks".into()).spawn(move || checks.run())?;
        Ok(Some((mailbox, thread)))
    }

    /// Checks until it is told to stop. If the system does not let it, the operator is told at once: the
    /// daemon goes on.
    pub(crate) fn run(self) -> io::Result<()> {
        let told = |error: &io::Error| tracing::error!(%error, "members are checked no more");
        self.go_round().inspect_err(told)
    }

    fn go_round(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        loop {
            let epoch = Arc::clone(&self.epoch);
            match self.check_by(&epoch, &mut events)? {
                Some(next) => self.renew(next),
                None => return Ok(()),
            }
        }
    }

    /// Checks by that configuration until another one begins, or none if it is told to stop. What is under way then is
    /// given up.
    fn check_by(&mut self, epoch: &Epoch, events: &mut Events) -> io::Result<Option<Arc<Epoch>>> {
        let shared = Arc::clone(&self.shared);
        let mut visits = Visits::new();
        loop {
            match self.poll.poll(events, self.timeout(&visits)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            let now = self.now();
            events.iter().for_each(|event| self.note(event, &mut visits, now));
            match self.read_messages(&mut visits, now) {
                Told::Nothing => {}
                Told::Renewed(next) => return Ok(Some(next)),
                Told::Stop => return Ok(None),
            }
            self.expire(&mut visits, now);
            if let Some(storage) = &mut self.storage {
                storage.read(&shared, now);
            }
            while let Some(worker) = self.round.begin(now) {
                visits.insert(worker, Visit { probe: probe(epoch, worker, now)?, leg: None });
                self.go_on(worker, &mut visits, now, Self::dial);
            }
        }
    }

    fn renew(&mut self, next: Arc<Epoch>) {
        let (now, before) = (self.now(), std::mem::replace(&mut self.epoch, next));
        let Epoch { rules, checks, .. } = &*self.epoch;
        self.round.renew(rules, *checks, self.chance, now);
        self.names.renew(&before.rules.workers, &rules.workers);
        self.storage = storage(&self.epoch);
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

    fn read_messages(&mut self, visits: &mut Visits<'_>, now: Time) -> Told {
        while let Ok(message) = self.inbox.try_recv() {
            match message {
                Message::Stop => return Told::Stop,
                Message::Renewed(renewal) => return Told::Renewed(renewal.epoch),
                // It has no sessions.
                Message::Woken(_) => {}
                Message::Resolved { worker, number, addresses } => {
                    for key in self.names.answered(worker, number, addresses, now) {
                        self.go_on(WorkerId(key.number), visits, now, Self::resolved);
                    }
                }
            }
        }
        Told::Nothing
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
        let rules = &self.epoch.rules;
        let mut dialler = Dialler { shared, rules, names: &mut self.names, registry, now };
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
            match self.connect(worker, &mut visit.leg) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) => {
                    let outcome = visit.probe.broke(fault(&error), now);
                    return outcome.or_else(|| self.dial(worker, visit, now));
                }
                Ok(()) => {}
            }
            let outcome = visit.probe.connected(now);
            if outcome.is_some() {
                return outcome;
            }
        }
        let Visit { probe, leg: Some(leg) } = visit else { return None };
        converse(probe, leg, now)
    }

    /// Goes on with a leg that is dialled until the worker can be spoken with, by TLS where it speaks that.
    fn connect(&self, worker: WorkerId, place: &mut Option<Leg>) -> io::Result<()> {
        // The first event of a socket that is dialled says that it can be written to.
        let dialled = place.take_if(|leg| leg.is_writable() || leg.plain().is_none());
        let mut leg = dialled.ok_or(io::ErrorKind::WouldBlock)?;
        leg.breakage().map_or(Ok(()), Err)?;
        let leg = place.insert(self.epoch.secured(leg, worker, None)?);
        leg.secure(&|_, _| None)
    }

    /// Tells the operator of a change; of both by default, so that whoever reads of one reads of its end.
    fn tell(&self, worker: WorkerId, change: Option<Change>, outcome: Outcome) {
        let worker = &self.epoch.rules.workers[worker.0 as usize].peer;
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

/// What the thread was told.
#[derive(Debug)]
enum Told {
    Nothing,
    /// Another configuration has begun.
    Renewed(Arc<Epoch>),
    Stop,
}

/// The file of heartbeats, if anybody is heard of by it.
fn storage(epoch: &Epoch) -> Option<Storage> {
    let storage = epoch.heartbeats.clone().map(|path| Storage::new(path, &epoch.rules));
    storage.filter(|storage| storage.next().is_some())
}

/// A new check of that worker.
fn probe(epoch: &Epoch, worker: WorkerId, now: Time) -> io::Result<Probe<'_>> {
    let member = epoch.rules.workers[worker.0 as usize].member.as_deref();
    let checked = member.and_then(|member| Some((member, member.check.as_ref()?)));
    let (member, check) = checked.expect("only members that have a check are in a round");
    Ok(Probe::new(member, check, epoch.rules.bad_header, random()?, now))
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
