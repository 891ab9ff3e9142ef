//! How soon what happens to one side must be known to others, where nothing holds it up: a matter of the ways
//! between them, whatever the clocks of the sessions say.

use underpass_core::time::Wait;

use crate::engine::Manners;
use crate::plan::{Answer, End, Fault, Op, Plan};

/// How soon each must be known; none where something may hold it up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prompt {
    /// To the other side, that one has ended, or was found broken.
    pub(super) ended: Option<Wait>,
    /// To a side, that the proxy has let go of it.
    pub(super) told: Option<Wait>,
    /// To the proxy, that a client has reset its connection.
    pub(super) missed: Option<Wait>,
}

impl Prompt {
    pub(super) fn of(plan: &Plan, manners: Manners) -> Self {
        let faults = || plan.faults.iter().map(|timed| &timed.fault);
        let ways = Wait::from_micros(manners.way.as_micros() * 20);
        let held_up = faults().any(holds_up) || is_slow(plan);
        let ended = (!held_up).then(|| Wait::from_secs(1).plus(ways));
        // A connection that is reset at the proxy only has no end any more that could be told.
        let silent = faults().any(|fault| matches!(fault, Fault::Reset { end: End::Proxy, .. }));
        let (told, missed) = (ended.filter(|_| !silent), ended.filter(|_| manners.resets));
        Self { ended, told, missed }
    }
}

fn holds_up(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::Cut { .. } | Fault::BlackHole(_) | Fault::ClockJump(_) | Fault::Slow { .. }
    )
}

/// Whether somebody reads or writes slowly, or not at all for a while.
fn is_slow(plan: &Plan) -> bool {
    let rests = |op: &Op| matches!(op, Op::Rest(_) | Op::Dribble(_) | Op::Sip(_));
    plan.clients.iter().flat_map(|client| &client.script).any(|op| match op {
        Op::Ask(ask) => match &ask.reply.answer {
            Answer::Switch { script, .. } => ask.reply.pace.is_some() || script.iter().any(rests),
            _ => false,
        },
        op => rests(op),
    })
}
