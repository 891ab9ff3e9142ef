//! Plays a trace through the core of today, turn by turn, up to its end or to the first divergence.

use std::fmt;

use super::event::{Event, Move, Outcome};
use super::opening::Opening;
use super::replay::Replay;
use crate::config::Problem;
use crate::head::Buffers;
use crate::report::Report;
use crate::route::Rules;
use crate::time::Time;
use crate::{Both, Cx, Pumped, Session, pump};

/// What a replay found that did not diverge.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Replayed {
    /// Turns that were played.
    pub turns: u64,
    /// Moves that were made in them.
    pub moves: u64,
    /// What was reported.
    pub reports: Vec<Report>,
    /// How the trace ends.
    pub end: End,
}

/// How a trace ends.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum End {
    /// The session was over.
    Closed,
    /// The session lived on, or nobody wrote down how it ended.
    #[default]
    Open,
    /// In the middle of a turn: the recording broke off, or the session panicked.
    Cut,
}

/// Why a trace was not replayed to its end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum NoReplay {
    /// The line of that number, counted from 1, is none of a trace, and why.
    Unreadable(u64, String),
    /// The rules cannot be made from the directives.
    Rules(Vec<Problem>),
    /// The session of today does something else.
    Diverged(Box<Divergence>),
}

/// The first event that is not the recorded one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Divergence {
    /// The number of the event in its trace, counted from 1 behind the opening.
    pub number: u64,
    /// The time of the turn.
    pub at: Time,
    /// The state in which the session was when the turn ended.
    pub state: &'static str,
    /// What was recorded; nothing if the session had rested.
    pub recorded: Option<Event>,
    /// What happens today: a move that is asked for, whatever would come of it, or a rest. If it is the
    /// move that was recorded, no driver may answer it as it was answered there.
    pub replayed: Event,
}

/// Replays events that are there already, under those rules.
///
/// # Errors
///
/// If they do not go as they went.
pub fn play(
    opening: &Opening,
    rules: &Rules,
    events: impl IntoIterator<Item = Event>,
) -> Result<Replayed, NoReplay> {
    Player::new(opening, rules).run(events.into_iter().map(Ok))
}

/// A session that is played again.
pub(super) struct Player<'r> {
    session: Session,
    rules: &'r Rules,
    buffers: Buffers,
    carried: Both<u64>,
    /// Events so far.
    number: u64,
    replayed: Replayed,
}

impl<'r> Player<'r> {
    /// A session that has had no turn yet.
    pub(super) fn new(opening: &Opening, rules: &'r Rules) -> Self {
        Self {
            session: Session::new(opening.caller(), rules, opening.at),
            rules,
            buffers: Buffers::default(),
            carried: Both::default(),
            number: 0,
            replayed: Replayed::default(),
        }
    }

    /// Plays those events to their end.
    pub(super) fn run(
        mut self,
        mut events: impl Iterator<Item = Result<Event, NoReplay>>,
    ) -> Result<Replayed, NoReplay> {
        while let Some(event) = events.next().transpose()? {
            self.number += 1;
            let Event::Turn { at, budget } = event else {
                return Err(self.diverged(Time::ZERO, Some(event), self.rest(Pumped::Again)));
            };
            let mut moves = Vec::new();
            let rest = loop {
                match events.next().transpose()? {
                    Some(Event::Made(asked, outcome)) => moves.push((asked, outcome)),
                    other => break other,
                }
            };
            self.turn(at, budget, moves, rest)?;
        }
        Ok(self.replayed)
    }

    /// Plays one turn: those moves, and then that rest; none if the recording breaks off in it.
    fn turn(
        &mut self,
        at: Time,
        budget: u32,
        moves: Vec<(Move, Outcome)>,
        rest: Option<Event>,
    ) -> Result<(), NoReplay> {
        let count = moves.len() as u64;
        self.replayed.reports.extend(moves.iter().filter_map(|(asked, _)| asked.report()));
        let mut replay = Replay::new(moves, rest.is_none(), &mut self.carried);
        let mut cx = Cx { now: at, rules: self.rules, buffers: &mut self.buffers };
        let pumped = pump(&mut self.session, &mut replay, &mut cx, budget);
        let (left, asked) = replay.end();
        self.number += count - left.len() as u64 + 1;
        self.remember(count, pumped, rest.is_none());
        let rested = self.rest(pumped);
        let next = left.into_iter().next().map(|(asked, outcome)| Event::Made(asked, outcome));
        match (asked, next, rest) {
            (None, None, None) => Ok(()),
            (None, None, Some(rest)) if rest == rested => Ok(()),
            (asked, next, rest) => Err(self.diverged(at, next.or(rest), asked.unwrap_or(rested))),
        }
    }

    fn remember(&mut self, moves: u64, pumped: Pumped, is_cut: bool) {
        self.replayed.turns += 1;
        self.replayed.moves += moves;
        self.replayed.end = match pumped {
            _ if is_cut => End::Cut,
            Pumped::Closed => End::Closed,
            Pumped::Again | Pumped::Waiting(_) => End::Open,
        };
    }

    fn rest(&self, pumped: Pumped) -> Event {
        Event::Rests(self.session.state().into(), pumped)
    }

    fn diverged(&self, at: Time, recorded: Option<Event>, replayed: Event) -> NoReplay {
        let (number, state) = (self.number, self.session.state());
        NoReplay::Diverged(Box::new(Divergence { number, at, state, recorded, replayed }))
    }
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { turns, moves, reports, end } = self;
        write!(f, "{turns} turns with {moves} moves and {} reports, {end}", reports.len())
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "to the end of the session",
            Self::Open => "and the session is still open",
            Self::Cut => "and the recording breaks off in the last of them",
        })
    }
}

impl fmt::Display for NoReplay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(number, why) => write!(f, "line {number}: {why}"),
            Self::Rules(problems) => {
                f.write_str("the directives of the trace are not understood:")?;
                problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
            }
            Self::Diverged(divergence) => divergence.fmt(f),
        }
    }
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, at, state, recorded, replayed } = self;
        writeln!(f, "it diverges at event {number}, at {at}, and is in {state} then")?;
        match recorded {
            Some(event) => writeln!(f, "  recorded: {event}")?,
            None => writeln!(f, "  recorded: nothing more")?,
        }
        match replayed {
            Event::Made(asked, _) => write!(f, "  replayed: {asked} is asked for"),
            Event::Turn { .. } | Event::Rests(..) => write!(f, "  replayed: {replayed}"),
        }
    }
}
