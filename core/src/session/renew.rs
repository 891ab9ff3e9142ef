//! Other rules than those that a session began with: from when on they are its own.

use super::{Session, State};
use crate::route::{Door, Rules};
use crate::time::Time;

impl Session {
    /// Tries to leave the rules that it began with for those that came [after](Rules::after) them, where its
    /// connection comes in at that door: `true` if those may be lent from now on, `false` if it must have the old ones,
    /// because a request or a handshake is under way; then the driver tries again after a later turn.
    ///
    /// A tunnel has what it was opened with, and has no more to do with any rules. Between two requests the next one
    /// falls under the new rules. A connection whose client was asked by TLS for something else than is asked for now,
    /// or is to speak TLS now and has not, is closed as if its time between two requests were up.
    pub fn renew(
        &mut self,
        before: &Rules,
        after: &Rules,
        door: impl FnOnce() -> Door,
        now: Time,
    ) -> bool {
        let caller = match &mut self.state {
            State::Tunnel(_) | State::Linger { .. } | State::Closed => return true,
            State::Request { caller, .. } if self.input.client.is_empty() => caller,
            State::Hello(_) | State::Request { .. } | State::Deal(..) | State::Release(_) => {
                return false;
            }
        };
        let (old, door) = (*caller, door());
        caller.door = door;
        caller.hello = old.hello.and_then(|hello| after.hello_again(hello, before));
        let speaks = [(before, old.door), (after, door)]
            .map(|(rules, door)| rules.front(door).tls.is_some());
        if old.hello.is_some() != caller.hello.is_some() || speaks[0] != speaks[1] {
            self.deadline = now;
        }
        true
    }
}
