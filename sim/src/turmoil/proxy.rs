//! The proxy: it accepts, and each session is a task. Its loops share the pool of workers.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use tokio::task::spawn_local;
use turmoil::net::TcpListener;
use underpass_core::balance::Pool;
use underpass_core::head::Buffers;
use underpass_core::route::{Caller, Rules};
use underpass_core::time::{Time, Wait};
use underpass_core::trace::{self, Opening, Tape, play};
use underpass_core::{Cx, Pumped, Session, limits};

use super::driver::{Legs, Turn};
use super::hosts::{Alarm, PORT};
use super::idle::Idle;
use super::world::World;
use crate::event::{Counts, Rest, What, Who};
use crate::oracle::{Kind, Violation};
use crate::telling::Telling;

/// The proxy.
#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) rules: Rules,
    pub(super) pool: RefCell<Pool<u32>>,
    homes: Vec<Home>,
    /// The tasks of the sessions that are not over, and their loops.
    live: RefCell<BTreeMap<u32, (usize, Waker)>>,
    accepted: Cell<u32>,
    /// How far its clock is ahead.
    ahead: Cell<Wait>,
    /// How many connections it has, and how many it may have until when.
    open: Descriptor,
    most: Cell<(u32, Time)>,
}

/// What the sessions of one loop share.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) idle: RefCell<Idle>,
    buffers: RefCell<Buffers>,
}

/// Counts as a connection of the proxy's for as long as it is there.
#[derive(Debug)]
pub(super) struct Descriptor(Rc<()>);

impl Proxy {
    pub(super) fn new(rules: Rules, loops: u32) -> Self {
        let home =
            |_| Home { idle: RefCell::new(Idle::new(&rules.workers)), buffers: RefCell::default() };
        Self {
            homes: (0..loops).map(home).collect(),
            pool: RefCell::new(Pool::new(&rules, limits::PENDING)),
            rules,
            live: RefCell::default(),
            accepted: Cell::new(0),
            ahead: Cell::new(Wait::ZERO),
            open: Descriptor(Rc::new(())),
            most: Cell::new((u32::MAX, Time::ZERO)),
        }
    }

    /// What its clock says at that moment.
    fn clock(&self, now: Time) -> Time {
        now.after(self.ahead.get())
    }

    /// Its clock jumps: every deadline may have passed.
    pub(super) fn jump(&self, by: Wait) {
        self.ahead.set(self.ahead.get().plus(by));
        self.live.borrow().values().for_each(|(_, task)| task.wake_by_ref());
        self.homes.iter().for_each(|home| home.idle.borrow().wake());
    }

    /// It may have no more than so many connections until then.
    pub(super) fn limit(&self, most: u32, until: Time) {
        self.most.set((most, until));
    }

    /// A descriptor for one connection more, if there is one (R56).
    pub(super) fn take(&self, now: Time) -> Option<Descriptor> {
        let (most, until) = self.most.get();
        let open = Rc::strong_count(&self.open.0) as u32 - 1;
        (now >= until || open < most).then(|| Descriptor(Rc::clone(&self.open.0)))
    }

    /// Whether it has no connection.
    pub(super) fn is_over(&self) -> bool {
        Rc::strong_count(&self.open.0) == 1 && self.live.borrow().is_empty()
    }

    /// Once everybody is gone, what is still idle waits for nobody: its time is up.
    pub(super) fn retire(&self, world: &World) {
        let gone = world.doing.borrow().iter().all(Option::is_none);
        if gone && self.live.borrow().is_empty() && self.counts().idle > 0 {
            self.jump(Wait::from_secs(3_600));
        }
    }

    /// What is lent.
    pub(super) fn counts(&self) -> Counts {
        let (homes, pool) = (self.homes.iter(), self.pool.borrow());
        Counts {
            sessions: self.live.borrow().len() as u32,
            busy: pool.busy(),
            pending: pool.pending(),
            buffers: homes.clone().map(|home| home.buffers.borrow().leased() as u32).sum(),
            idle: homes.map(|home| home.idle.borrow().len() as u32).sum(),
        }
    }

    /// Wakes the sessions whose turn at a worker has come.
    fn wake_others(&self, home: usize, world: &World) {
        for number in self.pool.borrow_mut().take_woken() {
            let live = self.live.borrow();
            let (of, task) = live.get(&number).expect("who is woken waits");
            if *of != home {
                world.log.borrow_mut().oracle.met("a session was woken from another loop");
            }
            task.wake_by_ref();
        }
    }
}

