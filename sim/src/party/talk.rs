//! What one end of a tunnel does: its script, and then its part of an orderly end.

use std::task::Poll;

use underpass_core::Read;
use underpass_core::time::{Time, Wait};

use super::hand::{Hand, Mind};
use super::pattern;
use crate::event::What;
use crate::plan::Op;

/// One end of a tunnel.
#[derive(Debug)]
pub(crate) struct Talk<'p> {
    script: &'p [Op],
    mine: u64,
    theirs: u64,
    said: u64,
    /// How much of what is to be written was told before it is.
    told: u32,
    heard: u64,
    /// How much is to be heard before the script goes on.
    expects: u64,
    /// Until when it is waited for.
    patience: Time,
    /// When something last happened.
    moved: Time,
    own: Own,
    other: Other,
}

/// How far our direction has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Own {
    Open,
    Ended,
    Broken,
}

/// How far the other direction has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Other {
    Open,
    Ended,
}

/// How a step went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stepped {
    /// It is over, and the socket let go of.
    Over,
    /// It waits, for the network, or for that moment.
    Waits(Time),
}

impl<'p> Talk<'p> {
    /// An end of a tunnel that opens now, which sends the one stream and hears the other; so much has
    /// been said already.
    pub(crate) fn new(script: &'p [Op], mine: u64, theirs: u64, said: u32, now: Time) -> Self {
        Self {
            script,
            mine,
            theirs,
            said: said.into(),
            told: 0,
            heard: 0,
            expects: 0,
            patience: Time::ZERO,
            moved: now,
            own: Own::Open,
            other: Other::Open,
        }
    }

    /// So much of what is still to be written was told already.
    pub(crate) fn has_told(&mut self, count: usize) {
        self.told = count as u32;
    }

    /// The other direction has ended before the tunnel was opened.
    pub(crate) fn has_heard_the_end(&mut self) {
        self.other = Other::Ended;
    }

    /// Our direction has ended before the tunnel was opened.
    pub(crate) fn has_ended(&mut self) {
        self.own = Own::Ended;
    }

    /// Does what can be done now.
    pub(crate) fn step(&mut self, mind: &mut Mind, hand: &mut Hand<'_>) -> Stepped {
        loop {
            self.say(mind, hand);
            if self.listen(mind, hand) == Stepped::Over {
                return Stepped::Over;
            }
            if !self.advance(mind, hand) {
                break;
            }
            self.moved = hand.net.now();
            if self.is_over(hand) {
                return Stepped::Over;
            }
        }
        self.rest(mind, hand)
    }

    fn rest(&self, mind: &Mind, hand: &mut Hand<'_>) -> Stepped {
        let now = hand.net.now();
        let hopeless = self.moved.after(HOPELESS);
        let patience = if self.heard < self.expects { self.patience } else { Time::NEVER };
        let wakes = mind.wakes(now);
        if now >= hopeless && wakes.is_none() {
            hand.tell(What::GivesUp);
            hand.net.abort(hand.tip);
            return Stepped::Over;
        }
        let all = [wakes.unwrap_or(Time::NEVER), patience, hopeless];
        Stepped::Waits(all.into_iter().filter(|at| *at > now).min().unwrap_or(Time::NEVER))
    }

    fn say(&mut self, mind: &mut Mind, hand: &mut Hand<'_>) {
        match mind.write(hand) {
            Ok(0) => {}
            Ok(count) => {
                self.moved = hand.net.now();
                let told = self.told.min(count);
                self.told -= told;
                if count > told {
                    hand.tell(What::Says(count - told));
                }
            }
            Err(fault) => {
                mind.out.clear();
                if self.own == Own::Open {
                    hand.tell(What::Breaks(fault));
                }
                self.own = Own::Broken;
            }
        }
    }

