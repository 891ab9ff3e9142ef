//! Engine two: the same plans, but each session is a task of tokio's, on the hosts of turmoil.
//!
//! What this engine finds is what the first one cannot: a wake that a driver forgets, a future that is
//! dropped too early, an order of tasks that nobody thought of. `world` is the hosts and what is known of
//! them all, `hosts` what goes on there, `faults` what goes wrong. `proxy` has the sessions, `driver` is
//! their [`Io`](underpass_core::Io) over turmoil's streams, `idle` the connections that wait. Clients and
//! backends are those of the first engine; `port` is their sockets. Every session is recorded besides, and
//! must replay.
//!
//! turmoil's TCP is a queue of messages. So this engine has no windows, no reset that an end asks for, and
//! no loss; a fault that needs them is left out, and said to be ([`supports`]). It looks at the clock
//! once in a millisecond, so that the shortest way is one, and a loop's lag none.

mod driver;
mod faults;
mod hosts;
mod idle;
mod panics;
mod port;
mod proxy;
mod world;

use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;

use underpass_core::route::Rules;

use crate::plan::{BadPlan, Plan};
use crate::run::Run;
use world::World;

pub use faults::supports;
pub use world::TICK;

/// Runs a plan; the events are kept if they are wanted. A panic on the way is a violation.
///
/// # Errors
///
/// Why the plan cannot be run.
pub fn run(plan: &Plan, keeps: bool) -> Result<Run, BadPlan> {
    let rules = plan.rules()?;
    // What a panic leaves behind is thrown away.
    let run = panic::catch_unwind(AssertUnwindSafe(|| run_by(plan, rules, keeps)));
    Ok(run.unwrap_or_else(|_| Run::panicked()))
}

fn run_by(plan: &Plan, rules: Rules, keeps: bool) -> Run {
    panics::forget();
    let world = Rc::new(World::new(plan.clone(), rules, keeps));
    let mut sim = world.network();
    hosts::populate(&world, &mut sim);
    let skipped = faults::run(&world, &mut sim);
    drop(sim);
    if panics::count() > 0 {
        return Run::panicked();
    }
    let world = Rc::into_inner(world).expect("the hosts are gone, and all that they had");
    Run { skipped, ..world.finish() }
}
