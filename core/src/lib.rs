//! # The core of Underpass: decides, never acts
//!
//! A [`Session`] carries one client connection: it reads the client's request head, finds the rule
//! and the backend for it, asks the backend to switch protocols, and then moves bytes both ways
//! until both have ended; or it relays one ordinary HTTP exchange.
//!
//! This crate opens no socket, reads no clock, draws no random number and sees no tunnelled byte. A
//! driver asks [`Session::next_op`], does that one thing, and tells the session what came of it;
//! [`pump`] is that loop, and [`Io`] is what a driver must be able to do. The mio daemon, the
//! simulators and the fuzzers are drivers.
//!
//! ```text
//! client ─▶ 1 head ─▶ 2 route ─▶ 3 negotiate ─▶ 4 balance ─▶ (connect) ─▶ 3 negotiate ─▶ 5 tunnel ─▶ 6 report
//!           parse     which        may we ask?     which         driver       what did       counts     one line
//!           strictly  rule?        offer it        backend?      dials        they answer?   only       per end
//!                                                                             └─▶ or 5 exchange: ordinary HTTP
//! ```
//!
//! To read it, follow the bytes: [`head`] · [`route`] · [`edit`] · [`negotiate`] · [`balance`] · [`tunnel`] ·
//! [`exchange`] · [`mod@report`]; then [`session`], which hands each stage its work, and `pump.rs`.
//! [`config`] makes the [`Rules`](route::Rules) out of text; [`limits`] has every bound; [`trace`] writes
//! down what a session was told, and plays it again.
//!
//! | State | asks for | leaves when |
//! |---|---|---|
//! | `Hello` | Secure(Client) | the handshake is done; or failed or late: closed without an answer |
//! | `Request` | Flush(Client) of a refusal behind which the connection is kept, Fill(Client) | the head is whole: routed and offered, or refused |
//! | `Elect` | Elect: waits for its turn where the worker is full | a lease, or 503 |
//! | `Connect` | Connect: an idle connection, then one address after the other | up; or every address failed → `Elect` |
//! | `Secure` | Secure(Backend), within the time of the connect | the handshake is done; late → `Connect`, the next address; failed → `Elect`, or `Connect` anew if the connection was an idle one |
//! | `Offer` | Flush(Backend) | our head is out |
//! | `Answer` | the request's body both ways, Fill(Backend), Flush(Client) of interim heads | verified 101 → `Tunnel`; another final head → `Exchange`, or an answer of our own (`ProxyErrorOverride`); nonsense → 502; an idle connection that was stale → `Connect` |
//! | `Tunnel` | Confirm, then Flush of residue, Push, Shut, Pull, Watch of who has ended, Park | both directions shut; idle; half-closed; lifetime; stalled; fault |
//! | `Exchange` | Confirm, then both bodies by their framing | the response is out |
//! | `Release` | Release | at once: lease and report are given back; the connection is kept → `Request` |
//! | `Linger` | Flush(Client), Shut(Client), Fill(Client) into nothing | the client has closed, or time is up |
//! | `Closed` | – | – |
//!
//! From `Elect` to `Exchange` the client is watched besides: a connection that breaks while others are
//! waited for is missed at once, and the session is over. So is a side of a tunnel that has ended, because it
//! is read no more.
//!
//! Until a verified 101 the client is **not** read past its head (R5, R7): early bytes wait in one
//! bounded buffer, and leave only through the tunnel.
//!
//! ## A walk through
//!
//! A driver in twenty lines: both peers are plain vectors of bytes.
//!
//! ```
//! use std::num::NonZeroU32;
//! use std::task::Poll;
//! use underpass_core::balance::{Ask, Lease, NoWorker, Pool};
//! use underpass_core::config::{self, Input, Nowhere};
//! use underpass_core::head::Buffers;
//! use underpass_core::report::Report;
//! use underpass_core::route::Caller;
//! use underpass_core::time::Time;
//! use underpass_core::{Both, Call, Cx, Fault, Io, Pumped, Read, Session, Side, limits, pump};
//!
//! struct Wires { pool: Pool<()>, to_come: Both<Vec<u8>>, gone: Both<Vec<u8>> }
//!
//! fn moved(count: usize) -> Poll<Result<NonZeroU32, Fault>> {
//!     NonZeroU32::new(count as u32).map_or(Poll::Pending, |count| Poll::Ready(Ok(count)))
//! }
//!
//! impl Io for Wires {
//!     fn secure(&mut self, _: Side) -> Poll<Result<(), Fault>> { Poll::Ready(Ok(())) }
//!     fn fill(&mut self, side: Side, room: &mut [u8]) -> Poll<Result<Read, Fault>> {
//!         let bytes = std::mem::take(&mut self.to_come[side]);
//!         room[..bytes.len()].copy_from_slice(&bytes);
//!         moved(bytes.len()).map(|got| got.map(Read::Moved))
//!     }
//!     fn flush(&mut self, to: Side, bytes: &[u8]) -> Poll<Result<NonZeroU32, Fault>> {
//!         self.gone[to].extend(bytes);
//!         moved(bytes.len())
//!     }
//!     fn elect(&mut self, ask: &Ask, failed: Option<Lease>) -> Poll<Result<Lease, NoWorker>> {
//!         self.pool.elect(ask, failed, (), Time::ZERO)
//!     }
//!     fn connect(&mut self, _: Call<'_>) -> Poll<Result<(), Fault>> { Poll::Ready(Ok(())) }
//!     fn confirm(&mut self, lease: &mut Lease) { self.pool.confirm(lease) }
//!     fn release(&mut self, lease: Option<Lease>, report: &Report) {
//!         self.pool.release(lease, (), report);
//!         println!("{}", report.close)
//!     }
//!     fn pull(&mut self, _: Side, _: u64) -> Poll<Result<Read, Fault>> { Poll::Pending }
//!     fn push(&mut self, _: Side) -> Poll<Result<NonZeroU32, Fault>> { Poll::Pending }
//!     fn shut(&mut self, _: Side) -> Poll<Result<(), Fault>> { Poll::Ready(Ok(())) }
//!     fn park(&mut self) {}
//!     fn watch(&mut self, _: Side) -> Poll<Fault> { Poll::Pending }
//! }
//!
//! // The rules, from two lines of configuration.
//! let line = |text: &str| Input::Line { name: "-C".into(), text: text.into() };
//! let lines = [line("Listen 127.0.0.1:0"), line(r#"ProxyPass "/ws/" "ws://127.0.0.1:9000/""#)];
//! let rules = config::load(&mut Nowhere, &lines, &[]).expect("the lines are good").rules;
//!
//! // A browser asks, and sends its first bytes at once.
//! let mut wires = Wires {
//!     pool: Pool::new(&rules, limits::PENDING),
//!     to_come: Both::default(),
//!     gone: Both::default(),
//! };
//! wires.to_come.client = b"GET /ws/chat HTTP/1.1\r\nHost: app.example\r\n\
//!     Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
//!     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nearly".to_vec();
//! let mut buffers = Buffers::default();
//! let mut session = Session::new(Caller::at_main([127, 0, 0, 1]), &rules, Time::ZERO);
//! let mut turn = |wires: &mut Wires| {
//!     let mut cx = Cx { now: Time::ZERO, rules: &rules, buffers: &mut buffers };
//!     let pumped = pump(&mut session, wires, &mut cx, limits::BUDGET);
//!     assert!(matches!(pumped, Pumped::Waiting(_)));
//!     session.is_tunnel()
//! };
//!
//! // The backend is asked, and sees nothing of the early bytes.
//! assert!(!turn(&mut wires));
//! assert!(wires.gone.backend.starts_with(b"GET /chat HTTP/1.1\r\nHost: 127.0.0.1:9000\r\n"));
//! assert!(wires.gone.backend.ends_with(b"\r\n\r\n"));
//!
//! // It switches, with the proof that it understood: only now the early bytes go on.
//! wires.to_come.backend = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
//!     Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n".to_vec();
//! assert!(turn(&mut wires));
//! assert!(wires.gone.backend.ends_with(b"\r\n\r\nearly"));
//! assert!(wires.gone.client.starts_with(b"HTTP/1.1 101 "));
//! ```

#![forbid(unsafe_code)]

pub mod balance;
pub mod config;
pub mod edit;
pub mod exchange;
pub mod head;
pub mod io;
pub mod limits;
pub mod negotiate;
pub mod op;
mod pump;
pub mod report;
pub mod route;
pub mod session;
pub mod side;
pub mod time;
pub mod trace;
pub mod tunnel;

pub use io::{Call, Io};
pub use op::{Dial, Fault, Op, OpSet, Read};
pub use pump::{Pumped, pump};
pub use session::{Cx, Session};
pub use side::{Both, Side};
