//! What goes on on the hosts: tasks of clients, and of backends for each connection that they serve.

use std::future::{Future, pending, poll_fn};
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::task::spawn_local;
use tokio::time::{Instant, Sleep, sleep, sleep_until};
use turmoil::Sim;
use turmoil::net::TcpListener;
use underpass_core::time::Time;

use super::faults::moment;
use super::port::{Port, Wire};
use super::proxy;
use super::world::World;
use crate::event::{What, Who};
use crate::party::{Client, Serving, Tip};

/// How many hosts the clients have: many hosts make turmoil slow, so that some share one.
pub(super) const CLIENT_HOSTS: usize = 4;
/// The host of the proxy.
pub(super) const PROXY: &str = "proxy";
/// The host of every address at which nobody listens.
pub(super) const DEAD: &str = "dead";
/// The port on which everybody listens.
pub(super) const PORT: u16 = 80;

/// The host of the backend at that place.
pub(super) fn backend(place: usize) -> String {
    format!("backend{place}")
}

/// The host of the client at that place.
pub(super) fn client(place: usize) -> String {
    format!("clients{}", place % CLIENT_HOSTS)
}

/// Builds the hosts.
pub(super) fn populate(world: &Rc<World>, sim: &mut Sim<'static>) {
    let shared = Rc::clone(world);
    sim.host(PROXY, move || proxy::listen(Rc::clone(&shared)));
    sim.host(DEAD, pending);
    for place in 0..world.plan.backends.len() {
        let shared = Rc::clone(world);
        sim.host(backend(place), move || listen(Rc::clone(&shared), place));
    }
    for host in 0..world.plan.clients.len().min(CLIENT_HOSTS) {
        let shared = Rc::clone(world);
        sim.host(client(host), move || begin(Rc::clone(&shared), host));
    }
}

/// Starts the clients of one host. A host that ends is a black hole: it never does.
async fn begin(world: Rc<World>, host: usize) -> turmoil::Result {
    for place in (host..world.plan.clients.len()).step_by(CLIENT_HOSTS) {
        spawn_local(ask(Rc::clone(&world), place));
    }
    pending().await
}

/// One client, from its beginning to its end.
async fn ask(world: Rc<World>, place: usize) {
    let plan = &world.plan.clients[place];
    sleep(span(Time::ZERO, moment(plan.start))).await;
    let (mut client, mut wire) = (Client::new(plan, place as u32), Wire::default());
    let mut alarm = Alarm::new();
    poll_fn(|task| {
        loop {
            let mut port = Port { world: &world, wire: &mut wire, task };
            let at = client.step(&mut port, &mut world.log.borrow_mut());
            world.doing.borrow_mut()[place] = (!client.is_over()).then(|| client.doing());
            if client.is_over() {
                return Poll::Ready(());
            }
            if alarm.sleeps(world.now.get(), at, task) {
                return Poll::Pending;
            }
        }
    })
    .await;
}

/// A backend: takes connections, or refuses them, or lets them wait.
async fn listen(world: Rc<World>, place: usize) -> turmoil::Result {
    let host = &world.hosts[place];
    loop {
        while world.now.get() < host.refuses.get() {
            sleep(span(world.now.get(), host.refuses.get())).await;
        }
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).await?;
        while world.now.get() >= host.refuses.get() {
            if world.now.get() < host.hangs.get() {
                let wait = sleep(span(world.now.get(), host.hangs.get()));
                tokio::select! { biased; () = host.changed.notified() => {}, () = wait => {} }
                continue;
            }
            tokio::select! {
                biased;
                () = host.changed.notified() => {}
                accepted = listener.accept() => {
                    let (stream, peer) = accepted?;
                    let (connection, _) = world.dialled(peer);
                    spawn_local(serve(Rc::clone(&world), place as u32, connection, Wire::of(stream)));
                }
            }
        }
    }
}

/// One connection of a backend's, from its beginning to its end.
async fn serve(world: Rc<World>, place: u32, connection: u32, mut wire: Wire) {
    world.tell(Who::Backend(connection), What::Accepts(place, connection));
    world.servings.borrow_mut().insert(connection, place);
    let mut serving = Serving::new(&world.plan, place, Tip(connection << 1 | 1));
    let mut alarm = Alarm::new();
    poll_fn(|task| {
        loop {
            let mut port = Port { world: &world, wire: &mut wire, task };
            let at = serving.step(&mut port, &mut world.log.borrow_mut());
            if serving.is_over() {
                return Poll::Ready(());
            }
            if alarm.sleeps(world.now.get(), at, task) {
                return Poll::Pending;
            }
        }
    })
    .await;
    world.servings.borrow_mut().remove(&connection);
}

/// What wakes a task when its time has come.
#[derive(Debug)]
pub(super) struct Alarm(Pin<Box<Sleep>>);

impl Alarm {
    pub(super) fn new() -> Self {
        Self(Box::pin(sleep_until(Instant::now())))
    }

    /// Sets it; gives whether it has not rung yet.
    pub(super) fn sleeps(&mut self, now: Time, at: Time, task: &mut Context<'_>) -> bool {
        self.0.as_mut().reset(Instant::now() + span(now, at));
        self.0.as_mut().poll(task).is_pending()
    }
}

/// How long it is until then: it may be woken for nothing, once an hour.
fn span(now: Time, at: Time) -> Duration {
    Duration::from_micros(at.since(now).as_micros()).min(Duration::from_secs(3_600))
}
