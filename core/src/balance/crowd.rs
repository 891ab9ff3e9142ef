//! Stage 4 of 6 · how many there are, over all workers: handshakes under way, in all and by client, and
//! tunnels by the line that bounds them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::{IpAddr, Ipv6Addr};

use super::lease::{Ask, NoWorker, Purpose};
use crate::limits::Pending;
use crate::route::QuotaId;

/// Everybody who waits for a worker or has one.
#[derive(Clone, Debug)]
pub(super) struct Crowd {
    most: Pending,
    /// Handshakes under way, those included that wait (R53).
    pending: u32,
    /// The same by client; none of those that have none.
    clients: BTreeMap<IpAddr, Counts>,
    /// Tunnels and their handshakes, by the number of the line that bounds them.
    tunnels: Vec<u32>,
}

/// What one client has under way.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    /// Requests of all kinds that are not answered.
    all: u32,
    /// Those of them that ask for an upgrade.
    upgrades: u32,
}

/// One of the crowd, and what it is counted as.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Visit {
    client: IpAddr,
    upgrades: bool,
    /// The line that bounds its tunnel, if one does.
    pub(super) line: Option<QuotaId>,
}

impl Crowd {
    /// Nobody; and never more handshakes than `most`.
    pub(super) const fn new(most: Pending) -> Self {
        Self { most, pending: 0, clients: BTreeMap::new(), tunnels: Vec::new() }
    }

    /// Handshakes under way, over all workers.
    pub(super) const fn pending(&self) -> u32 {
        self.pending
    }

    /// Whether one more may come, to workers with so many handshakes under way, and `most` of them; if not,
    /// which bound has been reached (R53).
    pub(super) fn admit(&self, ask: &Ask, of_worker: u32, most: u32) -> Result<(), NoWorker> {
        let mut bound = u32::MAX;
        if let Purpose::Tunnel { quota, handshakes } = ask.purpose {
            if quota.is_some_and(|quota| self.tunnels(quota.line) >= quota.most.get()) {
                return Err(NoWorker::Tunnels);
            }
            bound = handshakes.map_or(u32::MAX, u32::from);
        }
        if self.pending >= self.most.total || of_worker >= most {
            return Err(NoWorker::Busy);
        }
        let of_client = self.clients.get(&network(ask.client)).copied().unwrap_or_default();
        let crowds = of_client.all >= self.most.client || of_client.upgrades >= bound;
        if crowds { Err(NoWorker::Client) } else { Ok(()) }
    }

    /// One more has come.
    pub(super) fn enter(&mut self, ask: &Ask) -> Visit {
        let visit = Visit::of(ask);
        self.pending += 1;
        let counts = self.clients.entry(visit.client).or_default();
        counts.all += 1;
        counts.upgrades += u32::from(visit.upgrades);
        if let Some(QuotaId(line)) = visit.line {
            let line = usize::from(line);
            self.tunnels.resize(self.tunnels.len().max(line + 1), 0);
            self.tunnels[line] += 1;
        }
        visit
    }

    /// A handshake is over, one way or the other.
    pub(super) fn answered(&mut self, visit: Visit) {
        debug_assert!(self.pending > 0, "a handshake ended that never began");
        self.pending = self.pending.saturating_sub(1);
        if let Entry::Occupied(mut entry) = self.clients.entry(visit.client) {
            let counts = entry.get_mut();
            counts.all -= 1;
            counts.upgrades -= u32::from(visit.upgrades);
            if counts.all == 0 {
                entry.remove();
            }
        }
    }

    /// Whoever was counted by that line has gone.
    pub(super) fn left(&mut self, line: Option<QuotaId>) {
        let count = line.and_then(|line| self.tunnels.get_mut(usize::from(line.0)));
        debug_assert!(line.is_some() == count.is_some(), "a tunnel ended that never was");
        if let Some(count) = count {
            *count -= 1;
        }
    }

    /// Tunnels, handshakes under way included, that are counted by that line.
    pub(super) fn tunnels(&self, line: QuotaId) -> u32 {
        self.tunnels.get(usize::from(line.0)).copied().unwrap_or(0)
    }

