//! The client's part: it asks for what it came for, and again on a new connection where one was closed.

use std::net::SocketAddr;

use underpass_core::Side;

use crate::rng::Rng;
use crate::turmoil::errand::{Body, Errand, Failure, Last, Quirk, Way, tunnelled};
use crate::turmoil::wire::{Wire, check, same};
use crate::turmoil::world::Mark;

/// A client on its errand.
#[derive(Debug)]
pub struct Client {
    errand: Errand,
    number: usize,
    chance: Rng,
    /// The next step.
    step: usize,
    /// The status of each answer, by the address that it was asked from.
    pub seen: Vec<(SocketAddr, Vec<u16>)>,
    /// What was met.
    pub marks: Vec<Mark>,
}

impl Client {
    /// A client on the errand of that number.
    pub fn new(errand: Errand, number: usize, chance: Rng) -> Self {
        Self { errand, number, chance, step: 0, seen: Vec::new(), marks: Vec::new() }
    }

    /// Whether it has what it came for.
    pub fn is_done(&self) -> bool {
        self.step == self.errand.steps()
    }

    /// Asks for what is left on a fresh connection, for as long as that is kept.
    pub async fn ask(&mut self, mut wire: Wire) -> Result<(), Failure> {
        let address = wire.stream.local_addr().map_err(|error| error.to_string())?;
        self.seen.push((address, Vec::new()));
        let first = self.step;
        if self.errand.way == Way::Pipelined {
            let all: Vec<u8> = (first..self.errand.steps()).flat_map(|it| self.bytes(it)).collect();
            wire.send(&mut self.chance, &all).await?;
        }
        while self.step < self.errand.gets {
            self.open(&mut wire).await?;
            if !self.hear(&mut wire, first).await? {
                return self.hang_up(wire).await;
            }
        }
        if self.is_done() {
            return self.hang_up(wire).await;
        }
        self.open(&mut wire).await?;
        let head = wire.head().await?.ok_or_else(|| self.no_answer())?;
        self.upgrade(wire, &head, first).await
    }

    /// Sends the present request, if it has not been sent with the others.
    async fn open(&mut self, wire: &mut Wire) -> Result<(), Failure> {
        let bytes = self.bytes(self.step);
        if self.errand.way != Way::Pipelined {
            wire.send(&mut self.chance, &bytes).await?;
        }
        let upload =
            if self.step < self.errand.gets { self.errand.get(self.step).upload } else { None };
        if upload.is_some_and(|upload| upload.waits) {
            let head = wire.head().await?.ok_or_else(|| self.no_answer())?;
            check(&head, "HTTP/1.1 100 Continue\r\n\r\n")?;
            let body = self.errand.upload(self.number, self.step, Side::Client);
            wire.send(&mut self.chance, &body).await?;
            self.marks.push(Mark::Welcomed);
        }
        Ok(())
    }

    /// Hears the answer to the present request: whether the connection is kept after it.
    async fn hear(&mut self, wire: &mut Wire, first: usize) -> Result<bool, Failure> {
        let get = self.errand.get(self.step);
        let head = wire.head().await?.ok_or_else(|| self.no_answer())?;
        self.saw(&head)?;
        let Some(body) = get.body else {
            return self.refused(wire, &head, "404 Not Found: no rule for this path\n").await;
        };
        if get.quirk == Quirk::Fails {
            self.marks.push(Mark::Overridden);
            let words = "500 Internal Server Error: the backend answered with this error\n";
            return self.refused(wire, &head, words).await;
        }
        check(&head, "HTTP/1.1 200 ")?;
        check(&head, &format!("\r\nX-Step: {}/{}\r\n", self.number, self.step))?;
        let sent = self.errand.body(self.number, self.step, Side::Client);
        let ends = self.errand.ends(self.step);
        if ends && body == Body::Chunks {
            self.marks.push(Mark::Decoded);
        }
        same(&if ends { wire.rest().await? } else { wire.exactly(sent.len()).await? }, &sent)?;
        if get.upload.is_some_and(|upload| upload.framing == Body::Chunks) {
            self.marks.push(Mark::Uploaded);
        }
        if self.step > first && self.errand.way == Way::Pipelined {
            self.marks.push(Mark::Pipelined);
        }
        // A byte too many is the backend's fault: the client's connection goes on.
        if self.step > first && self.errand.get(self.step - 1).quirk == Quirk::Excess {
            self.marks.push(Mark::Excess);
        }
        self.is_kept(&head, ends)
    }

