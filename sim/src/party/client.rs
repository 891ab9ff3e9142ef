//! A client: does its script, on one connection after the other.

use std::task::Poll;

use underpass_core::Side;
use underpass_core::time::{Time, Wait};

use super::asking::{Http, head};
use super::hand::{Hand, Mind};
use super::http;
use super::pattern::{self, stream};
use super::sockets::{Sockets, Tip};
use super::talk::{Stepped, Talk};
use crate::event::{What, Who};
use crate::log::Log;
use crate::plan::{self, Ask, Kind, Op};

/// A client.
#[derive(Debug)]
pub(crate) struct Client<'p> {
    plan: &'p plan::Client,
    place: u32,
    /// The next step of the script.
    at: usize,
    /// How many connections it has had.
    dialled: u64,
    mind: Mind,
    state: State<'p>,
    /// When it is to be stepped.
    pub(crate) armed: Time,
}

#[derive(Debug)]
enum State<'p> {
    /// It has no connection.
    Alone,
    Dialling(Tip),
    Http(Tip, Http),
    Talks(Tip, Talk<'p>),
    Over,
}

/// What a step of one state came to.
enum Next {
    /// A further step may do more.
    On,
    /// It waits, at the most until then.
    Waits(Time),
}

impl<'p> Client<'p> {
    pub(crate) fn new(plan: &'p plan::Client, place: u32) -> Self {
        let (state, mind) = (State::Alone, Mind::new());
        Self { plan, place, at: 0, dialled: 0, mind, state, armed: Time::NEVER }
    }

    /// Its present connection.
    pub(crate) fn tip(&self) -> Option<Tip> {
        match &self.state {
            State::Dialling(tip) | State::Http(tip, _) | State::Talks(tip, _) => Some(*tip),
            State::Alone | State::Over => None,
        }
    }

