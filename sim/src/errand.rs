//! What a client comes for: known to both ends, and drawn from the seed.

use underpass_core::{Both, Side};

use crate::rng::Rng;

/// What one client comes for: some exchanges, one after the other, and then perhaps an upgrade.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Errand {
    /// How many exchanges.
    pub gets: usize,
    /// How they are asked for.
    pub way: Way,
    /// What comes after them.
    pub last: Last,
    /// What the exchanges are drawn from.
    chance: u64,
}

/// How a client asks for several things.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way {
    /// The next thing once the answer to the last one is there.
    InTurn,
    /// The same, by HTTP/1.0.
    Old,
    /// All at once.
    Pipelined,
}

/// What comes after the exchanges.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Last {
    /// The client leaves.
    Leave,
    /// It says with its last request that it will leave.
    Close,
    /// A tunnel to a worker that refuses to be connected to.
    Refused,
    /// A tunnel.
    Tunnel {
        /// How many bytes come from each side.
        bytes: Both<usize>,
        /// How many of each side's bytes stand right behind its head.
        early: Both<usize>,
        /// The side that ends first. The other one keeps bytes back until it has seen that end.
        ends: Side,
    },
}

/// One exchange.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Get {
    /// How the end of the response's body is found; there is no rule for the request if it is none.
    pub body: Option<Body>,
    /// How many bytes the body has.
    pub length: usize,
    /// The request has a body of as many bytes, which waits until it is told to come.
    pub waits: bool,
    /// What the backend does after it.
    pub quirk: Quirk,
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

/// What a backend does behind a response.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Quirk {
    /// It waits for the next request.
    None,
    /// It said that it would close, and closes.
    Closes,
    /// It sends one byte more.
    Excess,
    /// Its response was an error, and it closes without a word.
    Fails,
    /// It closes without a word: when the next request comes if so, else at once.
    Stale(bool),
}

/// Why an errand failed; in words, for whoever reads the report of a failed seed.
pub type Failure = String;

impl Errand {
    /// One errand, by chance.
    pub fn draw(chance: &mut Rng) -> Self {
        let way = [Way::InTurn, Way::InTurn, Way::Old, Way::Pipelined][chance.below(4)];
        let last = match chance.below(8) {
            0 => Last::Refused,
            1 | 2 => Last::Leave,
            3 => Last::Close,
            _ => {
                let bytes = Both::from_fn(|_| chance.piece(MOST));
                let early = Both::from_fn(|side| chance.below(bytes[side].min(EARLY) + 1));
                Last::Tunnel { bytes, early, ends: Side::BOTH[chance.below(2)] }
            }
        };
        let leaves = way == Way::Old || matches!(last, Last::Leave | Last::Close);
        let gets = chance.below(5) + usize::from(leaves);
        let last = if way == Way::Old && last != Last::Leave { Last::Close } else { last };
        Self { gets, way, last, chance: chance.draw() }
    }

    /// The exchange of that number.
    pub fn get(&self, step: usize) -> Get {
        let mut chance = Rng::of(self.chance, "get", step as u64);
        let body = match chance.below(8) {
            0 => None,
            1 => Some(Body::Close),
            // What speaks HTTP/1.0 reads no chunks.
            2..=4 if self.way != Way::Old => Some(Body::Chunks),
            _ => Some(Body::Length),
        };
        let quirk = match chance.below(10) {
            0 => Quirk::Excess,
            1 => Quirk::Closes,
            2 => Quirk::Stale(false),
            3 => Quirk::Stale(true),
            4 => Quirk::Fails,
            _ => Quirk::None,
        };
        let waits = self.way == Way::InTurn && body.is_some() && chance.one_in(4);
        Get { body, length: chance.piece(MOST), waits, quirk }
    }

    /// How many requests there are.
    pub fn steps(&self) -> usize {
        self.gets + usize::from(matches!(self.last, Last::Refused | Last::Tunnel { .. }))
    }

    /// The body of the request of that number, if it waits.
    pub fn waiting(&self, number: usize, step: usize) -> Vec<u8> {
        pattern(number * STEPS + 1 + step, Side::Client, self.get(step).length)
    }

    /// The body of the exchange of that number, as it stands on the wire.
    pub fn body(&self, number: usize, step: usize) -> Vec<u8> {
        let get = self.get(step);
        let bytes = pattern(number * STEPS + 1 + step, Side::Backend, get.length);
        if get.body == Some(Body::Chunks) { chunks(&bytes) } else { bytes }
    }
}

impl Body {
    /// The fields that announce a body of so many bytes.
    pub fn fields(self, length: usize) -> String {
        match self {
            Self::Chunks => "Transfer-Encoding: chunked\r\n".to_owned(),
            Self::Close => String::new(),
            Self::Length => format!("Content-Length: {length}\r\n"),
        }
    }
}

fn chunks(bytes: &[u8]) -> Vec<u8> {
    let mut wire: Vec<u8> = Vec::new();
    for chunk in bytes.chunks(1_000) {
        let size = format!("{:x}\r\n", chunk.len());
        wire.extend([size.as_bytes(), chunk, b"\r\n"].concat());
    }
    wire.extend(b"0\r\n\r\n");
    wire
}

/// The bytes that one side of the tunnel of an errand sends.
pub fn tunnelled(number: usize, side: Side, length: usize) -> Vec<u8> {
    pattern(number * STEPS, side, length)
}

/// Bytes of which no two numbers and no two sides send the same.
fn pattern(number: usize, side: Side, length: usize) -> Vec<u8> {
    let mut bytes = Rng::of(number as u64, &side.to_string(), 0);
    (0..length).map(|_| bytes.draw() as u8).collect()
}

/// More than any errand has steps.
const STEPS: usize = 16;
/// Bytes that one side sends at the most.
const MOST: usize = 20_000;
/// Bytes that stand behind a head at the most.
const EARLY: usize = 12_000;
