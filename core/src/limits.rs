//! Every bound, and what relates one to another.

use crate::head::BadHeader;
use crate::time::{Time, Wait};

/// Bytes of one leased buffer. A head that needs more makes its buffer grow, up to [`HEAD_MOST`].
pub const BUFFER: usize = 8 * 1024;

/// Bytes of one head, start line and all fields together (R32, R31).
pub const HEAD_MOST: usize = 64 * 1024;

/// Bytes of a request, head and body together, that are kept until it is answered, so that it can be sent once more:
/// what one buffer holds.
pub const REPLAY_MOST: usize = BUFFER;

/// Fields of one head that a configuration may allow: they are parsed into an array of this size (R32).
pub const FIELDS_MOST: usize = 256;

/// The greatest Content-Length (R21): every implementation behind us can hold it.
pub const LENGTH_MOST: u64 = i64::MAX as u64;

/// Bytes of one chunk-size line with its extensions, and of one trailer section (R24, R25).
pub const CHUNK_LINE_MOST: usize = 4 * 1024;

/// Interim (1xx) responses of one exchange, as httpd allows (R37).
pub const INTERIM_MOST: u8 = 10;

/// Addresses of one worker that one request dials.
pub const ADDRESSES_MOST: u8 = 8;

/// Addresses of one member that serve each for itself (`addresses=all`).
pub const SEATS_MOST: usize = 256;

/// Turns of [`pump`](crate::pump) that one session takes before others have theirs.
pub const BUDGET: u32 = 32;

/// Bytes that one pull may move: the size of a driver's scratch buffer.
pub const PULL_MOST: u32 = 64 * 1024;

/// Handshakes that may be under way at once: in all, per worker and per client address (R53).
pub const PENDING: Pending = Pending { total: 8_192, worker: 4_096, client: 2_048 };

/// How long a client is told to wait when [`PENDING`] is reached and nothing better is known.
pub const RETRY_AFTER: Wait = Wait::from_secs(1);

/// Idle connections that one loop keeps to one worker that does not say (`smax=`).
pub const IDLE_MOST: usize = 32;

/// Idle connections to one worker that a configuration may have each loop keep.
pub const IDLE_CAP: usize = 65_535;

/// How long a connection to a worker is kept idle that does not say (`ttl=`): shorter than what most
/// backends grant.
pub const IDLE_TTL: Wait = Wait::from_secs(30);

/// How long, and for how many bytes, a client that we have finished with may still send: closing
/// on unread bytes would make its kernel throw our last words away.
pub const LINGER: Wait = Wait::from_secs(2);
/// See [`LINGER`].
pub const LINGER_MOST: u32 = 256 * 1024;

/// Bytes of a body, or of a WebSocket, that a check reads at the most.
pub const CHECK_BODY_MOST: u64 = 16 * 1024;
/// Bytes of the file of heartbeats: some twenty thousand servers.
pub const HEARTBEATS_MOST: usize = 1024 * 1024;

const _: () = assert!(BUFFER <= HEAD_MOST, "a fresh buffer already fits the largest head");
const _: () = assert!(CHUNK_LINE_MOST <= BUFFER, "a chunk line fits one buffer");
const _: () = assert!(IDLE_MOST <= IDLE_CAP, "the default is allowed");
const _: () = assert!(PENDING.client <= PENDING.worker && PENDING.worker <= PENDING.total);

/// How many handshakes may be under way at once (R53).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pending {
    /// Over all workers.
    pub total: u32,
    /// With one worker.
    pub worker: u32,
    /// From one client address.
    pub client: u32,
}

