//! What should happen sometimes: a hunt in which one of these never happened has not looked there.

use std::collections::BTreeMap;

/// How often each mark was met, by runs.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Met(BTreeMap<&'static str, u64>);

/// Everything that should happen sometimes.
pub const MARKS: [&str; 86] = [
    "a 101 came in pieces",
    "a backend could not be dialled for want of descriptors",
    "a backend was cut off",
    "a backend's URL became ours",
    "a backend's cookie became ours",
    "a body came in chunks for a client of HTTP/1.0",
    "a body waited until it was welcome",
    "a body was cut",
    "a body was sent in chunks",
    "a client broke while others were waited for",
    "a client came to its own member by a cookie",
    "a client came to its own member by its path",
    "a client came to who stands in for its member",
    "a client ended before its tunnel opened",
    "a client of HTTP/1.0 was kept",
    "a client was cut off",
    "a client was kept behind a byte too many",
    "a client was turned away",
    "a client's handshake came too late",
    "a client's own member was gone, and another one served",
    "a client's own member was gone, and no other might serve",
    "a connect took longer than it may",
    "a fault while bytes were under way",
    "a full worker made a request wait",
    "a half-closed tunnel ran out of time",
    "a handshake of a client's was one too many",
    "a handshake of no subprotocol found no rule",
    "a handshake took the rule of its subprotocol",
    "a handshake with a backend failed",
    "a kept connection left the rules that it had",
    "a member came back",
    "a member of a higher set served",
    "a member that comes back slowly served",
    "a member that stands by served",
    "a member that takes nobody new served its own",
    "a member that was put out served again",
    "a page of another site was turned away",
    "a pipelined request was answered",
    "a record came in pieces",
    "a request for an upgrade was not granted",
    "a request waited for its turn at a balancer",
    "a request waited until a member might be tried",
    "a request was edited",
    "a request went on by the rules from before a reload",
    "a request went on when a member broke off",
    "a request went on when a member could not be reached",
    "a request with a body was sent once more",
    "a reset while the other side did not read",
    "a response was edited",
    "a session was woken from another loop",
    "a side that did not read was given up",
    "a side that had ended broke, and the other had not",
    "a silent tunnel ran out of time",
    "a spare served",
    "a status spoke against a member",
    "a tunnel broke on the side of the backend",
    "a tunnel broke on the side of the client",
    "a tunnel carried bytes after one side had ended",
    "a tunnel ended well",
    "a tunnel had lived for as long as it may",
    "a tunnel outlived a reload",
    "a tunnel was granted by another than the first member",
    "a tunnel was one too many",
    "an answer came too late",
    "an answer of the proxy's own was edited",
    "an answer was cut by an end that was not said",
    "an answer was no HTTP, or a lie",
    "an error was told in the proxy's own words",
    "an idle connection outlived a reload",
    "an idle connection served again",
    "an idle connection was forgotten",
    "an idle connection was stale, and the request was sent once more",
    "an interim response came first",
    "an upgrade on a connection that had carried exchanges",
    "early bytes waited for their tunnel",
    "early bytes waited while an address failed",
    "every member rested",
    "no rule took a request",
    "no worker was free in time",
    "the client's head came too slowly",
    "the clock jumped while a tunnel was open",
    "the head that opened a tunnel was edited",
    "the next address was dialled",
    "the peer of a connection was lost without a word",
    "what a client called its connection's was set all the same",
    "what was to be left out of a request was",
];

impl Met {
    /// It has happened.
    pub fn add(&mut self, what: &'static str) {
        debug_assert!(MARKS.contains(&what), "{what} is no mark");
        self.0.insert(what, 1);
    }

    /// Adds what another run met.
    pub fn join(&mut self, other: &Self) {
        for (what, count) in &other.0 {
            *self.0.entry(what).or_default() += count;
        }
    }

    /// How often each was met, in the order of [`MARKS`].
    pub fn all(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        MARKS.iter().map(|what| (*what, self.0.get(what).copied().unwrap_or(0)))
    }

    /// What was never met.
    pub fn missing(&self) -> Vec<&'static str> {
        self.all().filter(|(_, count)| *count == 0).map(|(what, _)| what).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_counted_by_runs() {
        let (mut all, mut run) = (Met::default(), Met::default());
        run.add(MARKS[3]);
        run.add(MARKS[3]);
        all.join(&run);
        all.join(&run);
        assert_eq!(all.all().find(|(_, count)| *count > 0), Some((MARKS[3], 2)));
        assert_eq!(all.missing().len(), MARKS.len() - 1);
    }
}
