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
    /// How often it has asked.
    asked: u32,
    asks: Sender<Question>,
    mailbox: Mailbox,
}

#[derive(Debug)]
enum Name {
    Unknown,
    /// Asked for, by these sessions; sessions that have begun to dial go on with the addresses that
    /// were known before.
    Asked {
        /// Which question it was: by a reload the number of the worker may have become another one's.
        number: u32,
        keys: Vec<Key>,
        before: Vec<SocketAddr>,
    },
    /// Known since then.
    Known(Vec<SocketAddr>, Time),
    /// Not to be had, until then.
    Failed(Time),
}

impl Name {
    /// What is known of a worker from the beginning.
    fn of(worker: &Worker) -> Self {
        match &worker.peer {
            Peer::Tcp(tcp) => literal(tcp).unwrap_or(Self::Unknown),
            Peer::Unix(_) => Self::Unknown,
        }
    }
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

/// What is said to the resolving thread.
#[derive(Debug)]
pub(crate) enum Question {
    /// Where is that?
    Name(Ask),
    /// Another configuration has begun.
    Renewed,
}

/// A name that is asked for.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) worker: WorkerId,
    /// Which question of who asks it is.
    pub(crate) number: u32,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) answer_to: Mailbox,
}

impl Names {
    /// Addresses are known at once; names are asked for when they are first needed.
    pub(crate) fn new(workers: &[Worker], asks: Sender<Question>, mailbox: Mailbox) -> Self {
        Self { names: workers.iter().map(Name::of).collect(), asked: 0, asks, mailbox }
    }

    /// The workers are other ones: what is known of those that are where they were stays.
    pub(crate) fn renew(&mut self, before: &[Worker], after: &[Worker]) {
        let old = std::mem::take(&mut self.names).into_iter().zip(before);
        self.names = after.iter().map(Name::of).collect();
        for ((name, before), (own, worker)) in old.zip(self.names.iter_mut().zip(after)) {
            if before.peer == worker.peer {
                *own = name;
            }
        }
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

    /// Takes the answer to the question of that number, and gives the sessions that wait for it.
    pub(crate) fn answered(
        &mut self,
        id: WorkerId,
        number: u32,
        addresses: Vec<SocketAddr>,
        now: Time,
    ) -> Vec<Key> {
        let is_asked =
            |name: &&mut Name| matches!(name, Name::Asked { number: it, .. } if *it == number);
        let Some(name) = self.names.get_mut(id.0 as usize).filter(is_asked) else {
            return Vec::new();
        };
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
        self.asked = self.asked.wrapping_add(1);
        let number = self.asked;
        let ask = Ask { worker: id, number, host: tcp.host.clone(), port: tcp.port, answer_to };
        if self.asks.send(Question::Name(ask)).is_err() {
            return Address::Failed;
        }
        let name = &mut self.names[id.0 as usize];
        let before = match std::mem::replace(name, Name::Unknown) {
            Name::Known(addresses, _) => addresses,
            Name::Unknown | Name::Asked { .. } | Name::Failed(_) => Vec::new(),
        };
        *name = Name::Asked { number, keys: vec![key], before };
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
        asked: Receiver<Question>,
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

        /// The last question is answered.
        fn answered(&mut self, addresses: Vec<SocketAddr>, now: Time) -> Vec<Key> {
            let number = self.names.asked;
            self.names.answered(ID, number, addresses, now)
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
        let waiting = asking.answered(vec![socket(1), socket(2)], Time::ZERO);
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
        assert_eq!(asking.answered(Vec::new(), Time::ZERO), [key()]);
        assert_eq!(asking.address(0, Time::ZERO), Address::Failed);
        assert_eq!(asking.address(0, Time::ZERO.after(REST)), Address::Asked);
        assert_eq!(asking.address(1, Time::ZERO.after(REST)), Address::Failed, "still resolving");
    }

    #[test]
    fn addresses_that_are_too_old_are_asked_for_before_a_connection_is_begun() {
        let mut asking = asking_again("back.example", Wait::from_secs(5));
        let at = |secs| Time::ZERO.after(Wait::from_secs(secs));
        assert_eq!(asking.address(0, at(0)), Address::Asked);
        asking.answered(vec![socket(1), socket(2)], at(1));
        assert_eq!(asking.address(0, at(6)), Address::Known(socket(1)));
        assert_eq!(asking.address(1, at(7)), Address::Known(socket(2)), "it has begun");
        assert_eq!(asking.address(0, at(7)), Address::Asked);
        assert_eq!(asking.address(1, at(7)), Address::Known(socket(2)), "it has begun");
        assert_eq!(asking.address(2, at(7)), Address::Exhausted);
        assert_eq!(asking.answered(vec![socket(3)], at(8)), [key()]);
        assert_eq!(asking.address(0, at(8)), Address::Known(socket(3)));
        assert_eq!(asking.asked.try_iter().count(), 2);
    }

    /// The number of a worker that is gone may be another one's before its name is resolved.
    #[test]
    fn an_answer_is_to_its_own_question() {
        let mut asking = asking("old.example");
        assert_eq!(asking.address(0, Time::ZERO), Address::Asked);
        let [old, new] = ["old.example", "new.example"].map(|host| [Worker::new(host, 80)]);
        asking.names.renew(&old, &old);
        assert_eq!(asking.address(0, Time::ZERO), Address::Asked, "it is still asked for");
        asking.names.renew(&old, &new);
        asking.tcp = Tcp::new("new.example", 80);
        assert_eq!(asking.names.answered(ID, 1, vec![socket(1)], Time::ZERO), []);
        assert_eq!(asking.address(0, Time::ZERO), Address::Asked);
        assert_eq!(asking.names.answered(ID, 1, vec![socket(1)], Time::ZERO), []);
        assert_eq!(asking.answered(vec![socket(2)], Time::ZERO), [key()]);
        assert_eq!(asking.address(0, Time::ZERO), Address::Known(socket(2)));
    }

    /// Who has waited for an answer gets it, however short it is good for.
    #[test]
    fn addresses_that_are_not_remembered_serve_those_who_asked() {
        let mut asking = asking_again("back.example", Wait::ZERO);
        assert_eq!(asking.address(0, Time::ZERO), Address::Asked);
        let later = Time::ZERO.after(REST);
        asking.answered(vec![socket(1)], later);
        assert_eq!(asking.address(0, later), Address::Known(socket(1)));
        assert_eq!(asking.address(0, later.after(Wait::from_millis(1))), Address::Asked);
    }
}
