//! Names: resolved on a thread of their own, remembered by each loop until all addresses of one fail.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::mpsc::{Receiver, Sender, channel};

use underpass_core::route::{Worker, WorkerId};
use underpass_core::time::{Time, Wait};

use crate::shared::{Mailbox, Message};
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
    /// Asked for, by these sessions.
    Asked(Vec<Key>),
    Known(Vec<SocketAddr>),
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
    worker: WorkerId,
    host: String,
    port: u16,
    answer_to: Mailbox,
}

impl Names {
    /// Addresses are known at once; names are asked for when they are first needed.
    pub(crate) fn new(workers: &[Worker], asks: Sender<Ask>, mailbox: Mailbox) -> Self {
        let literal = |worker: &Worker| match worker.host.parse::<IpAddr>() {
            Ok(address) => Name::Known(vec![SocketAddr::new(address, worker.port)]),
            Err(_) => Name::Unknown,
        };
        Self { names: workers.iter().map(literal).collect(), asks, mailbox }
    }

    /// The worker's address of that number, for the session of that key.
    pub(crate) fn address(
        &mut self,
        id: WorkerId,
        worker: &Worker,
        number: u8,
        key: Key,
        now: Time,
    ) -> Address {
        let name = &mut self.names[id.0 as usize];
        if matches!(name, Name::Failed(until) if *until <= now) {
            *name = Name::Unknown;
        }
        match name {
            Name::Known(addresses) => match addresses.get(usize::from(number)) {
                Some(address) => Address::Known(*address),
                None => {
                    self.forget(id, worker);
                    Address::Exhausted
                }
            },
            Name::Failed(_) => Address::Failed,
            // The clock of the first address has run out while its name was asked for.
            Name::Asked(_) if number > 0 => Address::Failed,
            Name::Asked(keys) => {
                if !keys.contains(&key) {
                    keys.push(key);
                }
                Address::Asked
            }
            Name::Unknown => self.ask(id, worker, key),
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
            Name::Known(addresses)
        };
        match std::mem::replace(name, known) {
            Name::Asked(keys) => keys,
            Name::Unknown | Name::Known(_) | Name::Failed(_) => Vec::new(),
        }
    }

    fn ask(&mut self, id: WorkerId, worker: &Worker, key: Key) -> Address {
        let answer_to = self.mailbox.clone();
        let ask = Ask { worker: id, host: worker.host.clone(), port: worker.port, answer_to };
        if self.asks.send(ask).is_err() {
            return Address::Failed;
        }
        self.names[id.0 as usize] = Name::Asked(vec![key]);
        Address::Asked
    }

    /// All addresses have failed: the next session asks anew, for the name may have moved.
    fn forget(&mut self, id: WorkerId, worker: &Worker) {
        if worker.host.parse::<IpAddr>().is_err() {
            self.names[id.0 as usize] = Name::Unknown;
        }
    }
}

/// Starts the thread that resolves names, and gives the way to ask it. It ends with its last asker.
pub(crate) fn start() -> std::io::Result<Sender<Ask>> {
    let (asks, asked) = channel();
    std::thread::Builder::new().name("resolve".into()).spawn(move || answer(&asked))?;
    Ok(asks)
}

fn answer(asked: &Receiver<Ask>) {
    for ask in asked {
        let found = (ask.host.as_str(), ask.port).to_socket_addrs();
        let addresses = match found {
            Ok(addresses) => addresses.collect(),
            Err(error) => {
                tracing::warn!(host = ask.host, %error, "name not resolved");
                Vec::new()
            }
        };
        ask.answer_to.post(Message::Resolved { worker: ask.worker, addresses });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::Mailbox;
    use crate::slots::Slots;
    use mio::{Poll, Token, Waker};

    const ID: WorkerId = WorkerId(0);

    struct Asking {
        worker: Worker,
        names: Names,
        asked: Receiver<Ask>,
        _poll: Poll,
    }

    fn asking(host: &str) -> Asking {
        let worker = Worker::new(host, 80);
        let poll = Poll::new().expect("a poll");
        let waker = Waker::new(poll.registry(), Token(0)).expect("a waker");
        let ((mailbox, _), (asks, asked)) = (Mailbox::new(waker), channel());
        let names = Names::new(std::slice::from_ref(&worker), asks, mailbox);
        Asking { worker, names, asked, _poll: poll }
    }

    impl Asking {
        fn address(&mut self, number: u8, now: Time) -> Address {
            self.names.address(ID, &self.worker, number, key(), now)
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
    fn the_thread_resolves_and_posts() {
        let asks = start().expect("a thread");
        let mut poll = Poll::new().expect("a poll");
        let waker = Waker::new(poll.registry(), Token(0)).expect("a waker");
        let (mailbox, inbox) = Mailbox::new(waker);
        // The mailbox outlives the question, as a loop's does: with its waker the wake would go.
        let answer_to = mailbox.clone();
        asks.send(Ask { worker: ID, host: "localhost".into(), port: 80, answer_to })
            .expect("the thread listens");
        let mut events = mio::Events::with_capacity(1);
        poll.poll(&mut events, None).expect("it wakes us");
        let Ok(Message::Resolved { addresses, .. }) = inbox.recv() else { panic!("no answer") };
        assert!(addresses.iter().all(|address| address.ip().is_loopback() && address.port() == 80));
        assert!(!addresses.is_empty());
        drop(mailbox);
    }
}
