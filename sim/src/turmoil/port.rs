//! The sockets of clients and backends: each of their tasks has one connection at a time.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use turmoil::net::TcpStream;
use underpass_core::Fault;
use underpass_core::time::Time;

use super::driver::{Attempt, dial, fault};
use super::hosts::{self, PROXY};
use super::world::World;
use crate::party::{Sockets, Tip};

/// A task's connection, for the length of one step.
pub(super) struct Port<'a, 't> {
    pub(super) world: &'a World,
    pub(super) wire: &'a mut Wire,
    pub(super) task: &'a mut Context<'t>,
}

/// A connection, if there is one.
#[derive(Default)]
pub(super) enum Wire {
    /// There is none.
    #[default]
    None,
    Dialling(Attempt),
    Up {
        stream: TcpStream,
        /// Our FIN is out.
        shut: bool,
    },
}

impl Wire {
    /// A connection that was accepted.
    pub(super) fn of(stream: TcpStream) -> Self {
        Self::Up { stream, shut: false }
    }
}

impl Sockets for Port<'_, '_> {
    fn now(&self) -> Time {
        self.world.now.get()
    }

    fn dial(&mut self, place: u32, _: u64) -> Tip {
        let number = self.world.dials(hosts::client(place as usize), place);
        *self.wire = Wire::Dialling(dial(PROXY, self.task));
        Tip(number << 1)
    }

    fn connected(&mut self, _: Tip) -> Poll<Result<(), Fault>> {
        match self.wire {
            Wire::Dialling(attempt) => {
                let stream = ready!(attempt.poll(self.task))?;
                *self.wire = Wire::of(stream);
                Poll::Ready(Ok(()))
            }
            Wire::None => Poll::Ready(Err(Fault::Closed)),
            Wire::Up { .. } => Poll::Ready(Ok(())),
        }
    }

    fn read(&mut self, _: Tip, room: &mut [u8]) -> Poll<Result<usize, Fault>> {
        let Wire::Up { stream, .. } = self.wire else { return Poll::Ready(Err(Fault::Closed)) };
        let mut into = ReadBuf::new(room);
        ready!(Pin::new(stream).poll_read(self.task, &mut into)).map_err(fault)?;
        Poll::Ready(Ok(into.filled().len()))
    }

    fn write(&mut self, _: Tip, bytes: &[u8]) -> Poll<Result<usize, Fault>> {
        let most = bytes.len().min(self.world.plan.network.segment as usize);
        let Wire::Up { stream, .. } = self.wire else { return Poll::Ready(Err(Fault::Closed)) };
        Pin::new(stream).poll_write(self.task, &bytes[..most]).map_err(fault)
    }

    fn shut(&mut self, _: Tip) -> Result<(), Fault> {
        let Wire::Up { stream, shut } = self.wire else { return Err(Fault::Closed) };
        if std::mem::replace(shut, true) {
            return Ok(());
        }
        match Pin::new(stream).poll_shutdown(self.task) {
            Poll::Ready(done) => done.map_err(fault),
            Poll::Pending => unreachable!("turmoil has room for an end"),
        }
    }

    fn close(&mut self, _: Tip) {
        *self.wire = Wire::None;
    }

    /// turmoil resets only what was not read to its end; anything else ends.
    fn abort(&mut self, _: Tip) {
        *self.wire = Wire::None;
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Dialling(_) => "Dialling",
            Self::Up { .. } => "Up",
        })
    }
}
