//! Stage 4 of 6 · one check of a member: what is sent to it, and what its answer says.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Fault;
use crate::head::{BadHead, BadHeader, Framing, Response, Scan, slots};
use crate::limits::{ADDRESSES_MOST, CHECK_BODY_MOST, INTERIM_MOST, Limits};
use crate::negotiate::offer::{Handshake, WEBSOCKET};
use crate::negotiate::{Answer, Nonsense, Offer, judge};
use crate::route::check::{CheckMethod, Verb};
use crate::route::{Check, Member};
use crate::time::{Time, Wait};

/// One check, over one connection. A driver dials [`address`](Self::address), sends what there is
/// [`to_send`](Self::to_send), and tells what came of it, until it is told how the check has ended; then it
/// closes the connection. Whatever comes, it ends by its [`deadline`](Self::deadline) and after a bounded
/// number of bytes.
#[derive(Debug)]
pub struct Probe<'r> {
    check: &'r Check,
    offer: Offer,
    limits: Limits,
    /// How long dialling an address may take, and each step behind it.
    waits: [Wait; 2],
    deadline: Time,
    stage: Stage,
    /// What the address before this one has come to.
    before: Option<Trouble>,
    unsent: Vec<u8>,
    /// What has come and is not yet understood.
    heard: Vec<u8>,
    scan: Scan,
    interims: u8,
    mask: [u8; 4],
}

/// How a check has ended: well, or why not.
pub type Outcome = Result<(), Trouble>;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    /// The address of that number is being dialled.
    Dial(u8),
    Answer,
    /// So many bytes of a good answer's body are due.
    Body(u64),
    /// The handshake is verified: whatever comes, the check is passed. So many bytes of frames have been
    /// read since.
    Close(u64),
}

/// Why a check has failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Trouble {
    /// The connection.
    Broke(Fault),
    /// It has ended before the answer was whole.
    Ended,
    /// What came is no HTTP.
    Head(BadHead),
    /// More interim answers than anybody needs (R37).
    Interims,
    /// Nothing came in time.
    Late,
    /// It switched, and not as it should.
    Nonsense(Nonsense),
    /// The status says so.
    Status(u16),
}

impl<'r> Probe<'r> {
    /// A check of that member, whose connection begins to be dialled now; the head of its answer may be what
    /// requests take. The `chance` must be drawn anew for each: a handshake's key and mask are made of it
    /// (RFC 6455 §4.1, §5.3).
    pub fn new(
        member: &Member,
        check: &'r Check,
        bad_header: BadHeader,
        chance: [u8; 20],
        now: Time,
    ) -> Self {
        let (mut key, mut mask) = ([0; 16], [0; 4]);
        key.copy_from_slice(&chance[..16]);
        mask.copy_from_slice(&chance[16..]);
        let key = STANDARD.encode(key);
        let offer = match check.method {
            CheckMethod::Tcp | CheckMethod::Http { .. } => Offer::None,
            CheckMethod::WebSocket => {
                Offer::WebSocket(Handshake::of(key.as_bytes(), std::iter::empty()))
            }
        };
        let manner = &member.manner;
        Self {
            check,
            offer,
            limits: manner.response_limits(bad_header),
            waits: [manner.connect, manner.answer],
            deadline: now.after(manner.connect),
            stage: Stage::Dial(0),
            before: None,
            unsent: request(check, &member.target.authority(), &key),
            heard: Vec::new(),
            scan: Scan::default(),
            interims: 0,
            mask,
        }
    }

    /// The connection is up.
    pub fn connected(&mut self, now: Time) -> Option<Outcome> {
        debug_assert!(self.address().is_some(), "connected twice");
        self.stage = Stage::Answer;
        self.deadline = now.after(self.waits[1]);
        (self.check.method == CheckMethod::Tcp).then_some(Ok(()))
    }

    /// So many bytes of [`to_send`](Self::to_send) were sent.
    pub fn sent(&mut self, count: usize) {
        self.unsent.drain(..count);
    }

