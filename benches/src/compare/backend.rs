//! The backend behind every proxy: one thread that switches whoever asks for it, does what
//! [orders](super::order) say, and answers ordinary requests.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::order::{ORDER, Order, PAGE};
use super::poller::Poller;
use crate::daemon::failure;
use crate::wire::PATIENCE;
use crate::{ROOMS, SWITCH};

/// The number of the listener among the sockets.
const LISTENER: u64 = 0;

/// A backend, which ends when it is dropped.
#[derive(Debug)]
pub struct Backend {
    address: SocketAddr,
    book: Arc<Book>,
    thread: Option<JoinHandle<()>>,
}

impl Backend {
    /// One on a free port of the loopback.
    ///
    /// # Errors
    ///
    /// If there are too many descriptors.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let (address, book) = (listener.local_addr()?, Arc::<Book>::default());
        let mut house = House::new(listener, Arc::clone(&book))?;
        let thread = thread::spawn(move || {
            if let Err(error) = house.serve() {
                eprintln!("compare: the backend ended: {error}");
            }
        });
        Ok(Self { address, book, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until no tunnel stands, so until the proxy has closed all that clients have.
    ///
    /// # Errors
    ///
    /// If one stands for longer than [`PATIENCE`].
    pub fn until_empty(&self) -> io::Result<()> {
        let waited = self
            .book
            .changed
            .wait_timeout_while(self.book.page(), PATIENCE, |page| page.tunnels > 0);
        let (page, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        let left = format!("{} tunnels are not closed by the proxy", page.tunnels);
        if waited.timed_out() { Err(failure(left)) } else { Ok(()) }
    }

    /// Waits until no byte has been sent for so long; how many have been sent into tunnels since it began.
    pub fn until_still(&self, still: Duration) -> u64 {
        let mut page = self.book.page();
        loop {
            let seen = page.said;
            let waited =
                self.book.changed.wait_timeout_while(page, still, |page| page.said == seen);
            let (after, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            if waited.timed_out() {
                return after.said;
            }
            page = after;
        }
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.book.page().stopped = true;
        // A last connection wakes it; a backend that has ended by an error needs none.
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// What others may know of a backend.
#[derive(Debug, Default)]
struct Book {
    page: Mutex<Page>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Page {
    /// Tunnels that stand.
    tunnels: usize,
    /// Bytes that have been sent into tunnels.
    said: u64,
    stopped: bool,
}

impl Book {
    fn page(&self) -> MutexGuard<'_, Page> {
        self.page.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, change: impl FnOnce(&mut Page)) {
        change(&mut self.page());
        self.changed.notify_all();
    }
}

/// The thread of a backend.
#[derive(Debug)]
struct House {
    listener: TcpListener,
    poller: Poller,
    guests: HashMap<u64, Guest>,
    /// How many guests there have been.
    came: u64,
    room: Vec<u8>,
    book: Arc<Book>,
}

impl House {
    fn new(listener: TcpListener, book: Arc<Book>) -> io::Result<Self> {
        let poller = Poller::new()?;
        poller.add(&listener, LISTENER)?;
        let (guests, room) = (HashMap::new(), vec![0; PAGE]);
        Ok(Self { listener, poller, guests, came: LISTENER, room, book })
    }

    fn serve(&mut self) -> io::Result<()> {
        while !self.book.page().stopped {
            for (number, ended) in self.poller.wait_for_ever()?.to_vec() {
                match number {
                    LISTENER => self.accept()?,
                    _ => self.attend(number, ended),
                }
            }
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            self.came += 1;
            self.poller.add(&stream, self.came)?;
            self.guests.insert(self.came, Guest { stream, state: State::Heads(Vec::new()) });
        }
    }

    /// Goes on with a guest, and sends it away if it has ended or broken: who cares is at the other end.
    fn attend(&mut self, number: u64, ended: bool) {
        let Some(guest) = self.guests.get_mut(&number) else { return };
        let stays = guest.advance(&mut self.room, ended, &self.book).unwrap_or(false);
        if stays {
            return;
        }
        if let Some(Guest { state: State::Tunnel(_), stream }) = self.guests.remove(&number) {
            drop(stream);
            self.book.note(|page| page.tunnels -= 1);
        }
    }
}

/// A connection.
#[derive(Debug)]
struct Guest {
    stream: TcpStream,
    state: State,
}

/// What a guest speaks.
#[derive(Debug)]
enum State {
    /// HTTP, of which this much of a head has come.
    Heads(Vec<u8>),
    /// Orders.
    Tunnel(Debt),
}

impl Guest {
    /// Reads and writes as far as it goes; whether the guest stays. Who has not `ended` has nothing more to
    /// be read after a read that was short.
    fn advance(&mut self, room: &mut [u8], ended: bool, book: &Book) -> io::Result<bool> {
        loop {
            self.pay(book)?;
            let count = match self.stream.read(room) {
                Ok(0) => return Ok(false),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            };
            match &mut self.state {
                State::Heads(head) => {
                    head.extend_from_slice(&room[..count]);
                    self.answer(book)?;
                }
                State::Tunnel(debt) => debt.hear(&room[..count])?,
            }
            self.pay(book)?;
            if count < room.len() && !ended {
                return Ok(true);
            }
        }
    }

    /// Answers a head if it is whole. There is no body, and nothing comes behind it before the answer.
    fn answer(&mut self, book: &Book) -> io::Result<()> {
        let State::Heads(head) = &mut self.state else { return Ok(()) };
        if !head.ends_with(b"\r\n\r\n") {
            return Ok(());
        }
        let text = String::from_utf8_lossy(head).to_ascii_lowercase();
        head.clear();
        if !text.contains("\r\nupgrade:") {
            return self.stream.write_all(ROOMS);
        }
        self.state = State::Tunnel(Debt::default());
        book.note(|page| page.tunnels += 1);
        self.stream.write_all(SWITCH)
    }

    /// Sends what is owed, as far as it goes.
    fn pay(&mut self, book: &Book) -> io::Result<()> {
        static ZEROS: [u8; PAGE] = [0; PAGE];
        let State::Tunnel(debt) = &mut self.state else { return Ok(()) };
        while debt.owed() > 0 {
            let most = usize::try_from(debt.owed()).unwrap_or(PAGE).min(PAGE);
            match self.stream.write(&ZEROS[..most]) {
                Ok(count) => {
                    debt.say(count);
                    book.note(|page| page.said += count as u64);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// An order, as far as it has come and been done.
#[derive(Debug, Default)]
struct Debt {
    bytes: [u8; ORDER],
    /// None until it has come.
    order: Option<Order>,
    heard: u64,
    said: u64,
}

impl Debt {
    /// Hears what has come: the rest of a message, and the next one if the answer has gone already.
    fn hear(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let missing = self.order.map_or(ORDER as u64, |order| order.up) - self.heard;
            let (own, rest) = bytes.split_at(missing.min(bytes.len() as u64) as usize);
            if own.is_empty() {
                return Err(failure("a message came before the last was answered"));
            }
            if self.order.is_none() {
                let begun = self.heard as usize;
                self.bytes[begun..begun + own.len()].copy_from_slice(own);
            }
            self.heard += own.len() as u64;
            if self.order.is_none() && self.heard == ORDER as u64 {
                self.order = Some(Order::decode(&self.bytes));
            }
            self.settle();
            bytes = rest;
        }
        Ok(())
    }

    /// How many bytes may be sent now.
    fn owed(&self) -> u64 {
        let due = self.order.filter(|order| self.heard >= order.after);
        due.map_or(0, |order| order.down - self.said)
    }

    fn say(&mut self, count: usize) {
        self.said += count as u64;
        self.settle();
    }

    /// Forgets an order that is done.
    fn settle(&mut self) {
        if self.order.is_some_and(|order| (self.heard, self.said) == (order.up, order.down)) {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_done_when_both_ways_are() {
        let (mut debt, order) = (Debt::default(), Order { up: 30, down: 5, after: 28 });
        debt.hear(&order.encode()[..7]).expect("a part");
        debt.hear(&order.encode()[7..]).expect("the rest");
        assert_eq!(debt.owed(), 0);
        debt.hear(&[0; 4]).expect("enough for an answer");
        assert_eq!(debt.owed(), 5);
        debt.say(5);
        assert_eq!(debt.owed(), 0);
        debt.hear(&[0; 2]).expect("the end");
        assert_eq!((debt.order, debt.heard, debt.said), (None, 0, 0));
    }

    /// As it is if both ways are used at the same time: the client knows that the answer is whole.
    #[test]
    fn the_next_order_may_come_with_the_end_of_the_last() {
        let (mut debt, order) = (Debt::default(), Order::both(30));
        debt.hear(&order.encode()).expect("an order");
        debt.say(30);
        let next = [&[0; 6][..], &Order::down(7).encode()].concat();
        debt.hear(&next).expect("the end, and the next order");
        assert_eq!((debt.order, debt.owed()), (Some(Order::down(7)), 7));
    }

    #[test]
    fn what_nobody_ordered_is_an_error() {
        let (mut debt, order) = (Debt::default(), Order::down(5));
        debt.hear(&order.encode()).expect("an order");
        assert!(debt.hear(&[0]).is_err());
    }
}