/// Accepts for as long as the run lasts.
pub(super) async fn listen(world: Rc<World>) -> turmoil::Result {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).await?;
    for home in 0..world.proxy.homes.len() {
        spawn_local(look_after(Rc::clone(&world), home));
    }
    loop {
        let (stream, peer) = listener.accept().await?;
        let (connection, place) = world.dialled(peer);
        let Some(held) = world.proxy.take(world.now.get()) else {
            world.log.borrow_mut().oracle.met("a client was turned away");
            continue;
        };
        let client = world.plan.clients[place as usize].id;
        let number = world.proxy.accepted.replace(world.proxy.accepted.get() + 1);
        let name = world.plan.network.chance ^ u64::from(client) << 32 ^ u64::from(connection) << 8;
        let legs = Legs::new(stream, held, place, name);
        world.proxy.live.borrow_mut().insert(number, (home(&world, place), Waker::noop().clone()));
        world.tell(Who::Session(number), What::Accepts(client, connection));
        spawn_local(drive(Rc::clone(&world), number, place, legs));
    }
}

/// The loop of the sessions of a client.
fn home(world: &World, place: u32) -> usize {
    place as usize % world.proxy.homes.len()
}

/// Looks after the idle connections of a loop.
async fn look_after(world: Rc<World>, home: usize) {
    let mut alarm = Alarm::new();
    poll_fn(|task| {
        loop {
            let now = world.proxy.clock(world.now.get());
            let (forgotten, at) = world.proxy.homes[home].idle.borrow_mut().look(now, task);
            for name in forgotten {
                world.tell(Who::Network, What::Forgets(name));
            }
            if alarm.sleeps(now, at, task) {
                return Poll::Pending;
            }
        }
    })
    .await
}

/// Drives the session of one client's connection to its end.
async fn drive(world: Rc<World>, number: u32, place: u32, mut legs: Legs) {
    let (proxy, client) = (&world.proxy, &world.plan.clients[place as usize]);
    let (address, now) = (client.address(), proxy.clock(world.now.get()));
    let place = home(&world, place);
    let mut session = Session::new(Caller::at_main(address), &proxy.rules, now);
    let mut record = Record::new(&world, number, address, now);
    let mut alarm = Alarm::new();
    poll_fn(|task| {
        let now = proxy.clock(world.now.get());
        proxy.live.borrow_mut().insert(number, (place, task.waker().clone()));
        let pumped = turn(&world, number, place, &mut session, &mut legs, &mut record, task);
        proxy.wake_others(place, &world);
        match pumped {
            Pumped::Closed => return Poll::Ready(()),
            Pumped::Again => task.waker().wake_by_ref(),
            Pumped::Waiting(None) => {}
            Pumped::Waiting(Some(at)) => {
                // It only wakes: what is due is found by comparing the clock with the deadline.
                if !alarm.sleeps(now, at, task) {
                    task.waker().wake_by_ref();
                }
            }
        }
        world.tell(Who::Network, What::Counts(proxy.counts()));
        Poll::Pending
    })
    .await;
    drop(legs);
    proxy.live.borrow_mut().remove(&number);
    world.tell(Who::Session(number), What::Gone);
    world.tell(Who::Network, What::Counts(proxy.counts()));
    record.replay(&world, number);
}

fn turn(
    world: &World,
    number: u32,
    place: usize,
    session: &mut Session,
    legs: &mut Legs,
    record: &mut Record,
    task: &mut Context<'_>,
) -> Pumped {
    let (now, home) = (world.proxy.clock(world.now.get()), &world.proxy.homes[place]);
    let (log, at) = (&mut *world.log.borrow_mut(), world.now.get());
    let io = Turn { world, home, number, now, legs, task };
    let mut io = Telling { io, log, at, session: number };
    let buffers = &mut home.buffers.borrow_mut();
    let mut cx = Cx { now, rules: &world.proxy.rules, buffers };
    let pumped = trace::pump(session, &mut io, &mut cx, limits::BUDGET, &mut record.tape);
    record.events.append(&mut record.tape.take());
    io.tell(What::Rests(Rest {
        state: session.state(),
        held: session.held() as u32,
        deadline: session.poll_timeout(),
        again: pumped == Pumped::Again,
        clock: now,
    }));
    pumped
}

/// What is written down of a session.
#[derive(Debug)]
struct Record {
    opening: Opening,
    tape: Tape,
    events: Vec<trace::Event>,
}

impl Record {
    fn new(world: &World, number: u32, client: IpAddr, now: Time) -> Self {
        let opening = Opening::new(number.into(), Caller::at_main(client), now, Vec::new());
        Self { opening, tape: Tape::new(&world.proxy.rules), events: Vec::new() }
    }

    /// What was recorded of a session replays, unless the configuration looks at values of heads: a trace veils
    /// them.
    fn replay(self, world: &World, number: u32) {
        if !world.proxy.rules.main().heads.is_empty() {
            return;
        }
        if let Err(no) = play(&self.opening, &world.proxy.rules, self.events) {
            let (kind, at, who) = (Kind::Diverged, world.now.get(), Who::Session(number));
            world.log.borrow_mut().oracle.finds(Violation { kind, at, who, why: no.to_string() });
        }
    }
}
