//! What the benches share: rules, sample heads, a driver that does nothing at no cost, an [`election`] and large
//! [`texts`]; and what the measuring tools share: their [`arguments`], a [`daemon`], its peers' end of a [`wire`], a [`mix`] of
//! requests, and a [`pattern`] to send.

#![forbid(unsafe_code)]

pub mod arguments;
pub mod compare;
pub mod daemon;
pub mod election;
pub mod mix;
pub mod pattern;
pub mod texts;
pub mod wire;

use std::num::NonZeroU32;
use std::task::Poll;

use underpass_core::balance::{Ask, Lease, NoWorker, Pool};
use underpass_core::config::{self, Input};
use underpass_core::head::Buffers;
use underpass_core::limits::{BUDGET, PENDING};
use underpass_core::report::Report;
use underpass_core::route::{Caller, Rules};
use underpass_core::time::Time;
use underpass_core::trace::{self, Event, Tape};
use underpass_core::{Both, Call, Cx, Dial, Fault, Io, Pumped, Read, Session, Side, pump};

/// What a browser sends to open a WebSocket.
pub const BROWSER: &[u8] = b"GET /ws/chat?room=lobby HTTP/1.1\r\n\
    Host: app.example\r\n\
    Connection: Upgrade\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/146.0.0.0 Safari/537.36\r\n\
    Upgrade: websocket\r\n\
    Origin: https://app.example\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n\
    Cookie: session=4f9c6b1e7a8d4c2f9b3e5d7a1c8f6e2b; theme=dark; consent=1\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";

/// What a backend answers.
pub const SWITCH: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    Date: Sun, 22 Nov 2026 12:00:00 GMT\r\n\r\n";

/// What a browser asks for in between.
pub const GET: &[u8] = b"GET /api/rooms?page=2 HTTP/1.1\r\n\
    Host: app.example\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/146.0.0.0 Safari/537.36\r\n\
    Accept: application/json\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n\
    Cookie: session=4f9c6b1e7a8d4c2f9b3e5d7a1c8f6e2b; theme=dark; consent=1\r\n\r\n";

/// What a backend answers to that.
pub const ROOMS: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Content-Type: application/json\r\n\
    Date: Sun, 22 Nov 2026 12:00:00 GMT\r\n\
    Content-Length: 29\r\n\r\n\
    {\"rooms\":[\"lobby\",\"kitchen\"]}";

/// Bytes of a message.
pub const MESSAGE: NonZeroU32 = NonZeroU32::new(64).expect("64 is not zero");

/// Four rules, the last of which matches [`BROWSER`].
///
/// # Panics
///
/// Never: the lines are good.
pub fn rules() -> Rules {
    const LINES: [&str; 6] = [
        "Listen 80",
        "MaxKeepAliveRequests 0",
        "ProxyPass /static !",
        "ProxyPass /api/ http://api.internal:8080/",
        "ProxyPass /events/ ws://events.internal:9001/",
        "ProxyPass /ws/ ws://chat.internal:9000/",
    ];
    let inputs = LINES.map(|text| Input::Line { name: "bench".into(), text: text.into() });
    config::load(&mut config::Nowhere, &inputs, &[]).expect("the lines are good").rules
}

/// A loop with one session, whose legs cost nothing.
#[derive(Debug)]
pub struct Bench<'r> {
    rules: &'r Rules,
    buffers: Buffers,
    null: Null,
    /// What is recorded, if anything is.
    tape: Option<Tape>,
}

impl<'r> Bench<'r> {
    /// A loop under those rules.
    pub fn new(rules: &'r Rules) -> Self {
        Self {
            rules,
            buffers: Buffers::default(),
            null: Null::new(Pool::new(rules, PENDING)),
            tape: None,
        }
    }

    /// Such a loop, whose session is recorded.
    pub fn recording(rules: &'r Rules) -> Self {
        Self { tape: Some(Tape::new(rules)), ..Self::new(rules) }
    }

    /// What was recorded since the last time: what a driver takes behind every turn.
    pub fn take_events(&mut self) -> Vec<Event> {
        self.tape.as_mut().map(Tape::take).unwrap_or_default()
    }

    /// A session that has just been accepted; if sessions are recorded, its tape is the next one.
    pub fn accept(&mut self) -> Session {
        self.tape = self.tape.take().map(|_| Tape::new(self.rules));
        Session::new(Caller::at_main([192, 0, 2, 1]), self.rules, Time::ZERO)
    }

    /// Opens a tunnel: in one turn, because both heads are there.
    pub fn open(&mut self, session: &mut Session) {
        self.null.heads = Both { client: BROWSER, backend: SWITCH };
        let pumped = self.turn(session);
        debug_assert!(session.is_tunnel(), "{pumped:?} in {}", session.state());
    }

    /// A GET and its answer, in one turn; both connections are kept for the next.
    pub fn exchange(&mut self, session: &mut Session) {
        self.null.heads = Both { client: GET, backend: ROOMS };
        let pumped = self.turn(session);
        debug_assert!(matches!(pumped, Pumped::Waiting(_)), "{pumped:?} in {}", session.state());
        debug_assert_eq!(session.state(), "Request", "the connection is not kept");
        debug_assert!(self.null.kept, "the backend's connection is not kept");
    }

    /// A message from each side to the other.
    pub fn echo(&mut self, session: &mut Session) {
        self.null.messages = Both { client: true, backend: true };
        let pumped = self.turn(session);
        debug_assert!(matches!(pumped, Pumped::Waiting(_)), "the tunnel ended");
    }