    /// Hears an answer of the proxy's own: whether the connection is kept after it.
    async fn refused(&mut self, wire: &mut Wire, head: &str, body: &str) -> Result<bool, Failure> {
        check(head, &format!("HTTP/1.1 {}", &body[..4]))?;
        same(&wire.exactly(body.len()).await?, body.as_bytes())?;
        let theirs = head.contains("X-Step");
        if theirs { Err(format!("not our own: {head:?}")) } else { self.is_kept(head, false) }
    }

    /// Whether the head says that the connection is kept, which it must unless there is a reason.
    fn is_kept(&mut self, head: &str, ends: bool) -> Result<bool, Failure> {
        let old = self.errand.way == Way::Old;
        let closes = head.contains("\r\nConnection: close\r\n");
        if closes != (ends || self.says_close(self.step)) {
            return Err(format!("it closes or not: {head:?}"));
        }
        if old && !closes {
            check(head, "\r\nConnection: keep-alive\r\n")?;
            self.marks.push(Mark::OldKept);
        }
        self.step += 1;
        Ok(!closes)
    }

    /// The connection ended where an answer should be.
    fn no_answer(&self) -> Failure {
        format!("no answer to step {}", self.step)
    }

    async fn upgrade(&mut self, mut wire: Wire, head: &str, first: usize) -> Result<(), Failure> {
        self.saw(head)?;
        let on_kept = self.step > first;
        self.step += 1;
        let Last::Tunnel { bytes, early, ends } = self.errand.last else {
            check(head, "HTTP/1.1 503 ")?;
            check(head, "\r\nRetry-After: ")?;
            return wire.rest().await.map(drop);
        };
        check(head, "HTTP/1.1 101 ")?;
        check(head, "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n")?;
        let mine = tunnelled(self.number, Side::Client, bytes.client);
        let theirs = tunnelled(self.number, Side::Backend, bytes.backend);
        wire.talk(&mut self.chance, &mine[early.client..], &theirs, ends == Side::Client).await?;
        self.marks.extend(on_kept.then_some(Mark::UpgradeOnKept));
        Ok(())
    }

    /// Ends the connection: nothing more may come.
    async fn hang_up(&self, mut wire: Wire) -> Result<(), Failure> {
        // The proxy may have gone before.
        let _ = wire.shut().await;
        same(&wire.rest().await?, b"")
    }

    /// What is sent for that step.
    fn bytes(&self, step: usize) -> Vec<u8> {
        let (number, errand) = (self.number, &self.errand);
        let place = match errand.last {
            _ if step < errand.gets && errand.get(step).body.is_none() => "nowhere",
            Last::Tunnel { .. } if step == errand.gets => "ws",
            Last::Refused if step == errand.gets => "dead",
            Last::Close | Last::Leave | Last::Refused | Last::Tunnel { .. } => "http",
        };
        let version = if errand.way == Way::Old { "1.0" } else { "1.1" };
        let upload = if step < errand.gets { errand.get(step).upload } else { None };
        let method = match upload {
            None => "GET",
            Some(upload) if upload.waits => "PUT",
            Some(_) => "POST",
        };
        let line = format!("{method} /{place}/{number}/{step} HTTP/{version}\r\nHost: proxy\r\n");
        if step < errand.gets {
            let keeps = match (errand.way, self.says_close(step)) {
                (_, true) => "Connection: close\r\n",
                (Way::Old, false) => "Connection: keep-alive\r\n",
                (Way::InTurn | Way::Pipelined, false) => "",
            };
            let framing = upload.map(|it| it.framing.fields(it.length)).unwrap_or_default();
            let head = |more: &str| format!("{line}{keeps}{framing}{more}\r\n").into_bytes();
            if upload.is_some_and(|upload| upload.waits) {
                return head("Expect: 100-continue\r\n");
            }
            return [head(""), errand.upload(number, step, Side::Client)].concat();
        }
        let first = match errand.last {
            Last::Tunnel { bytes, early, .. } => {
                tunnelled(number, Side::Client, bytes.client)[..early.client].to_vec()
            }
            Last::Close | Last::Leave | Last::Refused => Vec::new(),
        };
        [line.as_bytes(), HANDSHAKE, &first].concat()
    }

    fn says_close(&self, step: usize) -> bool {
        self.errand.last == Last::Close && step + 1 == self.errand.gets
    }

    fn saw(&mut self, head: &str) -> Result<(), Failure> {
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let (_, statuses) = self.seen.last_mut().ok_or("nothing was asked")?;
        statuses.push(status.ok_or_else(|| format!("no status in {head:?}"))?);
        Ok(())
    }
}

const HANDSHAKE: &[u8] = b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