/// What a client's head and body may be, and how long they may take: copied from the configuration.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Bytes of the request line, without its end (`LimitRequestLine`).
    pub line: u32,
    /// Bytes of one field line, without its end (`LimitRequestFieldSize`).
    pub field: u32,
    /// Fields of one head (`LimitRequestFields`), at most [`FIELDS_MOST`].
    pub fields: u32,
    /// What becomes of a line without a colon; a client's is always an error.
    pub bad_header: BadHeader,
    /// How long the TLS handshake may take (R50). One time and no rate: core does not see its bytes.
    pub handshake: Wait,
    /// How long the request head may take, from the end of the handshake (R50).
    pub head: Pace,
    /// How long the request body may take (R50).
    pub body: Pace,
    /// Bytes of the request body (`LimitRequestBody`); [`u64::MAX`] = no limit.
    pub body_most: u64,
    /// How long a client may be silent between two requests (`KeepAliveTimeout`).
    pub keep_alive: Wait,
    /// How many requests one connection may carry (`MaxKeepAliveRequests`); 1 = `KeepAlive Off`.
    pub requests: u32,
}

impl Limits {
    /// What a response head may be where nothing is said: httpd's `responsefieldsize=` and the widest count.
    pub const RESPONSE: Self =
        Self { line: 8192, field: 8192, fields: FIELDS_MOST as u32, ..Self::DEFAULT };

    /// The defaults of httpd, except for the handshake's.
    pub const DEFAULT: Self = Self {
        line: 8190,
        field: 8190,
        fields: 100,
        bad_header: BadHeader::IsError,
        // httpd's own is 0, without end: its workers are held by a handshake that nobody finishes.
        handshake: Wait::from_secs(20),
        head: Pace { first: Wait::from_secs(20), most: Wait::from_secs(40), rate: 500 },
        body: Pace { first: Wait::from_secs(20), most: Wait::FOREVER, rate: 500 },
        // httpd's manual: the limit of 1 GiB does not apply to what is forwarded.
        body_most: u64::MAX,
        keep_alive: Wait::from_secs(5),
        requests: 100,
    };
}

/// A deadline that bytes push back: `RequestReadTimeout header=20-40,MinRate=500` (R50).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pace {
    /// How long it may take with no byte at all; [`Wait::FOREVER`] switches the clock off.
    pub first: Wait,
    /// How long it may take however many bytes come.
    pub most: Wait,
    /// Bytes that buy one second more; 0 = bytes buy nothing.
    pub rate: u32,
}

impl Pace {
    /// No deadline.
    pub const OFF: Self = Self { first: Wait::FOREVER, most: Wait::FOREVER, rate: 0 };

    /// The moment by which what began at `start` must be over, after `bytes` have come.
    pub fn deadline(&self, start: Time, bytes: u64) -> Time {
        let earned = match self.rate {
            0 => Wait::ZERO,
            rate => Wait::from_secs(bytes / u64::from(rate)),
        };
        start.after(self.first.plus(earned).min(self.most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::Manner;

    /// httpd's manual of `responsefieldsize=`, and of `LimitRequestLine`, `LimitRequestFieldSize` and
    /// `LimitRequestFields`.
    #[test]
    fn a_response_may_have_longer_lines_and_more_fields_than_a_request() {
        let counts = |limits: Limits| (limits.line, limits.field, limits.fields);
        assert_eq!(counts(Limits::RESPONSE), (8192, 8192, 256));
        assert_eq!(counts(Limits::DEFAULT), (8190, 8190, 100));
        let manner = Manner { response_line: 300, ..Manner::DEFAULT };
        assert_eq!(counts(manner.response_limits(BadHeader::Ignore)), (300, 300, 256));
    }

    /// R50: the deadline is absolute, a minimum rate pushes it back, and only so far.
    #[test]
    fn bytes_push_the_deadline_back_up_to_the_most() {
        let pace = Limits::DEFAULT.head;
        let at = |bytes| pace.deadline(Time::ZERO, bytes).since(Time::ZERO);
        assert_eq!(at(0), Wait::from_secs(20));
        assert_eq!(at(499), Wait::from_secs(20));
        assert_eq!(at(5_000), Wait::from_secs(30));
        assert_eq!(at(1_000_000), Wait::from_secs(40));
    }

    #[test]
    fn a_clock_that_is_off_never_rings() {
        assert_eq!(Pace::OFF.deadline(Time::from_micros(7), 123).deadline(), None);
    }
}
