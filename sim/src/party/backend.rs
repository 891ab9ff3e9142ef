//! A backend's end of one connection: it does with each request what the request's plan says.

use std::collections::VecDeque;
use std::task::Poll;

use underpass_core::time::Time;
use underpass_core::{Read, Side};

use super::hand::{Hand, Mind};
use super::http::{self, Body, Incoming};
use super::pattern::{self, stream};
use super::sockets::{Sockets, Tip};
use super::talk::{Stepped, Talk};
use crate::event::{What, Who};
use crate::log::Log;
use crate::plan::{Answer, Ask, Framing, Kind, Plan, Then};

/// One connection of a backend's.
#[derive(Debug)]
pub(crate) struct Serving<'p> {
    plan: &'p Plan,
    /// Which backend it is.
    pub(crate) host: u32,
    tip: Tip,
    inbox: VecDeque<u8>,
    mind: Mind,
    state: State<'p>,
    /// The client whose request came last.
    pub(crate) client: Option<u32>,
    /// An upgrade was asked for: nothing may come before it is granted, nor if it is not.
    upgrade: bool,
    ended: bool,
    /// When it is to be stepped.
    pub(crate) armed: Time,
}

#[derive(Debug)]
enum State<'p> {
    /// Waits for a request.
    Head,
    /// Hears its body.
    Body(Request<'p>, Incoming),
    /// Takes its time.
    Thinks(Request<'p>),
    /// Writes the answer.
    Answers(Request<'p>),
    /// Does what comes after it.
    After(Then),
    /// Waits for the end.
    Lingers,
    Talks(Talk<'p>),
    Over,
}

#[derive(Clone, Copy, Debug)]
struct Request<'p> {
    client: u32,
    at: usize,
    ask: &'p Ask,
}

/// What a step of one state came to.
enum Next {
    On,
    Waits(Time),
}

impl<'p> Serving<'p> {
    pub(crate) const fn new(plan: &'p Plan, host: u32, tip: Tip) -> Self {
        Self {
            plan,
            host,
            tip,
            inbox: VecDeque::new(),
            mind: Mind::new(),
            state: State::Head,
            client: None,
            upgrade: false,
            ended: false,
            armed: Time::NEVER,
        }
    }

    /// Whether the connection is over.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// The process has died: its sockets are closed.
    pub(crate) fn crash(&mut self, net: &mut dyn Sockets, log: &mut Log) {
        if !self.is_over() {
            Hand { net, log, who: Who::Backend(self.tip.connection()), tip: self.tip }
                .tell(What::Aborts);
            net.close(self.tip);
            self.state = State::Over;
        }
    }

    /// Does what can be done now; gives when there may be more by itself.
    pub(crate) fn step(&mut self, net: &mut dyn Sockets, log: &mut Log) -> Time {
        let who = Who::Backend(self.tip.connection());
        let mut hand = Hand { net, log, who, tip: self.tip };
        loop {
            if self.read(&mut hand).is_ready() {
                return Time::NEVER;
            }
            match self.step_once(&mut hand) {
                Next::On => {}
                Next::Waits(at) => return at,
            }
        }
    }

    /// Reads what is there; ready once the connection is over.
    fn read(&mut self, hand: &mut Hand<'_>) -> Poll<()> {
        let mut room = [0; 4096];
        while !self.is_granted() && !self.is_over() && !self.ended {
            match self.mind.read(hand, &mut room) {
                Poll::Pending => break,
                Poll::Ready(Ok(Read::Moved(count))) => {
                    self.inbox.extend(&room[..count.get() as usize]);
                }
                Poll::Ready(Ok(Read::Eof | Read::Cut)) => {
                    hand.tell(What::Ends);
                    self.ended = true;
                }
                Poll::Ready(Err(fault)) => {
                    hand.tell(What::Breaks(fault));
                    return self.over(hand);
                }
            }
        }
        if self.ended && matches!(self.state, State::Head | State::Lingers | State::Body(..)) {
            return self.over(hand);
        }
        if self.is_over() {
            return Poll::Ready(());
        }
        self.judge(hand);
        Poll::Pending
    }

    /// Whether the head that grants a tunnel is out: what comes now is the tunnel's.
    fn is_granted(&self) -> bool {
        match &self.state {
            State::Talks(_) => true,
            State::Answers(Request { ask, .. }) => {
                let early = |early| self.mind.out.len() <= early as usize;
                matches!(ask.reply.answer, Answer::Switch { early: behind, .. } if early(behind))
            }
            _ => false,
        }
    }

    /// R5, R6, R7: behind a request for an upgrade nothing may come.
    fn judge(&mut self, hand: &mut Hand<'_>) {
        if self.upgrade && !self.inbox.is_empty() {
            hand.tell(What::Smuggled(self.inbox.len() as u32));
            self.inbox.clear();
        }
    }

    fn over(&mut self, hand: &mut Hand<'_>) -> Poll<()> {
        hand.net.close(self.tip);
        self.state = State::Over;
        Poll::Ready(())
    }

    fn step_once(&mut self, hand: &mut Hand<'_>) -> Next {
        let now = hand.net.now();
        match std::mem::replace(&mut self.state, State::Over) {
            State::Over => Next::Waits(Time::NEVER),
            State::Head => self.awaits(hand),
            State::Body(request, incoming) => self.hears(request, incoming, hand),
            State::Thinks(request) if self.mind.sleeps(now) => {
                self.waits(State::Thinks(request), now)
            }
            State::Thinks(request) => self.answer(request, hand),
            State::Answers(request) => {
                if self.write(hand).is_ready() {
                    return Next::On;
                }
                self.state = State::Answers(request);
                if self.mind.out.is_empty() || self.is_granted() {
                    return self.answered(request, hand);
                }
                Next::Waits(self.mind.wakes(now).unwrap_or(Time::NEVER))
            }
            State::After(then) if self.mind.sleeps(now) => self.waits(State::After(then), now),
            State::After(Then::Speak(_)) => {
                self.mind.out.extend(b"HTTP/1.1 408 Too Late\r\nContent-Length: 0\r\n\r\n");
                self.state = State::Lingers;
                Next::On
            }
            State::After(_) => {
                hand.net.close(self.tip);
                Next::On
            }
            State::Lingers => match self.write(hand) {
                Poll::Ready(()) => Next::On,
                Poll::Pending => self.waits(State::Lingers, now),
            },
            State::Talks(mut talk) => match talk.step(&mut self.mind, hand) {
                Stepped::Over => Next::On,
                Stepped::Waits(at) => {
                    self.state = State::Talks(talk);
                    Next::Waits(at)
                }
            },
        }
    }

    fn waits(&mut self, state: State<'p>, now: Time) -> Next {
        self.state = state;
        Next::Waits(self.mind.wakes(now).unwrap_or(Time::NEVER))
    }

    /// Writes what it can; ready if the connection is over, because nobody hears it.
    fn write(&mut self, hand: &mut Hand<'_>) -> Poll<()> {
        let Err(fault) = self.mind.write(hand) else { return Poll::Pending };
        hand.tell(What::Breaks(fault));
        self.over(hand)
    }

    fn awaits(&mut self, hand: &mut Hand<'_>) -> Next {
        let Some(head) = http::head(&mut self.inbox) else {
            return self.waits(State::Head, hand.net.now());
        };
        let path = head.split(' ').nth(1).unwrap_or_default();
        let path = path.split([';', '?']).next().unwrap_or_default();
        let whose = path.strip_prefix('/').and_then(http::whose);
        let found = whose.and_then(|(client, at)| Some((client, at, self.plan.ask(client, at)?)));
        let Some((client, at, ask)) = found else {
            hand.tell(What::Wrong(0));
            self.state = State::Lingers;
            return Next::On;
        };
        hand.tell(What::Gets(client, at));
        if hand.net.asked(self.tip).is_some_and(|name| Some(name) != http::field(&head, "Host")) {
            hand.tell(What::Mistaken);
        }
        if ask.has_fields() {
            hand.tell(What::Bears(at, http::bears(&head)));
        }
        self.client = Some(client);
        let request = Request { client, at, ask };
        self.upgrade = matches!(ask.kind, Kind::Upgrade(_));
        let theirs = stream(client, at, Side::Client);
        if ask.upload().is_some() && !ask.reply.early {
            if http::field(&head, "Expect").is_some() {
                self.mind.out.extend(b"HTTP/1.1 100 Continue\r\n\r\n");
                if self.write(hand).is_ready() {
                    return Next::On;
                }
            }
            self.state = State::Body(request, Incoming::of(&head, Some(theirs), true));
        } else {
            self.think(request, hand);
        }
        Next::On
    }

    fn hears(&mut self, request: Request<'p>, mut incoming: Incoming, hand: &mut Hand<'_>) -> Next {
        match incoming.take(&mut self.inbox) {
            Body::More => return self.waits(State::Body(request, incoming), hand.net.now()),
            Body::Whole => self.think(request, hand),
            Body::Wrong(good) => {
                hand.tell(What::Wrong(good));
                self.state = State::Lingers;
            }
        }
        Next::On
    }

    fn think(&mut self, request: Request<'p>, hand: &Hand<'_>) {
        self.mind.sleep(request.ask.reply.delay, hand.net.now());
        self.state = State::Thinks(request);
    }

    fn answer(&mut self, request: Request<'p>, hand: &mut Hand<'_>) -> Next {
        self.mind.keep_pace(request.ask.reply.pace);
        for _ in 0..request.ask.reply.interims {
            self.mind.out.extend(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
        }
        self.mind.out.extend(words(&request));
        if let Answer::Switch { early, .. } = request.ask.reply.answer {
            hand.tell(What::Switches(request.client, request.at));
            hand.tell(What::Says(early));
        }
        self.state = State::Answers(request);
        Next::On
    }

    /// The answer is out.
    fn answered(&mut self, request: Request<'p>, hand: &mut Hand<'_>) -> Next {
        self.mind.keep_pace(request.ask.reply.pace.filter(|_| self.is_granted()));
        self.state = match &request.ask.reply.answer {
            Answer::Body { framing: Framing::Close, .. } | Answer::Short(_) => self.shut(hand),
            Answer::Body { .. } if request.ask.reply.early => self.shut(hand),
            Answer::Body { then, .. } => match *then {
                Then::Keep => State::Head,
                Then::Close => self.shut(hand),
                Then::Excess => State::Lingers,
                Then::Drop(after) | Then::Speak(after) => {
                    self.mind.sleep(after, hand.net.now());
                    State::After(*then)
                }
            },
            Answer::Hangup => self.shut(hand),
            Answer::Reset => {
                hand.tell(What::Aborts);
                hand.net.abort(self.tip);
                State::Over
            }
            Answer::Lie | Answer::Nonsense | Answer::Silence => State::Lingers,
            Answer::Switch { early, script } => {
                let [mine, theirs] = [Side::Backend, Side::Client]
                    .map(|side| stream(request.client, request.at, side));
                let mut talk = Talk::new(script, mine, theirs, *early, hand.net.now());
                talk.has_told(self.mind.out.len());
                if self.ended {
                    talk.has_heard_the_end();
                }
                State::Talks(talk)
            }
        };
        Next::On
    }

    fn shut(&self, hand: &mut Hand<'_>) -> State<'p> {
        // A socket that is dead says so to the next read.
        let _ = hand.net.shut(self.tip);
        State::Lingers
    }
}

/// The bytes of an answer.
fn words(request: &Request<'_>) -> Vec<u8> {
    let Request { client, at, ask } = request;
    let mine = stream(*client, *at, Side::Backend);
    let whose = format!("X-Request: {client}/{at}\r\n{}", http::lines(&ask.reply.fields));
    match &ask.reply.answer {
        Answer::Body { status, framing, bytes, then } => {
            let closes = *then == Then::Close || *framing == Framing::Close || ask.reply.early;
            let close = if closes { "Connection: close\r\n" } else { "" };
            let fields = http::fields(*framing, *bytes);
            let head = format!("HTTP/1.1 {status} Well\r\n{whose}{fields}{close}\r\n");
            let exceeds = *then == Then::Excess && *framing != Framing::Close;
            let excess: &[u8] = if exceeds { b"x" } else { b"" };
            [head.as_bytes(), &http::body(*framing, mine, *bytes), excess].concat()
        }
        Answer::Lie => [SWITCH.replace("s3pP", "S3pP").as_bytes(), b"\r\nbytes"].concat(),
        Answer::Nonsense => b"nonsense\r\n\r\n".to_vec(),
        Answer::Short(bytes) => {
            let fields = http::fields(Framing::Length, bytes + 1);
            let head = format!("HTTP/1.1 200 Well\r\n{whose}{fields}\r\n");
            [head.as_bytes(), &pattern::bytes(mine, 0, *bytes as usize)].concat()
        }
        Answer::Switch { early, .. } => {
            let first = pattern::bytes(mine, 0, *early as usize);
            [SWITCH.as_bytes(), whose.as_bytes(), b"\r\n", &first].concat()
        }
        Answer::Hangup | Answer::Reset | Answer::Silence => Vec::new(),
    }
}

/// What grants a WebSocket, to everybody who sends the key of RFC 6455 §1.3; without its last line end.
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