    /// The lines that tunnels are counted by.
    pub(super) fn lines(&self) -> impl Iterator<Item = QuotaId> {
        let counted = (0..).zip(&self.tunnels).filter(|(_, count)| **count > 0);
        counted.map(|(line, _)| QuotaId(line))
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.pending == 0 && self.clients.is_empty() && self.tunnels.iter().all(|&count| count == 0)
    }

    /// What the clients have under way, added up: all of it, and the upgrades.
    #[cfg(test)]
    pub(super) fn by_client(&self) -> (u32, u32) {
        let sum = |count: fn(&Counts) -> u32| self.clients.values().map(count).sum();
        (sum(|counts| counts.all), sum(|counts| counts.upgrades))
    }
}

impl Visit {
    /// What is counted of whoever asks that.
    pub(crate) fn of(ask: &Ask) -> Self {
        let (upgrades, quota) = match ask.purpose {
            Purpose::Exchange => (false, None),
            Purpose::Tunnel { quota, .. } => (true, quota),
        };
        Self { client: network(ask.client), upgrades, line: quota.map(|quota| quota.line) }
    }
}

/// What one client has addresses of: of IPv6 it has at least the last 64 bits to choose from (RFC 6177).
fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits;
    use crate::route::{BalancerId, Quota};

    fn ask(client: &str, line: u16, tunnels: u32, handshakes: u32) -> Ask {
        let quota = std::num::NonZeroU32::new(tunnels);
        let quota = quota.map(|most| Quota { line: QuotaId(line), most });
        let handshakes = std::num::NonZeroU32::new(handshakes);
        let purpose = Purpose::Tunnel { quota, handshakes };
        Ask::new(BalancerId(0), client.parse().unwrap(), purpose)
    }

    #[test]
    fn tunnels_are_bounded_line_by_line_until_they_leave() {
        let mut crowd = Crowd::new(limits::PENDING);
        let [first, other] = [ask("10.0.0.1", 3, 1, 0), ask("10.0.0.2", 1, 1, 0)];
        let visit = crowd.enter(&first);
        crowd.answered(visit);
        assert_eq!(crowd.admit(&first, 0, 9), Err(NoWorker::Tunnels), "it is open");
        assert_eq!(crowd.admit(&other, 0, 9), Ok(()));
        assert_eq!(crowd.admit(&ask("10.0.0.1", 3, 2, 0), 0, 9), Ok(()));
        assert_eq!(crowd.admit(&Ask { purpose: Purpose::Exchange, ..first.clone() }, 0, 9), Ok(()));
        crowd.left(visit.line);
        assert_eq!(crowd.admit(&first, 0, 9), Ok(()));
        assert!(crowd.is_empty());
    }

    /// R53.
    #[test]
    fn handshakes_are_bounded_client_by_client_until_they_are_answered() {
        let mut crowd = Crowd::new(limits::PENDING);
        let asks =
            ["2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1", "::ffff:10.0.0.1", "10.0.0.1"];
        let asks = asks.map(|client| ask(client, 0, 0, 1));
        let visit = crowd.enter(&asks[0]);
        let admits = |crowd: &Crowd| asks.each_ref().map(|ask| crowd.admit(ask, 0, 9).is_ok());
        assert_eq!(admits(&crowd), [false, false, true, true, true], "of the same 64 bits");
        let _mapped = crowd.enter(&asks[3]);
        assert_eq!(admits(&crowd), [false, false, true, false, false], "of the same address");
        assert_eq!(crowd.admit(&asks[0], 0, 9), Err(NoWorker::Client));
        crowd.answered(visit);
        assert_eq!(admits(&crowd), [true, true, true, false, false]);
    }

    #[test]
    fn ordinary_requests_are_no_handshakes_of_their_client() {
        let mut crowd = Crowd::new(limits::PENDING);
        let upgrade = ask("10.0.0.1", 0, 0, 1);
        let plain = Ask { purpose: Purpose::Exchange, ..upgrade.clone() };
        let visit = crowd.enter(&plain);
        assert_eq!((crowd.admit(&upgrade, 0, 9), crowd.by_client()), (Ok(()), (1, 0)));
        crowd.answered(visit);
        let _upgrade = crowd.enter(&upgrade);
        assert_eq!(
            (crowd.admit(&upgrade, 0, 9), crowd.admit(&plain, 0, 9)),
            (Err(NoWorker::Client), Ok(()))
        );
    }
}
