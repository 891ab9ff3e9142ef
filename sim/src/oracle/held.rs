//! How much core may hold for a session, in each of its states.

use underpass_core::limits::{BUFFER, HEAD_MOST};

use crate::plan::{Op, Plan};

/// What a plan lets core hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
    /// Bytes of the buffer that holds the longest head.
    buffer: usize,
}

impl Bound {
    /// The bound of that plan: what is no garbage has a head that fits one buffer.
    pub(super) fn of(plan: &Plan) -> Self {
        let length = |op: &Op| if let Op::Garbage(text) = op { text.len() } else { 0 };
        let ops = plan.clients.iter().flat_map(|client| &client.script);
        let longest = ops.map(length).max().unwrap_or(0).next_power_of_two();
        Self { buffer: longest.clamp(BUFFER, HEAD_MOST) }
    }

    /// Bytes that core may hold in that state: what it reads from a side, a buffer of it at the most,
    /// wherever that stands, and a head or a page of its own.
    pub(super) fn bytes(&self, state: &str) -> usize {
        match state {
            "Hello" | "Closed" => 0,
            // The client is not read any further.
            "Linger" => OWN,
            "Request" | "Elect" | "Connect" | "Secure" | "Release" => self.buffer + OWN,
            _ => 2 * self.buffer + OWN,
        }
    }

    /// Buffers that core may lease in that state.
    pub(super) fn buffers(state: &str) -> u32 {
        match state {
            "Hello" | "Closed" => 0,
            "Linger" => 1,
            "Request" | "Elect" | "Connect" | "Secure" | "Offer" | "Tunnel" => 2,
            _ => 4,
        }
    }
}

/// Bytes of what core writes itself: the lines that it adds to a head, or a page.
const OWN: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    #[test]
    fn a_long_head_may_be_held_whole_and_no_more_than_any_head() {
        let mut plan = Scenario::Slowloris.draw(1);
        let with = |plan: &mut Plan, length: usize| {
            plan.clients[0].script = vec![Op::Garbage("x".repeat(length))];
            Bound::of(plan).bytes("Request") - OWN
        };
        assert_eq!(
            [10, 9_000, 900_000].map(|length| with(&mut plan, length)),
            [8_192, 16_384, 65_536]
        );
    }
}