    fn listen(&mut self, mind: &mut Mind, hand: &mut Hand<'_>) -> Stepped {
        let mut room = [0; 4096];
        while self.other == Other::Open {
            match mind.read(hand, &mut room) {
                Poll::Pending => break,
                Poll::Ready(Ok(Read::Moved(count))) => {
                    self.hear(&room[..count.get() as usize], hand)
                }
                Poll::Ready(Ok(Read::Eof | Read::Cut)) => {
                    if self.own != Own::Broken {
                        hand.tell(What::Ends);
                    }
                    self.moved = hand.net.now();
                    self.other = Other::Ended;
                }
                Poll::Ready(Err(fault)) => {
                    hand.tell(What::Breaks(fault));
                    hand.net.close(hand.tip);
                    return Stepped::Over;
                }
            }
        }
        Stepped::Waits(Time::NEVER)
    }

    /// Judges bytes that came.
    pub(crate) fn hear(&mut self, got: &[u8], hand: &mut Hand<'_>) {
        let good = pattern::good(self.theirs, self.heard, got);
        self.heard += good as u64;
        self.moved = hand.net.now();
        hand.tell(What::Hears(good as u32));
        if good < got.len() {
            hand.tell(What::Wrong(self.heard));
            self.theirs = self.theirs.wrapping_add(1);
        }
    }

    /// Does the next step of the script, if it can be done now.
    fn advance(&mut self, mind: &mut Mind, hand: &mut Hand<'_>) -> bool {
        let now = hand.net.now();
        let waits = self.heard < self.expects && self.other == Other::Open && now < self.patience;
        if mind.sleeps(now) || waits {
            return false;
        }
        let Some((op, rest)) = self.script.split_first() else {
            return self.end(mind, hand);
        };
        match op {
            Op::Send(count) => {
                if self.own == Own::Open {
                    mind.out.extend(pattern::bytes(self.mine, self.said, *count as usize));
                    self.said += u64::from(*count);
                }
            }
            Op::Expect(count) => {
                self.expects = self.expects.max(self.heard) + u64::from(*count);
                self.patience = now.after(PATIENCE);
            }
            Op::HalfClose if !mind.out.is_empty() => return false,
            Op::HalfClose => self.half_close(hand),
            Op::Abort => {
                hand.tell(What::Aborts);
                hand.net.abort(hand.tip);
                (self.own, self.other) = (Own::Ended, Other::Ended);
                self.script = &[];
                return true;
            }
            Op::Ask(_) | Op::Garbage(_) => return self.end(mind, hand),
            Op::Dribble(_) | Op::Rest(_) | Op::Sip(_) | Op::Sleep(_) => {
                mind.does(op, now);
            }
        }
        self.script = rest;
        true
    }

    /// The script is over: so is our direction, once all of it is out.
    fn end(&mut self, mind: &Mind, hand: &mut Hand<'_>) -> bool {
        let ends = self.own == Own::Open && mind.out.is_empty();
        if ends {
            self.half_close(hand);
        }
        ends || self.own != Own::Open && self.other == Other::Ended
    }

    fn half_close(&mut self, hand: &mut Hand<'_>) {
        if self.own == Own::Open {
            match hand.net.shut(hand.tip) {
                Ok(()) => hand.tell(What::HalfCloses),
                Err(fault) => hand.tell(What::Breaks(fault)),
            }
            self.own = Own::Ended;
        }
    }

    fn is_over(&self, hand: &mut Hand<'_>) -> bool {
        let over = self.own != Own::Open
            && self.other == Other::Ended
            && matches!(self.script.first(), None | Some(Op::Ask(_) | Op::Garbage(_)));
        if over {
            hand.net.close(hand.tip);
        }
        over
    }
}

/// How long an end waits for bytes before its script goes on.
const PATIENCE: Wait = Wait::from_secs(20);
/// How long nothing at all may happen: longer than any clock of the proxy's, and any fault.
const HOPELESS: Wait = Wait::from_secs(900);