    /// The end of both directions, or of a client's connection that was kept.
    pub fn close(&mut self, session: &mut Session) {
        self.null.ended = true;
        let pumped = self.turn(session);
        debug_assert_eq!(pumped, Pumped::Closed, "in {}", session.state());
        self.null.ended = false;
    }

    fn turn(&mut self, session: &mut Session) -> Pumped {
        let mut cx = Cx { now: Time::ZERO, rules: self.rules, buffers: &mut self.buffers };
        match &mut self.tape {
            None => pump(session, &mut self.null, &mut cx, BUDGET),
            Some(tape) => trace::pump(session, &mut self.null, &mut cx, BUDGET, tape),
        }
    }
}

/// A driver that says at once what is there, and forgets it.
#[derive(Debug)]
struct Null {
    pool: Pool<()>,
    /// What is still to come of each side's head.
    heads: Both<&'static [u8]>,
    /// Whether a message comes from each side.
    messages: Both<bool>,
    /// Whether both sides have ended.
    ended: bool,
    /// Whether the backend's connection was kept after the last exchange.
    kept: bool,
}

impl Null {
    fn new(pool: Pool<()>) -> Self {
        let (heads, messages) = (Both::default(), Both::default());
        Self { pool, heads, messages, ended: false, kept: false }
    }
}

fn moved(count: usize) -> Poll<Result<NonZeroU32, Fault>> {
    NonZeroU32::new(count as u32).map_or(Poll::Pending, |count| Poll::Ready(Ok(count)))
}

impl Io for Null {
    fn secure(&mut self, _: Side) -> Poll<Result<(), Fault>> {
        Poll::Ready(Ok(()))
    }

    fn fill(&mut self, side: Side, room: &mut [u8]) -> Poll<Result<Read, Fault>> {
        let head = std::mem::take(&mut self.heads[side]);
        if head.is_empty() && self.ended {
            return Poll::Ready(Ok(Read::Eof));
        }
        room[..head.len()].copy_from_slice(head);
        moved(head.len()).map_ok(Read::Moved)
    }

    fn flush(&mut self, _: Side, bytes: &[u8]) -> Poll<Result<NonZeroU32, Fault>> {
        moved(bytes.len())
    }

    fn elect(&mut self, ask: &Ask, failed: Option<Lease>) -> Poll<Result<Lease, NoWorker>> {
        self.pool.elect(ask, failed, (), Time::ZERO)
    }

    fn connect(&mut self, call: Call<'_>) -> Poll<Result<(), Fault>> {
        // There is an idle connection once there has been an exchange.
        let missing = call.dial == Dial::Idle && !self.kept;
        Poll::Ready(if missing { Err(Fault::Exhausted) } else { Ok(()) })
    }

    fn confirm(&mut self, lease: &mut Lease) {
        self.pool.confirm(lease);
    }

    fn release(&mut self, lease: Option<Lease>, report: &Report) {
        self.kept = report.reusable;
        self.pool.release(lease, (), report);
    }

    fn pull(&mut self, from: Side, _: u64) -> Poll<Result<Read, Fault>> {
        match (std::mem::take(&mut self.messages[from]), self.ended) {
            (true, _) => Poll::Ready(Ok(Read::Moved(MESSAGE))),
            (false, true) => Poll::Ready(Ok(Read::Eof)),
            (false, false) => Poll::Pending,
        }
    }

    fn push(&mut self, _: Side) -> Poll<Result<NonZeroU32, Fault>> {
        Poll::Ready(Ok(MESSAGE))
    }

    fn shut(&mut self, _: Side) -> Poll<Result<(), Fault>> {
        Poll::Ready(Ok(()))
    }

    fn park(&mut self) {}

    fn watch(&mut self, _: Side) -> Poll<Fault> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_is_what_happens() {
        let rules = rules();
        let mut bench = Bench::new(&rules);
        let mut session = bench.accept();
        bench.open(&mut session);
        assert!(session.is_tunnel());
        bench.echo(&mut session);
        let pushed = session.flows().iter().map(|flow| flow.pushed()).collect::<Vec<_>>();
        assert_eq!(pushed, [u64::from(MESSAGE.get()); 2]);
        bench.close(&mut session);
        assert!(session.is_closed());
        assert_eq!((bench.buffers.leased(), bench.null.pool.busy()), (0, 0));
    }

    /// A turn, its ops and its end.
    #[test]
    fn what_is_measured_is_recorded() {
        let rules = rules();
        let mut bench = Bench::recording(&rules);
        let mut session = bench.accept();
        bench.open(&mut session);
        assert!(bench.take_events().len() > 10);
        bench.echo(&mut session);
        assert_eq!(bench.take_events().len(), 9);
        bench.close(&mut session);
        assert!(bench.take_events().iter().any(|event| event.report().is_some()));
    }

    #[test]
    fn connections_are_kept_where_that_is_measured() {
        let rules = rules();
        let mut bench = Bench::new(&rules);
        let mut session = bench.accept();
        for _ in 0..1_000 {
            bench.exchange(&mut session);
        }
        assert!(bench.null.kept && !session.is_closed());
        bench.close(&mut session);
        assert!(session.is_closed());
        assert_eq!((bench.buffers.leased(), bench.null.pool.busy()), (0, 0));
    }
}
