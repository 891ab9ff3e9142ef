//! Bytes on their way, in a buffer that is there only while it holds any.

use rustls::Error;
use rustls::unbuffered::{EncodeError, EncryptError, InsufficientSizeError};

/// A queue of bytes.
#[derive(Debug, Default)]
pub(crate) struct Bytes {
    all: Vec<u8>,
    /// How many of them have gone.
    start: usize,
}

/// The ciphertext of one connection.
///
/// An idle one holds no buffer: each is leased from the allocator when there is something to put into it, and given
/// back when that has gone.
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
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.all[self.start..]
    }

    pub(super) fn as_mut(&mut self) -> &mut [u8] {
        &mut self.all[self.start..]
    }

    pub(super) fn len(&self) -> usize {
        self.all.len() - self.start
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.all.extend_from_slice(bytes);
    }

    /// The buffer with room for so many more bytes behind those that are there.
    pub(super) fn with_room(&mut self, most: usize) -> &mut Vec<u8> {
        self.all.drain(..std::mem::take(&mut self.start));
        self.all.reserve(most);
        &mut self.all
    }

    /// Drops the first `count` bytes, and the buffer with the last one.
    pub(super) fn consume(&mut self, count: usize) {
        debug_assert!(count <= self.len(), "more bytes consumed than there are");
        self.start += count;
        if self.is_empty() {
            *self = Self::default();
        }
    }

    #[cfg(test)]
    pub(super) fn is_given_back(&self) -> bool {
        self.all.capacity() == 0
    }

    /// Appends what `write` writes, which says how much room it needs if it has too little.
    pub(super) fn write(
        &mut self,
        mut write: impl FnMut(&mut [u8]) -> Result<usize, Needs>,
    ) -> Result<(), Error> {
        let (end, mut room) = (self.all.len(), 0);
        loop {
            self.all.resize(end + room, 0);
            let written = write(&mut self.all[end..]);
            self.all.truncate(end + written.as_ref().copied().unwrap_or(0));
            match written {
                Ok(_) => return Ok(()),
                Err(Needs::Room(more)) if more > room => room = more,
                Err(Needs::Room(_)) => return Err(Error::General("no room is enough".into())),
                Err(Needs::Else(error)) => return Err(error),
            }
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
        bytes.with_room(100);
        assert_eq!((bytes.as_slice(), bytes.start), (&b"cd"[..], 0));
        bytes.consume(2);
        assert_eq!(bytes.all.capacity(), 0);
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