    /// Whether it has done everything.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// What it is doing.
    pub(crate) fn doing(&self) -> &'static str {
        match self.state {
            State::Alone => "waiting",
            State::Dialling(_) => "connecting",
            State::Http(..) => "asking",
            State::Talks(..) => "talking",
            State::Over => "over",
        }
    }

    /// Does what can be done now; gives when there may be more by itself.
    pub(crate) fn step(&mut self, net: &mut dyn Sockets, log: &mut Log) -> Time {
        loop {
            let tip = self.tip().unwrap_or(Tip(0));
            let mut hand =
                Hand { net: &mut *net, log: &mut *log, who: Who::Client(self.plan.id), tip };
            match self.step_once(&mut hand) {
                Next::On => {}
                Next::Waits(at) => return at,
            }
        }
    }

    fn step_once(&mut self, hand: &mut Hand<'_>) -> Next {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Over => Next::Waits(Time::NEVER),
            State::Alone => self.alone(hand),
            State::Dialling(tip) => self.dialling(tip, hand),
            State::Http(tip, http) => self.http(tip, http, hand),
            State::Talks(tip, mut talk) => match talk.step(&mut self.mind, hand) {
                Stepped::Over => {
                    self.leave_tunnel();
                    Next::On
                }
                Stepped::Waits(at) => {
                    self.state = State::Talks(tip, talk);
                    Next::Waits(at)
                }
            },
        }
    }

    /// The connection is over; what comes next of the script needs another one.
    fn leave(&mut self) {
        self.mind.out.clear();
        self.state = State::Alone;
    }

    /// The tunnel is over, and with it what the script says of it.
    fn leave_tunnel(&mut self) {
        let rest = self.plan.script.get(self.at..).unwrap_or_default();
        self.at += rest.iter().position(is_ask).unwrap_or(rest.len());
        self.leave();
    }

    fn alone(&mut self, hand: &mut Hand<'_>) -> Next {
        let now = hand.net.now();
        if self.mind.sleeps(now) {
            self.state = State::Alone;
            return Next::Waits(self.mind.wakes(now).unwrap_or(Time::NEVER));
        }
        let Some(op) = self.plan.script.get(self.at) else { return Next::On };
        if is_ask(op) {
            let name = u64::from(self.plan.id) << 32 | self.dialled << 16;
            self.dialled += 1;
            self.state = State::Dialling(hand.net.dial(self.place, name));
        } else {
            self.mind.does(op, now);
            self.at += 1;
            self.state = State::Alone;
        }
        Next::On
    }

    fn dialling(&mut self, tip: Tip, hand: &mut Hand<'_>) -> Next {
        match hand.net.connected(tip) {
            Poll::Pending => {
                self.state = State::Dialling(tip);
                Next::Waits(Time::NEVER)
            }
            Poll::Ready(Ok(())) => {
                hand.tell(What::Connects(tip.connection()));
                self.state = State::Http(tip, Http { since: hand.net.now(), ..Http::default() });
                Next::On
            }
            Poll::Ready(Err(fault)) => {
                hand.tell(What::Breaks(fault));
                hand.tell(What::Unanswered(self.at));
                hand.net.close(tip);
                self.at += 1;
                self.leave();
                Next::On
            }
        }
    }

    fn http(&mut self, tip: Tip, mut http: Http, hand: &mut Hand<'_>) -> Next {
        let now = hand.net.now();
        self.write(&mut http, hand);
        while http.read(&mut self.mind, hand) {
            if let Some(mut talk) = http.answers(self.plan, hand) {
                talk.has_told(self.mind.out.len());
                self.state = State::Talks(tip, talk);
                return Next::On;
            }
        }
        if http.is_over(hand) {
            return self.give_up(tip, &http, hand);
        }
        if self.goes_on(&http, hand) {
            return self.advance(tip, http, hand);
        }
        let hopeless = http.since.after(HOPELESS);
        if now >= hopeless {
            hand.tell(What::GivesUp);
            hand.net.abort(tip);
            return self.give_up(tip, &http, hand);
        }
        let consent = http.consent.as_ref().map_or(Time::NEVER, |(_, until)| *until);
        let wakes = self.mind.wakes(now).unwrap_or(Time::NEVER);
        self.state = State::Http(tip, http);
        Next::Waits(wakes.min(consent).min(hopeless))
    }

    fn write(&mut self, http: &mut Http, hand: &mut Hand<'_>) {
        let due = http.consent.take_if(|(_, until)| *until <= hand.net.now());
        self.mind.out.extend(due.into_iter().flat_map(|(body, _)| body));
        if let Err(fault) = self.mind.write(hand) {
            self.mind.out.clear();
            if !std::mem::replace(&mut http.broken, true) {
                hand.tell(What::Breaks(fault));
            }
        }
    }

    /// Whether the next step of the script can be done.
    fn goes_on(&self, http: &Http, hand: &Hand<'_>) -> bool {
        let now = hand.net.now();
        if self.mind.sleeps(now) {
            return false;
        }
        let last = http.waits.back().and_then(|at| self.plan.script.get(*at));
        let pipelined = matches!(last, Some(Op::Ask(ask)) if ask.pipelined);
        match self.plan.script.get(self.at) {
            Some(Op::Abort | Op::Dribble(_) | Op::Rest(_) | Op::Sip(_) | Op::Sleep(_)) => true,
            Some(Op::HalfClose) => self.mind.out.is_empty(),
            None => http.waits.is_empty(),
            Some(_) => {
                let free = http.waits.is_empty() || pipelined && !http.shut;
                let free = free && http.consent.is_none();
                free && self.mind.out.is_empty()
            }
        }
    }

    fn advance(&mut self, tip: Tip, mut http: Http, hand: &mut Hand<'_>) -> Next {
        let now = hand.net.now();
        let Some(op) = self.plan.script.get(self.at) else {
            hand.tell(What::HalfCloses);
            hand.net.close(tip);
            return Next::On;
        };
        http.since = now;
        let at = self.at;
        self.at += 1;
        match op {
            Op::Ask(ask) => self.ask(at, ask, &mut http, hand),
            Op::Garbage(text) => {
                http.waits.push_back(at);
                self.mind.out.extend(text.bytes());
            }
            Op::Abort => {
                hand.tell(What::Aborts);
                hand.net.abort(tip);
                return self.give_up(tip, &http, hand);
            }
            Op::HalfClose => {
                match hand.net.shut(tip) {
                    Ok(()) => hand.tell(What::HalfCloses),
                    Err(fault) => hand.tell(What::Breaks(fault)),
                }
                http.shut = true;
            }
            Op::Expect(_)
            | Op::Send(_)
            | Op::Dribble(_)
            | Op::Rest(_)
            | Op::Sip(_)
            | Op::Sleep(_) => {
                self.mind.does(op, now);
            }
        }
        self.state = State::Http(tip, http);
        Next::On
    }

    fn ask(&mut self, at: usize, ask: &Ask, http: &mut Http, hand: &mut Hand<'_>) {
        hand.tell(What::Asks(at));
        http.waits.push_back(at);
        self.mind.out.extend(head(self.plan.id, at, ask).bytes());
        let mine = stream(self.plan.id, at, Side::Client);
        match &ask.kind {
            Kind::Get => {}
            Kind::Upgrade(early) => {
                self.mind.out.extend(pattern::bytes(mine, 0, *early as usize));
                hand.tell(What::Says(*early));
            }
            Kind::Post(upload) | Kind::Put(upload) => {
                let body = http::body(upload.framing, mine, upload.bytes);
                if upload.waits {
                    http.consent = Some((body, hand.net.now().after(CONSENT)));
                } else {
                    self.mind.out.extend(body);
                }
            }
        }
    }

    /// The connection is over: what has no answer will have none.
    fn give_up(&mut self, tip: Tip, http: &Http, hand: &mut Hand<'_>) -> Next {
        for at in &http.waits {
            hand.tell(What::Unanswered(*at));
        }
        hand.net.close(tip);
        self.leave();
        Next::On
    }
}

fn is_ask(op: &Op) -> bool {
    matches!(op, Op::Ask(_) | Op::Garbage(_))
}

/// How long a client waits for a 100 before it sends its body all the same.
const CONSENT: Wait = Wait::from_secs(1);
/// How long nothing at all may come.
const HOPELESS: Wait = Wait::from_secs(900);
