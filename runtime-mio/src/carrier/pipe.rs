//! Pipes that sockets are spliced through: enlarged, pooled, and never more than the system grants.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::pipe::{PipeFlags, SpliceFlags};

/// The size that a pipe should have; the first one shows what the system grants.
const WANTED: usize = 1024 * 1024;
/// Below this size a pipe gains nothing over copying.
const WORTH: usize = 256 * 1024;

/// A pipe: bytes wait in the kernel between two sockets.
#[derive(Debug)]
pub(crate) struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
}

impl Pipe {
    /// Moves at most `most` bytes from the socket into the pipe, which is empty.
    pub(crate) fn fill(&self, from: &impl AsFd, most: usize) -> io::Result<usize> {
        splice(from, &self.write, most.min(WANTED))
    }

    /// Moves `held` bytes from the pipe to the socket.
    pub(crate) fn drain(&self, to: &impl AsFd, held: usize) -> io::Result<usize> {
        splice(&self.read, to, held)
    }
}

// No SPLICE_F_MORE: it would hold the tail of a message back.
fn splice(from: &impl AsFd, to: &impl AsFd, most: usize) -> io::Result<usize> {
    let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
    Ok(rustix::pipe::splice(from, None, to, None, most, flags)?)
}

/// The free pipes of one loop.
#[derive(Debug)]
pub(crate) struct Pipes {
    free: Vec<Pipe>,
    /// How many more pipes this loop may open.
    left: usize,
}

impl Pipes {
    /// A pool of at most `most` pipes, opened when they are first needed.
    pub(crate) const fn new(most: usize) -> Self {
        Self { free: Vec::new(), left: most }
    }

    /// A pipe, if there is one to be had: without one a direction is copied, which always works.
    pub(crate) fn lease(&mut self) -> Option<Pipe> {
        self.free.pop().or_else(|| self.open())
    }

    /// Takes a pipe back; one that is not empty is closed, bytes and all.
    pub(crate) fn give_back(&mut self, pipe: Pipe, is_empty: bool) {
        if is_empty {
            self.free.push(pipe);
        } else {
            self.left += 1;
        }
    }

    /// Opens a pipe. Users without privileges get 64 MiB of pipes in all; behind that a pipe is too
    /// small to be of use, and no further one is tried.
    fn open(&mut self) -> Option<Pipe> {
        if self.left == 0 {
            return None;
        }
        let (read, write) =
            rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).ok()?;
        let large = [WANTED, WORTH]
            .into_iter()
            .any(|size| rustix::pipe::fcntl_setpipe_size(&write, size).is_ok());
        self.left = if large { self.left - 1 } else { 0 };
        large.then_some(Pipe { read, write })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_opens_no_more_pipes_than_it_may() {
        let mut pipes = Pipes::new(1);
        let pipe = pipes.lease().expect("one pipe");
        assert!(pipes.lease().is_none());
        pipes.give_back(pipe, true);
        let again = pipes.lease().expect("the same pipe");
        pipes.give_back(again, false);
        assert!(pipes.free.is_empty(), "a pipe with bytes in it is closed");
        assert!(pipes.lease().is_some(), "and another may be opened");
    }
}
