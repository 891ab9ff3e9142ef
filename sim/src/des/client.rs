//! A client: does its script, on one connection after the other.

use std::collections::VecDeque;
use std::task::Poll;

use underpass_core::time::{Time, Wait};
use underpass_core::{Read, Side};

use super::hand::{Hand, Mind};
use super::http::{self, Body, Incoming};
use super::net::Net;
use super::pattern::{self, stream};
use super::socket::{Owner, Route, Tip};
use super::talk::{Stepped, Talk};
use crate::event::{What, Who};
use crate::log::Log;
use crate::plan::{self, Ask, Kind, Op};

/// A client.
#[derive(Debug)]
pub(super) struct Client<'p> {
    plan: &'p plan::Client,
    place: u32,
    /// The next step of the script.
    at: usize,
    /// How many connections it has had.
    dialled: u64,
    mind: Mind,
    state: State<'p>,
    /// When it is to be stepped.
    pub(super) armed: Time,
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

/// A connection with requests.
#[derive(Debug, Default)]
struct Http {
    inbox: VecDeque<u8>,
    /// Requests that have no whole answer yet, by their places in the script.
    waits: VecDeque<usize>,
    /// The body of the first one's answer.
    reading: Option<Incoming>,
    /// The body that the proxy is to ask for, and until when that is waited for.
    consent: Option<(Vec<u8>, Time)>,
    /// The connection serves no further request.
    closing: bool,
    /// Nothing more is written: we have said so.
    shut: bool,
    /// Nobody reads what we write.
    broken: bool,
    far: Far,
    since: Time,
}

/// How far the proxy's direction has come.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Far {
    #[default]
    Open,
    Ended,
    Broken,
}

/// What a step of one state came to.
enum Next {
    /// A further step may do more.
    On,
    /// It waits, at the most until then.
    Waits(Time),
}

impl<'p> Client<'p> {
    pub(super) fn new(plan: &'p plan::Client, place: u32) -> Self {
        let (state, mind) = (State::Alone, Mind::new());
        Self { plan, place, at: 0, dialled: 0, mind, state, armed: Time::NEVER }
    }

    /// Its present connection.
    pub(super) fn tip(&self) -> Option<Tip> {
        match &self.state {
            State::Dialling(tip) | State::Http(tip, _) | State::Talks(tip, _) => Some(*tip),
            State::Alone | State::Over => None,
        }
    }

