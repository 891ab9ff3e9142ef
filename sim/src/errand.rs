//! What a client comes for, and what it and the backend do until each has what it came for.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use underpass_core::{Both, Side};

use crate::rng::Rng;

/// What one client comes for: drawn from the seed, and known to both ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Errand {
    /// A tunnel.
    Tunnel {
        /// How many bytes come from each side.
        bytes: Both<usize>,
        /// How many of each side's bytes stand right behind its head.
        early: Both<usize>,
        /// The side that ends first. The other one keeps bytes back until it has seen that end.
        ends: Side,
    },
    /// A tunnel to a worker that refuses to be connected to.
    Refused,
    /// An ordinary response with a body of so many bytes.
    Get(Body, usize),
}

/// How the end of a response's body is found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Body {
    /// In chunks.
    Chunks,
    /// By the end of the connection.
    Close,
    /// By its length.
    Length,
}

/// Why an errand failed; in words, for whoever reads the report of a failed seed.
pub type Failure = String;

impl Errand {
    /// One errand, by chance.
    pub fn draw(chance: &mut Rng) -> Self {
        match chance.below(8) {
            0 => Self::Refused,
            kind @ 1..=3 => {
                let body = [Body::Chunks, Body::Close, Body::Length][kind - 1];
                Self::Get(body, chance.piece(MOST))
            }
            _ => {
                let bytes = Both::from_fn(|_| chance.piece(MOST));
                let early = Both::from_fn(|side| chance.below(bytes[side].min(EARLY) + 1));
                let ends = Side::BOTH[chance.below(2)];
                Self::Tunnel { bytes, early, ends }
            }
        }
    }

    /// Runs the errand of that number from the client's side.
    pub async fn ask(
        self,
        number: usize,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
        chance: &mut Rng,
    ) -> Result<(), Failure> {
        let place = match self {
            Self::Tunnel { .. } => "ws",
            Self::Refused => "dead",
            Self::Get(..) => "http",
        };
        let line = format!("GET /{place}/{number} HTTP/1.1\r\nHost: proxy\r\n");
        match self {
            Self::Tunnel { bytes, early, ends } => {
                let mine = pattern(number, Side::Client, bytes.client);
                let (first, rest) = mine.split_at(early.client);
                send(&mut stream, chance, &[line.as_bytes(), HANDSHAKE, first].concat()).await?;
                let (head, residue) = head(&mut stream).await?;
                check(&head, "HTTP/1.1 101 ")?;
                check(&head, "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n")?;
                let theirs = pattern(number, Side::Backend, bytes.backend);
                talk(stream, chance, rest, residue, &theirs, ends == Side::Client).await
            }
            Self::Refused => {
                send(&mut stream, chance, &[line.as_bytes(), HANDSHAKE].concat()).await?;
                let (head, _) = whole(&mut stream).await?;
                check(&head, "HTTP/1.1 503 ")?;
                check(&head, "\r\nRetry-After: ")
            }
            Self::Get(body, length) => {
                send(&mut stream, chance, format!("{line}\r\n").as_bytes()).await?;
                let (head, got) = whole(&mut stream).await?;
                check(&head, "HTTP/1.1 200 ")?;
                same(&got, &body.frame(pattern(number, Side::Backend, length)).1)
            }
        }
    }

    /// Runs the errand of that number from the backend's side, once its request has come.
    pub async fn answer(
        self,
        number: usize,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
        chance: &mut Rng,
    ) -> Result<(), Failure> {
        match self {
            Self::Tunnel { bytes, early, ends } => {
                // R5, R7: nothing comes before we have switched, however long that takes.
                let pause = Duration::from_millis(chance.below(40) as u64);
                let too_early = timeout(pause, stream.read_u8()).await;
                too_early.map_or(Ok(()), |got| Err(format!("{got:?} came before the 101")))?;
                let mine = pattern(number, Side::Backend, bytes.backend);
                let (first, rest) = mine.split_at(early.backend);
                send(&mut stream, chance, &[SWITCH, first].concat()).await?;
                let theirs = pattern(number, Side::Client, bytes.client);
                talk(stream, chance, rest, Vec::new(), &theirs, ends == Side::Backend).await
            }
            Self::Refused => Err("a request came to a worker that refuses".to_owned()),
            Self::Get(body, length) => {
                let (fields, body) = body.frame(pattern(number, Side::Backend, length));
                let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
                send(&mut stream, chance, &[head.as_bytes(), &body].concat()).await?;
                stream.shutdown().await.map_err(|error| error.to_string())
            }
        }
    }
}

