//! What a backend does with a request.

use serde::{Deserialize, Serialize};

use super::{BadPlan, Op};

/// What a backend does with one request.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// How many milliseconds it takes its time.
    pub delay: u32,
    /// It answers without hearing the request's body, which it never reads.
    pub early: bool,
    /// How many 103s it sends first.
    pub interims: u8,
    /// How slowly it writes; at once if it does not say.
    pub pace: Option<Pace>,
    /// Further fields of the head that it answers with, one a line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// What it answers.
    pub answer: Answer,
}

/// What a backend answers.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Answer {
    /// A response.
    Body {
        /// Its status.
        status: u16,
        /// How its end is found.
        framing: Framing,
        /// How long its body is.
        bytes: u32,
        /// What comes after it.
        then: Then,
    },
    /// The connection ends without a word.
    Hangup,
    /// A 101 with a wrong proof, and bytes behind it.
    Lie,
    /// What is no HTTP.
    Nonsense,
    /// The connection is reset.
    Reset,
    /// A response that breaks off after so many bytes of its body.
    Short(u32),
    /// Nothing, ever.
    Silence,
    /// A 101, with so many bytes of the tunnel behind it, and what is done in the tunnel.
    Switch {
        /// Bytes of the tunnel behind the head.
        early: u32,
        /// What the backend does in the tunnel.
        script: Vec<Op>,
    },
}

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// By chunks.
    Chunks,
    /// It is the end of the connection.
    Close,
    /// By its length.
    Length,
}

/// What comes after a response that does not end with its connection.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Then {
    /// It has said that it closes, and closes.
    Close,
    /// It closes without a word, after so many milliseconds.
    Drop(u32),
    /// A byte that is too many.
    Excess,
    /// The next request.
    Keep,
    /// It speaks without being asked, after so many milliseconds.
    Speak(u32),
}

/// How slowly something is written.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Pace {
    /// Bytes at once.
    pub bytes: u32,
    /// Milliseconds between them.
    pub every: u32,
}

impl Reply {
    /// That answer, at once.
    pub fn new(answer: Answer) -> Self {
        Self { delay: 0, early: false, interims: 0, pace: None, fields: Vec::new(), answer }
    }

    /// Whether a proxy that nothing hinders relays it whole.
    pub(super) fn is_good(&self) -> bool {
        match &self.answer {
            Answer::Body { .. } => !self.early,
            Answer::Switch { script, .. } => !script.contains(&Op::Abort),
            Answer::Hangup
            | Answer::Lie
            | Answer::Nonsense
            | Answer::Reset
            | Answer::Short(_)
            | Answer::Silence => false,
        }
    }
}

impl Pace {
    pub(super) fn check(&self) -> Result<(), BadPlan> {
        if self.bytes == 0 || self.every == 0 {
            return Err(BadPlan("a pace of no bytes, or of no time, is none".into()));
        }
        Ok(())
    }
}
