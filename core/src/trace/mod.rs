//! What a session was told, written down so that it can be played again: recorded in production, replayed
//! on a laptop, move by move, through the same core.
//!
//! ```text
//! driver ◀─ Recorder ◀─ pump       Tape ─▶ events ─▶ a line each ─▶ Replay ◀─ pump
//! ```
//!
//! A session is a pure function of its rules, the client's address, the times of its turns and what came of
//! each move. So a trace is the [`Opening`] (`opening.rs`) and its [`Event`]s (`event.rs`), one JSON line
//! each (`lines.rs`). [`Recorder`] is a driver around a driver, [`Tape`] what it writes on; [`replay`]
//! reads a trace and stops at the first event that the session of today would not have made.
//!
//! A trace holds what core decides by and nothing else: of a head the start line and the values that
//! matter, the others and every key made unreadable at the same length (`veil.rs`); of chunks the framing;
//! of all other bytes their number (`stream.rs`).

mod event;
mod lines;
mod opening;
mod play;
mod recorder;
mod replay;
mod seen;
mod stream;
mod veil;

pub use event::{Event, Move, Outcome};
pub use lines::replay;
pub use opening::Opening;
pub use play::{Divergence, End, NoReplay, Replayed, play};
pub use recorder::{Recorder, Tape, pump};
pub use seen::{Piece, Seen};
