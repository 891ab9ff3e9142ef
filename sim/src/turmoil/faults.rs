//! The run itself, tick by tick, and what goes wrong in it: between two ticks.

use std::collections::BTreeMap;

use turmoil::Sim;
use underpass_core::time::{Time, Wait};

use super::hosts::{self, CLIENT_HOSTS, PROXY};
use super::panics;
use super::world::World;
use crate::event::{What, Who};
use crate::oracle::{Kind, Violation};
use crate::plan::{Fault, Link, Plan, Timed, Way};

/// Whether turmoil can do that fault of the plan. It resets no connection, loses nothing for good, and
/// slows nothing down and up again; it cuts hosts off and not clients, so that a client can be cut off only
/// where it has a host of its own. A reload is the other engine's, too: here each session has a task of its own, that
/// borrows the rules.
pub fn supports(plan: &Plan, fault: &Fault) -> bool {
    match fault {
        Fault::ClockJump(_)
        | Fault::Crash { .. }
        | Fault::Descriptors { .. }
        | Fault::Hang { .. }
        | Fault::Refuse { .. } => true,
        Fault::Cut { link: Link::Backend(_), way, .. } => *way == Way::Both,
        Fault::Cut { link: Link::Client(_), way, .. } => {
            *way == Way::Both && plan.clients.len() <= CLIENT_HOSTS
        }
        Fault::BlackHole(_)
        | Fault::Drain
        | Fault::Reload
        | Fault::Reset { .. }
        | Fault::Slow { .. } => false,
    }
}

/// Runs the hosts until nothing more can happen; gives the faults that were left out.
pub(super) fn run(world: &World, sim: &mut Sim<'_>) -> Vec<usize> {
    let (can, cannot): (Vec<_>, Vec<_>) = (0..world.plan.faults.len())
        .partition(|&number| supports(&world.plan, &world.plan.faults[number].fault));
    let mut faults = can.into_iter().peekable();
    let mut cuts = Cuts::default();
    while !world.is_over() && panics::count() == 0 {
        let now = Time::ZERO.after(Wait::from_micros(sim.elapsed().as_micros() as u64));
        world.now.set(now);
        if now > PATIENCE {
            world.log.borrow_mut().oracle.busy(now);
            break;
        }
        cuts.heal(now, sim);
        while let Some(number) =
            faults.next_if(|&number| moment(world.plan.faults[number].at) <= now)
        {
            world.tell(Who::Network, What::Fault(number));
            begin(world, &world.plan.faults[number], &mut cuts, sim);
        }
        world.proxy.retire(world);
        if let Err(error) = sim.step() {
            let (kind, at, who, why) = (Kind::Panic, now, Who::Network, error.to_string());
            world.log.borrow_mut().oracle.finds(Violation { kind, at, who, why });
            break;
        }
    }
    cannot
}

/// Hosts that are cut off from the proxy, and until when.
#[derive(Debug, Default)]
struct Cuts(BTreeMap<String, Time>);

impl Cuts {
    fn cut(&mut self, host: String, until: Time, sim: &Sim<'_>) {
        sim.hold(host.as_str(), PROXY);
        let at = self.0.entry(host).or_default();
        *at = until.max(*at);
    }

    fn heal(&mut self, now: Time, sim: &Sim<'_>) {
        self.0.retain(|host, until| {
            if *until <= now {
                sim.release(host.as_str(), PROXY);
            }
            *until > now
        });
    }
}

fn begin(world: &World, timed: &Timed, cuts: &mut Cuts, sim: &mut Sim<'_>) {
    let until = moment(timed.until());
    let place = |name: &str| world.plan.backends.iter().position(|backend| backend.name == name);
    match &timed.fault {
        Fault::ClockJump(by) => world.proxy.jump(Wait::from_millis(u64::from(*by))),
        Fault::Crash { backend, .. } => {
            if let Some(place) = place(backend) {
                world.hosts[place].refuses.set(until);
                abandon(world, place as u32);
                sim.bounce(hosts::backend(place));
            }
        }
        Fault::Cut { link: Link::Backend(name), .. } => {
            if let Some(place) = place(name) {
                cuts.cut(hosts::backend(place), until, sim);
            }
        }
        Fault::Cut { link: Link::Client(id), .. } => {
            if let Some(place) = world.plan.clients.iter().position(|client| client.id == *id) {
                cuts.cut(hosts::client(place), until, sim);
            }
        }
        Fault::Descriptors { most, .. } => world.proxy.limit(*most, until),
        Fault::Hang { backend, .. } => {
            if let Some(place) = place(backend) {
                world.hosts[place].hangs.set(until);
                world.hosts[place].changed.notify_one();
            }
        }
        Fault::Refuse { backend, .. } => {
            if let Some(place) = place(backend) {
                world.hosts[place].refuses.set(until);
                world.hosts[place].changed.notify_one();
            }
        }
        Fault::BlackHole(_)
        | Fault::Drain
        | Fault::Reload
        | Fault::Reset { .. }
        | Fault::Slow { .. } => {
            unreachable!("what is not supported is left out")
        }
    }
}

/// The process of that backend has died: turmoil closes its sockets.
fn abandon(world: &World, place: u32) {
    let mut servings = world.servings.borrow_mut();
    servings.retain(|connection, host| {
        if *host == place {
            world.tell(Who::Backend(*connection), What::Aborts);
        }
        *host != place
    });
}

/// The moment of so many milliseconds.
pub(super) fn moment(millis: u64) -> Time {
    Time::ZERO.after(Wait::from_millis(millis))
}

/// How long, in virtual time, a run may take.
const PATIENCE: Time = Time::from_micros(3_600_000_000);