    /// Whether it has done everything.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// What it is doing.
    pub(super) fn doing(&self) -> &'static str {
        match self.state {
            State::Alone => "waiting",
            State::Dialling(_) => "connecting",
            State::Http(..) => "asking",
            State::Talks(..) => "talking",
            State::Over => "over",
        }
    }

    /// Does what can be done now; gives when there may be more by itself.
    pub(super) fn step(&mut self, net: &mut Net, log: &mut Log) -> Time {
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
        let now = hand.net.now;
        if self.mind.sleeps(now) {
            self.state = State::Alone;
            return Next::Waits(self.mind.wakes(now).unwrap_or(Time::NEVER));
        }
        let Some(op) = self.plan.script.get(self.at) else { return Next::On };
        if is_ask(op) {
            let name = u64::from(self.plan.id) << 32 | self.dialled << 16;
            self.dialled += 1;
            let (owner, route) = (Owner::Client(self.place), Route::Client(self.place));
            self.state = State::Dialling(hand.net.dial(owner, route, name));
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
                hand.tell(What::Connects);
                self.state = State::Http(tip, Http { since: hand.net.now, ..Http::default() });
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
        let now = hand.net.now;
        self.write(&mut http, hand);
        while http.read(&self.mind, hand) {
            if let Some(mut talk) = http.answers(self.plan, hand) {
                talk.has_told(self.mind.out.len());
                self.state = State::Talks(tip, talk);
                return Next::On;
            }
        }
        if http.is_over(hand) {
            return self.give_up(tip, &http, hand);
        }
        if self.goes_on(&mut http, hand) {
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
        let due = http.consent.take_if(|(_, until)| *until <= hand.net.now);
        self.mind.out.extend(due.into_iter().flat_map(|(body, _)| body));
        if let Err(fault) = self.mind.write(hand) {
            self.mind.out.clear();
            if !std::mem::replace(&mut http.broken, true) {
                hand.tell(What::Breaks(fault));
            }
        }
    }

    /// Whether the next step of the script can be done.
    fn goes_on(&self, http: &mut Http, hand: &Hand<'_>) -> bool {
        let now = hand.net.now;
        if self.mind.sleeps(now) {
            return false;
        }
        let last = http.waits.back().and_then(|at| self.plan.script.get(*at));
        let pipelined = matches!(last, Some(Op::Ask(ask)) if ask.pipelined);
        match self.plan.script.get(self.at) {
            Some(Op::Abort | Op::Dribble(_) | Op::Rest(_) | Op::Sleep(_)) => true,
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
        let now = hand.net.now;
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
                hand.tell(What::HalfCloses);
                // A socket that is dead says so to the next read.
                let _ = hand.net.shut(tip);
                http.shut = true;
            }
            Op::Expect(_) | Op::Send(_) | Op::Dribble(_) | Op::Rest(_) | Op::Sleep(_) => {
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
                    http.consent = Some((body, hand.net.now.after(CONSENT)));
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

impl Http {
    /// Reads some of what is there; gives whether that was something.
    fn read(&mut self, mind: &Mind, hand: &mut Hand<'_>) -> bool {
        let mut room = [0; 4096];
        if self.far != Far::Open {
            return false;
        }
        match mind.read(hand, &mut room) {
            Poll::Pending => return false,
            Poll::Ready(Ok(Read::Moved(count))) => {
                self.since = hand.net.now;
                self.inbox.extend(&room[..count.get() as usize]);
            }
            Poll::Ready(Ok(Read::Eof)) => {
                hand.tell(What::Ends);
                self.far = Far::Ended;
            }
            Poll::Ready(Err(fault)) => {
                hand.tell(What::Breaks(fault));
                self.far = Far::Broken;
            }
        }
        true
    }

    /// Whether nothing more can come of the connection, once all that came was looked at.
    fn is_over(&mut self, hand: &mut Hand<'_>) -> bool {
        if let (Far::Ended, Some(reading), Some(at)) = (self.far, &self.reading, self.waits.front())
            && reading.is_until_end()
        {
            hand.tell(What::Whole(*at));
            self.waits.pop_front();
        }
        self.far != Far::Open || (self.closing || self.shut) && self.waits.is_empty()
    }

    /// Reads the answers that are there; a tunnel may come of it.
    fn answers<'p>(&mut self, plan: &'p plan::Client, hand: &mut Hand<'_>) -> Option<Talk<'p>> {
        while let Some(&at) = self.waits.front() {
            if let Some(reading) = &mut self.reading {
                match reading.take(&mut self.inbox) {
                    Body::More => return None,
                    Body::Wrong(good) => hand.tell(What::Wrong(good)),
                    Body::Whole => hand.tell(What::Whole(at)),
                }
                self.waits.pop_front();
                self.reading = None;
                continue;
            }
            let head = http::head(&mut self.inbox)?;
            let status = http::status(&head);
            if status == 101 {
                hand.tell(What::Heads(
                    status,
                    http::field(&head, "X-Request").and_then(http::whose),
                ));
                return Some(self.switches(at, plan, hand));
            }
            if (100..200).contains(&status) {
                let due = self.consent.as_mut().filter(|_| status == 100);
                due.map(|(_, until)| *until = hand.net.now);
                continue;
            }
            self.consent = None;
            let whose = http::field(&head, "X-Request").and_then(http::whose);
            hand.tell(What::Heads(status, whose));
            self.closing |= http::field(&head, "Connection") == Some("close");
            let theirs = whose.map(|(client, at)| stream(client, at, Side::Backend));
            self.reading = Some(Incoming::of(&head, theirs, false));
        }
        None
    }

    /// The tunnel is open: what stands behind the head is its first bytes.
    fn switches<'p>(&mut self, at: usize, plan: &'p plan::Client, hand: &mut Hand<'_>) -> Talk<'p> {
        let early = match plan.script.get(at) {
            Some(Op::Ask(ask)) => {
                if let Kind::Upgrade(early) = ask.kind {
                    early
                } else {
                    0
                }
            }
            _ => 0,
        };
        let streams = [Side::Client, Side::Backend].map(|side| stream(plan.id, at, side));
        let script = &plan.script[at + 1..];
        let mut talk = Talk::new(script, streams[0], streams[1], early, hand.net.now);
        if self.shut {
            talk.has_ended();
        }
        if !self.inbox.is_empty() {
            talk.hear(self.inbox.make_contiguous(), hand);
        }
        talk
    }
}

fn is_ask(op: &Op) -> bool {
    matches!(op, Op::Ask(_) | Op::Garbage(_))
}

/// The head of a request.
fn head(client: u32, at: usize, ask: &Ask) -> String {
    let method = match ask.kind {
        Kind::Get | Kind::Upgrade(_) => "GET",
        Kind::Post(_) => "POST",
        Kind::Put(_) => "PUT",
    };
    let version = if ask.old { "1.0" } else { "1.1" };
    let last = if ask.last { "Connection: close\r\n" } else { "" };
    let keeps = if ask.old && !ask.last { "Connection: keep-alive\r\n" } else { "" };
    let body = ask.upload().map(|upload| http::fields(upload.framing, upload.bytes));
    let waits = ask.upload().is_some_and(|upload| upload.waits);
    let expect = if waits { "Expect: 100-continue\r\n" } else { "" };
    let upgrade = if matches!(ask.kind, Kind::Upgrade(_)) { HANDSHAKE } else { "" };
    let fields = [upgrade, last, keeps, expect, &body.unwrap_or_default()].concat();
    format!("{method} /{}/{client}/{at} HTTP/{version}\r\nHost: h\r\n{fields}\r\n", ask.to)
}

/// What asks for a WebSocket (RFC 6455 §1.3).
const HANDSHAKE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
/// How long a client waits for a 100 before it sends its body all the same.
const CONSENT: Wait = Wait::from_secs(1);
/// How long nothing at all may come.
const HOPELESS: Wait = Wait::from_secs(900);
