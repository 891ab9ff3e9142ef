//! The engines that run plans, and what each of them can do.

use underpass_core::route::Rules;
use underpass_core::time::Wait;

use crate::des::{self, Bug};
use crate::plan::{BadPlan, Fault, Plan};
use crate::run::Run;
use crate::turmoil;

/// What runs a plan.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Engine {
    /// The own network of discrete events ([`des`]).
    #[default]
    Des,
    /// Tasks of tokio's on the hosts of [`turmoil`].
    Turmoil,
}

/// How exact an engine is: no oracle asks for more.
#[derive(Clone, Copy, Debug)]
pub struct Manners {
    /// How late a clock may ring.
    pub tick: Wait,
    /// The longest way of a segment.
    pub way: Wait,
    /// Whether who resets a connection is missed at its other end, whatever is waited for there.
    pub resets: bool,
}

impl Engine {
    /// Every engine there is.
    pub const ALL: [Self; 2] = [Self::Des, Self::Turmoil];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Des => "des",
            Self::Turmoil => "turmoil",
        }
    }

    /// The engine of that name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|engine| engine.name() == name)
    }

    /// Whether it can do that fault of the plan; what it cannot is left out.
    pub fn supports(self, plan: &Plan, fault: &Fault) -> bool {
        self == Self::Des || turmoil::supports(plan, fault)
    }

    /// What it leaves out of that plan, beside faults.
    pub fn leaves_out(self, plan: &Plan) -> Option<&'static str> {
        let with_backends = |rules: Rules| rules.workers.iter().any(|worker| worker.tls.is_some());
        let speaks = plan.network.tls.clients || plan.rules().is_ok_and(with_backends);
        (self == Self::Turmoil && speaks).then_some("TLS: all connections are plain")
    }

    /// How exact it is with that plan.
    pub fn manners(self, plan: &Plan) -> Manners {
        let (lag, way) = (u64::from(plan.network.lag), u64::from(plan.network.latency[1]));
        match self {
            Self::Des => Manners {
                tick: Wait::from_micros(lag + 10),
                way: Wait::from_micros(way),
                resets: true,
            },
            // An alarm rings in the tick behind its moment, and a task may need one more.
            Self::Turmoil => Manners {
                tick: turmoil::TICK.plus(turmoil::TICK),
                way: Wait::from_micros(way).plus(turmoil::TICK),
                resets: false,
            },
        }
    }

    /// Runs a plan; the events are kept if they are wanted. A panic on the way is a violation.
    ///
    /// # Errors
    ///
    /// Why the plan cannot be run.
    pub fn run(self, plan: &Plan, keeps: bool) -> Result<Run, BadPlan> {
        match self {
            Self::Des => des::run(plan, Bug::None, keeps),
            Self::Turmoil => turmoil::run(plan, keeps),
        }
    }
}
