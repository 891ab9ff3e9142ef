//! Names: remembered by each loop for as long as core says, or until all addresses of one fail. The
//! [resolver](crate::resolver) is asked for them.

use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::Sender;

use underpass_core::route::{Peer, Tcp, Worker, WorkerId};
use underpass_core::time::{Time, Wait};

use crate::shared::Mailbox;
use crate::slots::Key;

/// How long a name that could not be resolved is not asked for again.
const REST: Wait = Wait::from_secs(1);

/// What one loop knows of the addresses of its workers, indexed by [`WorkerId`].
#[derive(Debug)]
pub(crate) struct Names {
    names: Vec<Name>,
    asks: Sender<Ask>,
    mailbox: Mailbox,
}

#[derive(Debug)]
enum Name {
    Unknown,
    /// Asked for, by these sessions; sessions that have begun to dial go on with the addresses that
    /// were known before.
    Asked {
        keys: Vec<Key>,
        before: Vec<SocketAddr>,
    },
    /// Known since then.
    Known(Vec<SocketAddr>, Time),
    /// Not to be had, until then.
    Failed(Time),
}

/// What is known of a worker's addresses.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Address {
    /// It is being resolved: the session will be woken.
    Asked,
    /// The address of that number.
    Known(SocketAddr),
    /// There are fewer addresses than that.
    Exhausted,
    /// The name has none.
    Failed,
}

/// A question to the resolving thread.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) worker: WorkerId,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) answer_to: Mailbox,
}

impl Names {
    /// Addresses are known at once; names are asked for when they are first needed.
    pub(crate) fn new(workers: &[Worker], asks: Sender<Ask>, mailbox: Mailbox) -> Self {
        let name = |worker: &Worker| match &worker.peer {
            Peer::Tcp(tcp) => literal(tcp).unwrap_or(Name::Unknown),
            Peer::Unix(_) => Name::Unknown,
        };
        Self { names: workers.iter().map(name).collect(), asks, mailbox }
    }

    /// The worker's address of that number, for the session of that key.
    pub(crate) fn address(
        &mut self,
        id: WorkerId,
        tcp: &Tcp,
        number: u8,
        key: Key,
        now: Time,
    ) -> Address {
        let name = &mut self.names[id.0 as usize];
        match name {
            Name::Known(_, since) if number == 0 && tcp.is_outdated(*since, now) => {
                self.ask(id, tcp, key)
            }
            Name::Known(addresses, _) => match addresses.get(usize::from(number)) {
                Some(address) => Address::Known(*address),
                None => {
                    // The next session asks anew, for the name may have moved.
                    *name = literal(tcp).unwrap_or(Name::Unknown);
                    Address::Exhausted
                }
            },
            Name::Failed(until) if now < *until => Address::Failed,
            Name::Asked { before, .. } if number > 0 => match before.get(usize::from(number)) {
                Some(address) => Address::Known(*address),
                None if !before.is_empty() => Address::Exhausted,
                // The clock of the first address has run out while its name was asked for.
                None => Address::Failed,
            },
            Name::Asked { keys, .. } => {
                if !keys.contains(&key) {
                    keys.push(key);
                }
                Address::Asked
            }
            Name::Unknown | Name::Failed(_) => self.ask(id, tcp, key),
        }
    }

    /// Takes an answer, and gives the sessions that wait for it.
    pub(crate) fn answered(
        &mut self,
        id: WorkerId,
        addresses: Vec<SocketAddr>,
        now: Time,
    ) -> Vec<Key> {
        let name = &mut self.names[id.0 as usize];
        let known = if addresses.is_empty() {
            Name::Failed(now.after(REST))
        } else {
            Name::Known(addresses, now)
        };
        match std::mem::replace(name, known) {
            Name::Asked { keys, .. } => keys,
            Name::Unknown | Name::Known(..) | Name::Failed(_) => Vec::new(),
        }
    }

    fn ask(&mut self, id: WorkerId, tcp: &Tcp, key: Key) -> Address {
        let answer_to = self.mailbox.clone();
        let ask = Ask { worker: id, host: tcp.host.clone(), port: tcp.port, answer_to };
        if self.asks.send(ask).is_err() {
            return Address::Failed;
        }
        let name = &mut self.names[id.0 as usize];
        let before = match std::mem::replace(name, Name::Unknown) {
            Name::Known(addresses, _) => addresses,
            Name::Unknown | Name::Asked { .. } | Name::Failed(_) => Vec::new(),
        };
        *name = Name::Asked { keys: vec![key], before };
        Address::Asked
    }
}

