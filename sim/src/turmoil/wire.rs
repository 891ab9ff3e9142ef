//! A peer's end of a connection: heads and bodies one behind the other, sent piece by piece.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::time::sleep;
use turmoil::net::TcpStream;

use crate::rng::Rng;
use crate::turmoil::errand::Failure;

/// A connection, and what was read of it too early.
#[derive(Debug)]
pub struct Wire {
    /// The connection.
    pub stream: TcpStream,
    held: Vec<u8>,
}

impl Wire {
    /// A fresh connection.
    pub fn new(stream: TcpStream) -> Self {
        Self { stream, held: Vec::new() }
    }

    /// Reads a head; none if the peer has ended instead of beginning one.
    pub async fn head(&mut self) -> Result<Option<String>, Failure> {
        loop {
            if let Some(at) = self.held.windows(4).position(|four| four == b"\r\n\r\n") {
                let rest = self.held.split_off(at + 4);
                let head = std::mem::replace(&mut self.held, rest);
                return String::from_utf8(head).map(Some).map_err(|error| error.to_string());
            }
            match self.stream.read_buf(&mut self.held).await {
                Ok(0) if self.held.is_empty() => return Ok(None),
                Ok(0) => return Err(format!("ended inside a head of {} bytes", self.held.len())),
                Ok(_) => {}
                Err(error) => return Err(format!("inside a head: {error}")),
            }
        }
    }

    /// Reads so many bytes.
    pub async fn exactly(&mut self, count: usize) -> Result<Vec<u8>, Failure> {
        while self.held.len() < count {
            match self.stream.read_buf(&mut self.held).await {
                Ok(0) => return Err(format!("ended after {} of {count} bytes", self.held.len())),
                Ok(_) => {}
                Err(error) => return Err(format!("inside a body: {error}")),
            }
        }
        let rest = self.held.split_off(count);
        Ok(std::mem::replace(&mut self.held, rest))
    }

    /// Reads to the end, which must be a clean one.
    pub async fn rest(&mut self) -> Result<Vec<u8>, Failure> {
        let read = self.stream.read_to_end(&mut self.held).await;
        read.map_err(|error| format!("before the end: {error}"))?;
        Ok(self.held())
    }

    /// What was read too early.
    pub fn held(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }

    /// Sends bytes piece by piece, with pauses.
    pub async fn send(&mut self, chance: &mut Rng, bytes: &[u8]) -> Result<(), Failure> {
        send(&mut self.stream, chance, bytes).await
    }

    /// Says that nothing more will come.
    pub async fn shut(&mut self) -> Result<(), Failure> {
        self.stream.shutdown().await.map_err(|error| format!("shutting: {error}"))
    }

    /// Sends `mine` and hears `theirs`; then both directions end.
    ///
    /// Whoever ends second keeps its last bytes back until the other's end has come: they go through a
    /// tunnel that is half-closed.
    pub async fn talk(
        mut self,
        chance: &mut Rng,
        mine: &[u8],
        theirs: &[u8],
        ends_first: bool,
    ) -> Result<(), Failure> {
        let mut got = self.held();
        let (mut read, mut write) = self.stream.into_split();
        let (tell, told) = oneshot::channel();
        let kept = if ends_first { 0 } else { mine.len().div_ceil(2) };
        let (soon, late) = mine.split_at(mine.len() - kept);
        let speaking = async {
            send(&mut write, chance, soon).await?;
            if !ends_first {
                told.await.map_err(|_| "never heard the other's end".to_owned())?;
                send(&mut write, chance, late).await?;
            }
            write.shutdown().await.map_err(|error| format!("shutting: {error}"))
        };
        let hearing = async {
            read.read_to_end(&mut got).await.map_err(|error| format!("hearing: {error}"))?;
            // Whoever ended first does not wait for it.
            let _ = tell.send(());
            Ok(())
        };
        let (spoke, heard) = tokio::join!(biased; speaking, hearing);
        spoke.and(heard)?;
        same(&got, theirs)
    }
}

async fn send(
    stream: &mut (impl AsyncWrite + Unpin),
    chance: &mut Rng,
    mut bytes: &[u8],
) -> Result<(), Failure> {
    while !bytes.is_empty() {
        let (piece, rest) = bytes.split_at(chance.piece(bytes.len()));
        stream.write_all(piece).await.map_err(|error| format!("sending: {error}"))?;
        bytes = rest;
        if chance.one_in(3) {
            sleep(Duration::from_millis(chance.below(8) as u64)).await;
        }
    }
    Ok(())
}

/// Checks that a head has that part.
pub fn check(head: &str, part: &str) -> Result<(), Failure> {
    if head.contains(part) { Ok(()) } else { Err(format!("no {part:?} in {head:?}")) }
}

/// Checks that what came is what was sent.
pub fn same(got: &[u8], sent: &[u8]) -> Result<(), Failure> {
    if got == sent {
        return Ok(());
    }
    let alike = got.iter().zip(sent).take_while(|(got, sent)| got == sent).count();
    Err(format!("{} bytes came of {}, the first {alike} alike", got.len(), sent.len()))
}
