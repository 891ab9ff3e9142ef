//! The backend's part: it answers what comes on one connection, and knows what must not come.

use std::cell::Cell;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use underpass_core::Side;

use crate::rng::Rng;
use crate::turmoil::errand::{Body, Errand, Failure, Last, Quirk, tunnelled};
use crate::turmoil::wire::{Wire, check, same};

/// What follows an answer.
enum Next {
    /// The next request.
    Request,
    /// The next request is not answered: the connection ends instead.
    Stale,
    /// The connection is over, and its peer knows.
    Over,
    /// The connection is over at once, and its peer does not know.
    Gone,
}

/// What the backend has to do at once, on all its connections.
#[derive(Debug, Default)]
pub struct Load {
    /// Requests that came, and whose answers are not out.
    open: Cell<u32>,
    /// The most of them that there ever were.
    most: Cell<u32>,
}

impl Load {
    /// The most that there ever was to do at once.
    pub fn most(&self) -> u32 {
        self.most.get()
    }

    fn asked(&self) {
        self.open.set(self.open.get() + 1);
        self.most.set(self.most.get().max(self.open.get()));
    }

    fn answers(&self) {
        self.open.set(self.open.get() - 1);
    }
}

/// Serves one connection for as long as it lasts.
pub async fn serve(
    errands: &[Errand],
    load: &Load,
    wire: Wire,
    chance: &mut Rng,
) -> Result<(), Failure> {
    let mut backend = Backend { errands, load, chance, is_fresh: true };
    backend.serve(wire).await
}

struct Backend<'a> {
    errands: &'a [Errand],
    load: &'a Load,
    chance: &'a mut Rng,
    /// Whether the present request is the first one of its connection.
    is_fresh: bool,
}

impl Backend<'_> {
    async fn serve(&mut self, mut wire: Wire) -> Result<(), Failure> {
        while let Some(head) = wire.head().await? {
            let (number, step) = step(&head)?;
            let errand = self.errands.get(number).ok_or_else(|| format!("errand {number}?"))?;
            let whose = |failure| format!("errand {number} step {step}, {errand:?}: {failure}");
            if step < errand.gets {
                self.take_upload(*errand, number, step, &mut wire, &head).await.map_err(whose)?;
            }
            let behind = wire.held();
            if !behind.is_empty() {
                return Err(format!("{} bytes stand behind {head:?}", behind.len()));
            }
            self.load.asked();
            if step == errand.gets {
                return self.switch(*errand, number, wire, &head).await.map_err(whose);
            }
            match self.answer(*errand, number, step, &mut wire, &head).await.map_err(whose)? {
                Next::Request => {}
                Next::Stale => {
                    // Only what may be sent twice comes here; nothing if nobody needs us any more.
                    let head = wire.head().await?.unwrap_or_else(|| "GET  HTTP".to_owned());
                    let plain = head.starts_with("GET ") && !head.contains("Upgrade");
                    return if plain { Ok(()) } else { Err(format!("{head:?} on a kept one")) };
                }
                Next::Over => {
                    wire.shut().await?;
                    // What is reset brings nothing either.
                    let more = wire.rest().await.unwrap_or_default();
                    let none = more.is_empty();
                    return if none { Ok(()) } else { Err(whose("a request behind it".into())) };
                }
                Next::Gone => return Ok(()),
            }
            self.is_fresh = false;
        }
        Ok(())
    }

    /// Hears what is sent along with a request, which must come on a fresh connection, and nothing of
    /// its waiting.
    async fn take_upload(
        &self,
        errand: Errand,
        number: usize,
        step: usize,
        wire: &mut Wire,
        asked: &str,
    ) -> Result<(), Failure> {
        let sent = errand.upload(number, step, Side::Backend);
        if asked.contains("Expect") || !(self.is_fresh || sent.is_empty()) {
            return Err(format!("{asked:?}, the first one on its connection: {}", self.is_fresh));
        }
        same(&wire.exactly(sent.len()).await?, &sent)
    }

    async fn answer(
        &mut self,
        errand: Errand,
        number: usize,
        step: usize,
        wire: &mut Wire,
        asked: &str,
    ) -> Result<Next, Failure> {
        let get = errand.get(step);
        let framing = get.body.ok_or("there is no rule for it")?;
        check(asked, " HTTP/1.1\r\n")?;
        if asked.contains("\r\nConnection: ") {
            return Err(format!("what is to become of the connection: {asked:?}"));
        }
        let fields = framing.fields(get.length);
        let close = if get.quirk == Quirk::Closes { "Connection: close\r\n" } else { "" };
        let status = if get.quirk == Quirk::Fails { "500 Secret" } else { "200 OK" };
        let head = format!("HTTP/1.1 {status}\r\nX-Step: {number}/{step}\r\n{fields}{close}\r\n");
        let mut bytes = [head.as_bytes(), &errand.body(number, step, Side::Backend)].concat();
        let whole = bytes.split_off(bytes.len() - 1);
        if get.quirk == Quirk::Fails {
            self.load.answers();
            // How much of it can be sent depends on when the proxy hangs up, which has read enough.
            let sent = wire.send(self.chance, &bytes).await;
            let _ = sent.is_ok() && wire.stream.write_all(&whole).await.is_ok();
            return Ok(Next::Gone);
        }
        wire.send(self.chance, &bytes).await?;
        let closes = framing == Body::Close;
        // One write: the excess is there when the response is.
        let excess = get.quirk == Quirk::Excess && !closes;
        let end = if excess { [&whole, &b"x"[..]].concat() } else { whole };
        self.load.answers();
        wire.stream.write_all(&end).await.map_err(|error| format!("sending: {error}"))?;
        Ok(match get.quirk {
            _ if closes => Next::Over,
            Quirk::Closes | Quirk::Excess => Next::Over,
            Quirk::None => Next::Request,
            Quirk::Fails | Quirk::Stale(false) => Next::Gone,
            Quirk::Stale(true) => Next::Stale,
        })
    }

    async fn switch(
        &mut self,
        errand: Errand,
        number: usize,
        mut wire: Wire,
        asked: &str,
    ) -> Result<(), Failure> {
        let Last::Tunnel { bytes, early, ends } = errand.last else {
            return Err("a request came to a worker that refuses".to_owned());
        };
        check(asked, "\r\nUpgrade: websocket\r\n")?;
        if !self.is_fresh {
            return Err("an upgrade on a connection that has served".to_owned());
        }
        // R5, R7: nothing comes before we have switched, however long that takes.
        let pause = Duration::from_millis(self.chance.below(40) as u64);
        let too_early = timeout(pause, wire.stream.read_u8()).await;
        too_early.map_or(Ok(()), |got| Err(format!("{got:?} came before the 101")))?;
        let mine = tunnelled(number, Side::Backend, bytes.backend);
        let (first, rest) = mine.split_at(early.backend);
        self.load.answers();
        wire.send(self.chance, &[SWITCH, first].concat()).await?;
        let theirs = tunnelled(number, Side::Client, bytes.client);
        wire.talk(self.chance, rest, &theirs, ends == Side::Backend).await
    }
}

/// The errand and the step that a head asks for.
fn step(head: &str) -> Result<(usize, usize), Failure> {
    let path = head.split(' ').nth(1).unwrap_or_default();
    let parts = path.strip_prefix('/').and_then(|path| path.split_once('/'));
    let numbers = parts.map(|(number, step)| (number.parse(), step.parse()));
    if let Some((Ok(number), Ok(step))) = numbers {
        Ok((number, step))
    } else {
        Err(format!("asked for {path}"))
    }
}

const SWITCH: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