/// What is known of a host from the beginning: where it is, if it is an address.
fn literal(tcp: &Tcp) -> Option<Name> {
    let address = tcp.host.parse::<IpAddr>().ok()?;
    Some(Name::Known(vec![SocketAddr::new(address, tcp.port)], Time::NEVER))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::Mailbox;
    use crate::slots::Slots;
    use mio::{Poll, Token, Waker};
    use std::sync::mpsc::{Receiver, channel};

    const ID: WorkerId = WorkerId(0);

    struct Asking {
        tcp: Tcp,
        names: Names,
        asked: Receiver<Ask>,
        _poll: Poll,
    }

    fn asking(host: &str) -> Asking {
        asking_again(host, Wait::FOREVER)
    }

    /// Of a host whose addresses are good for so long.
    fn asking_again(host: &str, memory: Wait) -> Asking {
        let tcp = Tcp { memory, ..Tcp::new(host, 80) };
        let worker = Worker::at(Peer::Tcp(tcp.clone()));
        let poll = Poll::new().expect("a poll");
        let waker = Waker::new(poll.registry(), Token(0)).expect("a waker");
        let ((mailbox, _), (asks, asked)) = (Mailbox::new(waker), channel());
        let names = Names::new(std::slice::from_ref(&worker), asks, mailbox);
        Asking { tcp, names, asked, _poll: poll }
    }

    impl Asking {
        fn address(&mut self, number: u8, now: Time) -> Address {
            self.names.address(ID, &self.tcp, number, key(), now)
        }
    }

    fn key() -> Key {
        Slots::default().next_key()
    }

    fn socket(last: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], 80))
    }

    #[test]
    fn an_address_needs_no_resolving() {
        let mut asking = asking("192.0.2.1");
        for _ in 0..2 {
            assert_eq!(asking.address(0, Time::ZERO), Address::Known(socket(1)));
            assert_eq!(asking.address(1, Time::ZERO), Address::Exhausted);
        }
        assert!(asking.asked.try_recv().is_err());
    }

    #[test]
    fn a_name_is_asked_for_once_and_forgotten_when_all_its_addresses_fail() {
        let mut asking = asking("back.example");
        assert_eq!(asking.address(0, Time::ZERO), Address::Asked);
        assert_eq!(asking.address(0, Time::ZERO), Address::Asked);
        assert_eq!(asking.asked.try_iter().count(), 1);
        let waiting = asking.names.answered(ID, vec![socket(1), socket(2)], Time::ZERO);
        assert_eq!(waiting, [key()]);
        assert_eq!(asking.address(0, Time::ZERO), Address::Known(socket(1)));
        assert_eq!(asking.address(1, Time::ZERO), Address::Known(socket(2)));
        assert_eq!(asking.address(2, Time::ZERO), Address::Exhausted);
        assert_eq!(asking.address(0, Time::ZERO), Address::Asked);
    }

    #[test]
    fn a_name_that_failed_rests_before_it_is_asked_for_again() {
        let mut asking = asking("back.example");
        assert_eq!(asking.address(0, Time::ZERO), Address::Asked);
        assert_eq!(asking.names.answered(ID, Vec::new(), Time::ZERO), [key()]);
        assert_eq!(asking.address(0, Time::ZERO), Address::Failed);
        assert_eq!(asking.address(0, Time::ZERO.after(REST)), Address::Asked);
        assert_eq!(asking.address(1, Time::ZERO.after(REST)), Address::Failed, "still resolving");
    }

    #[test]
    fn addresses_that_are_too_old_are_asked_for_before_a_connection_is_begun() {
        let mut asking = asking_again("back.example", Wait::from_secs(5));
        let at = |secs| Time::ZERO.after(Wait::from_secs(secs));
        assert_eq!(asking.address(0, at(0)), Address::Asked);
        asking.names.answered(ID, vec![socket(1), socket(2)], at(1));
        assert_eq!(asking.address(0, at(6)), Address::Known(socket(1)));
        assert_eq!(asking.address(1, at(7)), Address::Known(socket(2)), "it has begun");
        assert_eq!(asking.address(0, at(7)), Address::Asked);
        assert_eq!(asking.address(1, at(7)), Address::Known(socket(2)), "it has begun");
        assert_eq!(asking.address(2, at(7)), Address::Exhausted);
        assert_eq!(asking.names.answered(ID, vec![socket(3)], at(8)), [key()]);
        assert_eq!(asking.address(0, at(8)), Address::Known(socket(3)));
        assert_eq!(asking.asked.try_iter().count(), 2);
    }

    /// Who has waited for an answer gets it, however short it is good for.
    #[test]
    fn addresses_that_are_not_remembered_serve_those_who_asked() {
        let mut asking = asking_again("back.example", Wait::ZERO);
        assert_eq!(asking.address(0, Time::ZERO), Address::Asked);
        let later = Time::ZERO.after(REST);
        asking.names.answered(ID, vec![socket(1)], later);
        assert_eq!(asking.address(0, later), Address::Known(socket(1)));
        assert_eq!(asking.address(0, later.after(Wait::from_millis(1))), Address::Asked);
    }
}
