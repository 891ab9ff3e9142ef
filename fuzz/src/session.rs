//! Bytes as two peers and a script: a whole session, to its end.
//!
//! ```text
//! [ configuration | what the client sends … FF what the backend sends … FF the script … ]
//! ```
//!
//! FE parts what the backend sends on its first connection from what it sends on the next.

use std::net::Ipv4Addr;

use arbitrary::{Arbitrary, Unstructured};
use underpass_core::head::Buffers;
use underpass_core::route::{Caller, Rules};
use underpass_core::{Cx, Pumped, Session, pump};

use crate::rules::rules;
use crate::verdict;
use crate::wires::{Step, Wires};

/// Checks that the session ends, that what it delivers is what was sent, and that it gives back
/// whatever it was lent.
pub fn check(data: &[u8]) {
    play(data, verdict::judge);
}

/// Plays the session to its end, which must come, and has it judged.
pub(crate) fn play(data: &[u8], judge: impl FnOnce(&Wires<'_>, &Buffers)) {
    let Some((&configuration, rest)) = data.split_first() else { return };
    let mut parts = rest.splitn(3, |&byte| byte == 0xFF);
    let mut part = || parts.next().unwrap_or_default();
    let (client, backend, script) = (part(), part(), Unstructured::new(part()));
    let script = Vec::<Step>::arbitrary_take_rest(script).unwrap_or_default();
    let budget = 1 + u32::from(configuration >> 4) * 4;
    play_by(rules(configuration), [client, backend], &script, budget, judge);
}

/// Plays a session of what both peers send by those rules, in turns of so many moves.
pub(crate) fn play_by(
    rules: &Rules,
    [client, backend]: [&[u8]; 2],
    script: &[Step],
    budget: u32,
    judge: impl FnOnce(&Wires<'_>, &Buffers),
) {
    let mut wires = Wires::new(rules, client, backend, script);
    let mut buffers = Buffers::default();
    let caller = Caller::at_main(Ipv4Addr::LOCALHOST);
    let mut session = Session::new(caller, rules, wires.now);
    // Each turn uses the script up, or moves what is left, at once, or the clock.
    for _ in 0..script.len() + TURNS + client.len() * 8 {
        let now = wires.now;
        let left = wires.script.len();
        let mut cx = Cx { now, rules, buffers: &mut buffers };
        match pump(&mut session, &mut wires, &mut cx, budget) {
            Pumped::Again => {}
            Pumped::Waiting(at) => {
                assert!(at.is_none_or(|at| at > now), "{} is overdue", session.state());
                if wires.script.len() == left {
                    wires.now = at.unwrap_or_else(|| panic!("stuck in {}", session.state()));
                }
            }
            Pumped::Closed => return judge(&wires, &buffers),
        }
    }
    panic!("no end of {}", session.state());
}

/// More turns than any request needs once everything works; a further one has its bytes' turns.
const TURNS: usize = 200;