impl Body {
    /// The fields that announce a body, and its bytes on the wire.
    fn frame(self, bytes: Vec<u8>) -> (String, Vec<u8>) {
        match self {
            Self::Chunks => {
                let mut wire: Vec<u8> = Vec::new();
                for chunk in bytes.chunks(1_000) {
                    let size = format!("{:x}\r\n", chunk.len());
                    wire.extend([size.as_bytes(), chunk, b"\r\n"].concat());
                }
                wire.extend(b"0\r\n\r\n");
                ("Transfer-Encoding: chunked\r\n".to_owned(), wire)
            }
            Self::Close => (String::new(), bytes),
            Self::Length => (format!("Content-Length: {}\r\n", bytes.len()), bytes),
        }
    }
}

/// Reads a head, and gives it with what came behind it.
pub async fn head(stream: &mut (impl AsyncRead + Unpin)) -> Result<(String, Vec<u8>), Failure> {
    let mut bytes = Vec::new();
    loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = bytes.split_off(at + 4);
            return String::from_utf8(bytes)
                .map(|head| (head, rest))
                .map_err(|error| error.to_string());
        }
        match stream.read_buf(&mut bytes).await {
            Ok(0) => return Err(format!("ended inside a head of {} bytes", bytes.len())),
            Ok(_) => {}
            Err(error) => return Err(format!("inside a head: {error}")),
        }
    }
}

/// Reads a response to its end, which must be a clean one.
async fn whole(stream: &mut (impl AsyncRead + Unpin)) -> Result<(String, Vec<u8>), Failure> {
    let (head, mut body) = head(stream).await?;
    stream.read_to_end(&mut body).await.map_err(|error| format!("inside a body: {error}"))?;
    Ok((head, body))
}

/// Sends `mine` and hears `theirs`, of which some has come already; then both directions end.
///
/// Whoever ends second keeps its last bytes back until the other's end has come: they go through a
/// tunnel that is half-closed.
async fn talk(
    stream: impl AsyncRead + AsyncWrite,
    chance: &mut Rng,
    mine: &[u8],
    mut got: Vec<u8>,
    theirs: &[u8],
    ends_first: bool,
) -> Result<(), Failure> {
    let (mut read, mut write) = split(stream);
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

/// Sends bytes piece by piece, with pauses.
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

fn check(head: &str, part: &str) -> Result<(), Failure> {
    if head.contains(part) { Ok(()) } else { Err(format!("no {part:?} in {head:?}")) }
}

fn same(got: &[u8], sent: &[u8]) -> Result<(), Failure> {
    if got == sent {
        return Ok(());
    }
    let alike = got.iter().zip(sent).take_while(|(got, sent)| got == sent).count();
    Err(format!("{} bytes came of {}, the first {alike} alike", got.len(), sent.len()))
}

/// The bytes that one side of an errand sends: no two errands and no two sides send the same.
fn pattern(number: usize, side: Side, length: usize) -> Vec<u8> {
    let mut bytes = Rng::of(number as u64, &side.to_string(), 0);
    (0..length).map(|_| bytes.draw() as u8).collect()
}

/// Bytes that one side sends at the most.
const MOST: usize = 20_000;
/// Bytes that stand behind a head at the most.
const EARLY: usize = 12_000;

const HANDSHAKE: &[u8] = b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

const SWITCH: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