    /// These bytes have come.
    pub fn heard(&mut self, bytes: &[u8], now: Time) -> Option<Outcome> {
        self.heard.extend(bytes);
        while self.stage == Stage::Answer {
            match self.scan.find(&self.heard, &self.limits) {
                Ok(None) => return None,
                Ok(Some(head)) => {
                    if let Err(trouble) = self.take(head, now) {
                        return Some(Err(trouble));
                    }
                }
                Err(bad) => return Some(Err(Trouble::Head(bad))),
            }
        }
        self.verdict()
    }

    /// The other end has ended: its last line may still be one that begins the body.
    pub fn ended(&mut self, now: Time) -> Option<Outcome> {
        let is_due = self.stage == Stage::Answer;
        let head = self.scan.find_last(&self.heard, &self.limits).filter(|_| is_due);
        let verdict = head.and_then(|head| match self.take(head, now) {
            Ok(()) => self.verdict(),
            Err(trouble) => Some(Err(trouble)),
        });
        verdict.or_else(|| self.trouble(Trouble::Ended, now))
    }

    /// The connection has failed, or dialling it has: then there may be another [`address`](Self::address).
    pub fn broke(&mut self, fault: Fault, now: Time) -> Option<Outcome> {
        self.trouble(Trouble::Broke(fault), now)
    }

    /// Its [`deadline`](Self::deadline) has come; as if the connection had failed.
    pub fn late(&mut self, now: Time) -> Option<Outcome> {
        self.trouble(Trouble::Late, now)
    }

    /// What is to be sent, once the connection is up.
    pub fn to_send(&self) -> &[u8] {
        if self.address().is_some() { &[] } else { &self.unsent }
    }

    /// The number of the address to be dialled, until the connection is up. A worker that has no such
    /// address has [broken](Self::broke) by [`Fault::Exhausted`].
    pub const fn address(&self) -> Option<u8> {
        if let Stage::Dial(number) = self.stage { Some(number) } else { None }
    }

    /// When it is [`late`](Self::late): `connectiontimeout=` after an address was dialled, `timeout=` after it
    /// was connected, and again after a handshake.
    pub const fn deadline(&self) -> Time {
        self.deadline
    }

    /// Takes a head, as a session takes it.
    fn take(&mut self, head: Range<usize>, now: Time) -> Result<(), Trouble> {
        let (end, mut slots) = (head.end, slots());
        let bytes = self.limits.bad_header.mend(&self.heard[head]);
        let response = Response::parse(&bytes, &mut slots).map_err(Trouble::Head)?;
        if matches!(bytes, Cow::Owned(_)) && response.is_interim() {
            return Err(Trouble::Head(BadHead::Syntax));
        }
        match judge(&self.offer, self.unsent.is_empty(), &response).map_err(Trouble::Nonsense)? {
            Answer::Interim if self.interims == INTERIM_MOST => return Err(Trouble::Interims),
            Answer::Interim => self.interims += 1,
            Answer::Final => self.stage = Stage::Body(self.read_on(&response)?),
            Answer::Switch => {
                self.stage = Stage::Close(0);
                self.deadline = now.after(self.waits[1]);
                self.unsent = close(self.mask);
            }
        }
        self.heard.drain(..end);
        self.scan = Scan::default();
        Ok(())
    }

    /// What has come behind the heads says, if that is enough.
    fn verdict(&mut self) -> Option<Outcome> {
        match self.stage {
            Stage::Dial(_) | Stage::Answer => None,
            Stage::Body(length) => (self.heard.len() as u64 >= length).then_some(Ok(())),
            Stage::Close(read) => self.is_closed(read).then_some(Ok(())),
        }
    }

    /// How much of the body is waited for: a small one, so that whoever sends it is not broken off.
    fn read_on(&self, response: &Response<'_, '_>) -> Result<u64, Trouble> {
        let CheckMethod::Http { verb, .. } = self.check.method else {
            return Err(Trouble::Status(response.status));
        };
        if !self.check.accepts(response.status) {
            return Err(Trouble::Status(response.status));
        }
        Ok(match response.framing(verb == Verb::Head) {
            Framing::Length(length) if length <= CHECK_BODY_MOST => length,
            Framing::None | Framing::Length(_) | Framing::Chunked | Framing::Close => 0,
        })
    }

