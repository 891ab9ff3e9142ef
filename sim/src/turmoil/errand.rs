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
    /// What is sent along; a GET sends nothing.
    pub upload: Option<Upload>,
    /// What the backend does after it.
    pub quirk: Quirk,
}

/// The body of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Upload {
    /// How the end of it is found.
    pub framing: Body,
    /// How many bytes it has.
    pub length: usize,
    /// It waits until it is told to come.
    pub waits: bool,
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
            2..=4 => Some(Body::Chunks),
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
        let framing = match chance.below(4) {
            _ if body.is_none() => None,
            0 if self.way != Way::Old => Some(Body::Chunks),
            0 | 1 => Some(Body::Length),
            _ => None,
        };
        let (length, size) = (chance.piece(MOST), chance.piece(MOST));
        let waits = self.way == Way::InTurn && chance.one_in(2);
        let upload = framing.map(|framing| Upload { framing, length: size, waits });
        Get { body, length, upload, quirk }
    }

    /// How many requests there are.
    pub fn steps(&self) -> usize {
        self.gets + usize::from(matches!(self.last, Last::Refused | Last::Tunnel { .. }))
    }

    /// The response's body in the exchange of that number, as that side has it on its wire.
    pub fn body(&self, number: usize, step: usize, at: Side) -> Vec<u8> {
        let get = self.get(step);
        let bytes = pattern(number * STEPS + 1 + step, Side::Backend, get.length);
        match get.body {
            // What speaks HTTP/1.0 reads no chunks.
            Some(Body::Chunks) if (self.way, at) == (Way::Old, Side::Client) => bytes,
            Some(Body::Chunks) => chunks(&bytes, at == Side::Backend),
            Some(Body::Close | Body::Length) | None => bytes,
        }
    }

    /// What is sent along with the request of that number, as that side has it on its wire.
    pub fn upload(&self, number: usize, step: usize, at: Side) -> Vec<u8> {
        let Some(Upload { framing, length, .. }) = self.get(step).upload else { return Vec::new() };
        let bytes = pattern(number * STEPS + 1 + step, Side::Client, length);
        if framing == Body::Chunks { chunks(&bytes, at == Side::Client) } else { bytes }
    }

    /// Whether the response to that step goes on until the end of the client's connection.
    pub fn ends(&self, step: usize) -> bool {
        match self.get(step).body {
            Some(Body::Close) => true,
            Some(Body::Chunks) => self.way == Way::Old,
            Some(Body::Length) | None => false,
        }
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

/// Bytes in chunks: dressed with extensions and trailers where they are sent, which nobody may receive.
fn chunks(bytes: &[u8], dressed: bool) -> Vec<u8> {
    let (extension, trailers) = if dressed {
        (";name=value;other=\"; \"", "Host: x\r\nContent-Length: 5\r\n")
    } else {
        ("", "")
    };
    let mut wire: Vec<u8> = Vec::new();
    for chunk in bytes.chunks(1_000) {
        let size = format!("{:x}{extension}\r\n", chunk.len());
        wire.extend([size.as_bytes(), chunk, b"\r\n"].concat());
    }
    wire.extend(format!("0\r\n{trailers}\r\n").bytes());
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
