//! Bytes on their way, in a buffer that is there only while it holds any.

use std::cell::RefCell;
use std::ops::Range;

use rustls::Error;
use rustls::unbuffered::{EncodeError, EncryptError, InsufficientSizeError};
use underpass_core::limits::PULL_MOST;

/// Bytes of a room: the records of as much as is moved at once, and what TLS adds to each.
const ROOM: usize = PULL_MOST as usize + 4 * 1024;

/// How many rooms are kept for the next who needs one: both legs of a session may use two at a time.
const KEPT: usize = 4;

thread_local! {
    /// Rooms of this loop's that nobody uses. To lease one costs no call to the allocator, nor must it be filled with
    /// zeros again.
    static FREE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A queue of bytes.
#[derive(Debug, Default)]
pub(crate) struct Bytes {
    /// A room, or just as much as is kept.
    all: Vec<u8>,
    /// Where those begin that have not gone.
    start: u32,
    /// Where those end that have come.
    end: u32,
}

/// The ciphertext of one connection.
///
/// An idle one holds no buffer: each is leased from the loop when there is something to put into it, and given back
/// when that has gone, or has to wait.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    /// What has come, and has not been read.
    pub(super) came: Bytes,
    /// What is to go.
    pub(super) to_go: Bytes,
}

/// Why nothing was written.
#[derive(Debug)]
pub(super) enum Needs {
    /// It takes so much room.
    Room(usize),
    /// It cannot be done.
    Else(Error),
}

impl Bytes {
    fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.all[self.range()]
    }

    pub(super) fn as_mut(&mut self) -> &mut [u8] {
        let range = self.range();
        &mut self.all[range]
    }

    pub(super) fn len(&self) -> usize {
        self.range().len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.range().is_empty()
    }

    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.spare(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        self.fill(bytes.len());
    }

    /// Room for so many more bytes at the least, behind those that are there; [`fill`](Self::fill) says how many there
    /// are then.
    pub(super) fn spare(&mut self, least: usize) -> &mut [u8] {
        if self.all.len() - self.range().end < least || self.all.is_empty() {
            let mut room = FREE.with_borrow_mut(Vec::pop).unwrap_or_default();
            room.resize((self.len() + least).max(ROOM), 0);
            room[..self.len()].copy_from_slice(self.as_slice());
            let (all, end) = (std::mem::replace(&mut self.all, room), self.len());
            (self.start, self.end) = (0, place(end));
            give_back(all);
        }
        let end = self.range().end;
        &mut self.all[end..]
    }

    /// So many bytes have been written into the spare room.
    pub(super) fn fill(&mut self, count: usize) {
        self.end += place(count);
        debug_assert!(self.range().end <= self.all.len(), "more bytes than there is room for");
        self.consume(0);
    }

    /// Drops the first `count` bytes, and the buffer with the last one.
    pub(super) fn consume(&mut self, count: usize) {
        debug_assert!(count <= self.len(), "more bytes consumed than there are");
        self.start += place(count);
        if self.is_empty() {
            give_back(std::mem::take(self).all);
        }
    }

    /// Keeps no more room than the bytes need: they have to wait.
    pub(super) fn stow(&mut self) {
        if self.all.len() > self.len() {
            let (all, end) = (self.as_slice().to_vec(), place(self.len()));
            give_back(std::mem::replace(self, Self { all, start: 0, end }).all);
        }
    }

    /// How much memory it holds.
    #[cfg(test)]
    pub(super) fn holds(&self) -> usize {
        self.all.capacity()
    }

    /// Appends what `write` writes, which says how much room it needs if it has too little.
    pub(super) fn write(
        &mut self,
        mut write: impl FnMut(&mut [u8]) -> Result<usize, Needs>,
    ) -> Result<(), Error> {
        let mut least = 0;
        loop {
            match write(self.spare(least)) {
                Ok(count) => {
                    self.fill(count);
                    return Ok(());
                }
                Err(Needs::Room(more)) if more > least => least = more,
                Err(needs) => {
                    self.fill(0);
                    return Err(needs.into());
                }
            }
        }
    }
}

/// Takes a room back, if it is one, and there are not enough of them.
fn give_back(all: Vec<u8>) {
    FREE.with_borrow_mut(|free| {
        if all.len() == ROOM && free.len() < KEPT {
            free.push(all);
        }
    });
}

fn place(at: usize) -> u32 {
    u32::try_from(at).expect("a connection holds less than 4 GiB")
}

impl From<Needs> for Error {
    fn from(needs: Needs) -> Self {
        match needs {
            Needs::Room(_) => Self::General("no room is enough".into()),
            Needs::Else(error) => error,
        }
    }
}

impl From<EncodeError> for Needs {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::InsufficientSize(InsufficientSizeError { required_size }) => {
                Self::Room(required_size)
            }
            EncodeError::AlreadyEncoded => Self::Else(Error::General(error.to_string())),
        }
    }
}

impl From<EncryptError> for Needs {
    fn from(error: EncryptError) -> Self {
        match error {
            EncryptError::InsufficientSize(InsufficientSizeError { required_size }) => {
                Self::Room(required_size)
            }
            EncryptError::EncryptExhausted => Self::Else(Error::EncryptError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_goes_with_its_last_byte() {
        let mut bytes = Bytes::default();
        bytes.append(b"abc");
        bytes.consume(2);
        bytes.append(b"d");
        assert_eq!(bytes.as_slice(), b"cd");
        bytes.spare(2 * ROOM);
        assert_eq!((bytes.as_slice(), bytes.start), (&b"cd"[..], 0));
        bytes.consume(2);
        assert_eq!(bytes.holds(), 0);
        bytes.spare(1);
        bytes.fill(0);
        assert_eq!(bytes.holds(), 0, "nothing came");
    }

    #[test]
    fn who_waits_keeps_no_room() {
        let mut bytes = Bytes::default();
        bytes.append(b"abc");
        bytes.consume(1);
        bytes.stow();
        assert_eq!((bytes.as_slice(), bytes.holds()), (&b"bc"[..], 2));
        bytes.append(b"d");
        assert_eq!(bytes.as_slice(), b"bcd");
    }

    #[test]
    fn what_is_written_gets_the_room_that_it_needs() {
        let mut bytes = Bytes::default();
        bytes.append(b"a");
        let mut write = |room: &mut [u8]| {
            let room = room.get_mut(..3).ok_or(Needs::Room(5))?;
            room.copy_from_slice(b"bcd");
            Ok(3)
        };
        bytes.write(&mut write).expect("there is room");
        assert_eq!(bytes.as_slice(), b"abcd");
        assert!(bytes.write(|_| Err(Needs::Room(0))).is_err());
        assert_eq!(bytes.as_slice(), b"abcd");
    }
}