    /// Whether a Close has come, or more before it than is read.
    fn is_closed(&mut self, mut read: u64) -> bool {
        while let Some((is_close, length)) = frame(&self.heard) {
            if is_close {
                return true;
            }
            if self.heard.len() < length {
                break;
            }
            self.heard.drain(..length);
            read += length as u64;
        }
        self.stage = Stage::Close(read);
        read + self.heard.len() as u64 > CHECK_BODY_MOST
    }

    /// What that comes to: who is dialled may be reached by another address, and who has proved that it
    /// switches need prove nothing more.
    fn trouble(&mut self, trouble: Trouble, now: Time) -> Option<Outcome> {
        match self.stage {
            Stage::Dial(number) => self.next_address(number, trouble, now).map(Err),
            Stage::Answer | Stage::Body(_) => Some(Err(trouble)),
            Stage::Close(_) => Some(Ok(())),
        }
    }

    /// Goes to the next address, if another may help; as a session does.
    fn next_address(&mut self, number: u8, trouble: Trouble, now: Time) -> Option<Trouble> {
        let is_last = matches!(
            trouble,
            Trouble::Broke(Fault::Exhausted | Fault::Unresolved | Fault::Resources)
        );
        if is_last || number + 1 >= ADDRESSES_MOST {
            // What the last address that there is has come to tells more than that there is no other.
            let is_empty = trouble == Trouble::Broke(Fault::Exhausted);
            return self.before.filter(|_| is_empty).or(Some(trouble));
        }
        self.before = Some(trouble);
        self.stage = Stage::Dial(number + 1);
        self.deadline = now.after(self.waits[0]);
        None
    }
}

/// What is asked: `Host`, and what a handshake needs, are all its fields.
fn request(check: &Check, host: &str, key: &str) -> Vec<u8> {
    let (verb, version, handshake) = match check.method {
        CheckMethod::Tcp => return Vec::new(),
        CheckMethod::Http { verb, is_11 } => {
            (verb.as_str(), if is_11 { "1.1" } else { "1.0" }, String::new())
        }
        CheckMethod::WebSocket => {
            let fields = format!(
                "Connection: Upgrade\r\nUpgrade: {WEBSOCKET}\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
            );
            ("GET", "1.1", fields)
        }
    };
    let uri = &check.uri;
    format!("{verb} {uri} HTTP/{version}\r\nHost: {host}\r\n{handshake}\r\n").into_bytes()
}

/// A Close with the status 1000, masked as a client's (RFC 6455 §5.5.1, §7.4.1).
fn close(mask: [u8; 4]) -> Vec<u8> {
    let [high, low] = 1000_u16.to_be_bytes();
    let [first, second, third, fourth] = mask;
    vec![0x88, 0x82, first, second, third, fourth, high ^ first, low ^ second]
}

/// Whether the first frame is a Close, and its length with its head, once that is known (RFC 6455 §5.2).
/// Servers do not mask.
fn frame(bytes: &[u8]) -> Option<(bool, usize)> {
    let number = |digits: &[u8]| {
        digits.iter().fold(0_usize, |sum, &digit| sum.saturating_mul(256) | usize::from(digit))
    };
    let (head, length) = match *bytes.get(1)? & 0x7F {
        126 => (4, number(bytes.get(2..4)?)),
        127 => (10, number(bytes.get(2..10)?)),
        short => (2, usize::from(short)),
    };
    Some((bytes[0] & 0x0F == 8, length.saturating_add(head)))
}

impl Trouble {
    /// Whether it is ours, and says nothing of the member.
    pub(super) fn is_ours(self) -> bool {
        self == Self::Broke(Fault::Resources)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broke(fault) => fault.fmt(f),
            Self::Ended => f.write_str("it ended before its answer was whole"),
            Self::Head(bad) => bad.fmt(f),
            Self::Interims => f.write_str("too many interim answers"),
            Self::Late => f.write_str("it did not answer in time"),
            Self::Nonsense(nonsense) => nonsense.fmt(f),
            Self::Status(status) => write!(f, "it answered {status}"),
        }
    }
}

#[cfg(test)]
mod tests;
