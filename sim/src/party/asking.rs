//! A client's connection on which it asks: requests without answers, and the answers that come.

use std::collections::VecDeque;
use std::task::Poll;

use underpass_core::time::Time;
use underpass_core::{Read, Side};

use super::hand::{Hand, Mind};
use super::http::{self, Body, Incoming};
use super::pattern::stream;
use super::talk::Talk;
use crate::event::What;
use crate::plan::{self, Ask, Kind, Op};

/// A connection with requests.
#[derive(Debug, Default)]
pub(crate) struct Http {
    pub(crate) inbox: VecDeque<u8>,
    /// Requests that have no whole answer yet, by their places in the script.
    pub(crate) waits: VecDeque<usize>,
    /// The body of the first one's answer.
    pub(crate) reading: Option<Incoming>,
    /// The body that the proxy is to ask for, and until when that is waited for.
    pub(crate) consent: Option<(Vec<u8>, Time)>,
    /// The connection serves no further request.
    pub(crate) closing: bool,
    /// Nothing more is written: we have said so.
    pub(crate) shut: bool,
    /// Nobody reads what we write.
    pub(crate) broken: bool,
    pub(crate) far: Far,
    pub(crate) since: Time,
}

/// How far the proxy's direction has come.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Far {
    #[default]
    Open,
    Ended,
    Broken,
}

impl Http {
    /// Reads some of what is there; gives whether that was something.
    pub(crate) fn read(&mut self, mind: &mut Mind, hand: &mut Hand<'_>) -> bool {
        let mut room = [0; 4096];
        if self.far != Far::Open {
            return false;
        }
        match mind.read(hand, &mut room) {
            Poll::Pending => return false,
            Poll::Ready(Ok(Read::Moved(count))) => {
                self.since = hand.net.now();
                self.inbox.extend(&room[..count.get() as usize]);
            }
            Poll::Ready(Ok(Read::Eof | Read::Cut)) => {
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
    pub(crate) fn is_over(&mut self, hand: &mut Hand<'_>) -> bool {
        if let (Far::Ended, Some(reading), Some(at)) = (self.far, &self.reading, self.waits.front())
            && reading.is_until_end()
        {
            hand.tell(What::Whole(*at));
            self.waits.pop_front();
        }
        self.far != Far::Open || (self.closing || self.shut) && self.waits.is_empty()
    }

    /// Reads the answers that are there; a tunnel may come of it.
    pub(crate) fn answers<'p>(
        &mut self,
        plan: &'p plan::Client,
        hand: &mut Hand<'_>,
    ) -> Option<Talk<'p>> {
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
                let whose = http::field(&head, "X-Request").and_then(http::whose);
                hand.tell(What::Heads(status, whose));
                tell_fields(plan, at, &head, hand);
                return Some(self.switches(at, plan, hand));
            }
            if (100..200).contains(&status) {
                if let Some((_, until)) = self.consent.as_mut().filter(|_| status == 100) {
                    hand.tell(What::Welcome(at));
                    *until = hand.net.now();
                }
                continue;
            }
            self.consent = None;
            let whose = http::field(&head, "X-Request").and_then(http::whose);
            hand.tell(What::Heads(status, whose));
            tell_fields(plan, at, &head, hand);
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
        let mut talk = Talk::new(script, streams[0], streams[1], early, hand.net.now());
        if self.shut {
            talk.has_ended();
        }
        if !self.inbox.is_empty() {
            talk.hear(self.inbox.make_contiguous(), hand);
        }
        talk
    }
}

/// Tells what the head of an answer bears, where the request or its answer has fields of its own.
fn tell_fields(plan: &plan::Client, at: usize, head: &str, hand: &mut Hand<'_>) {
    if let Some(Op::Ask(ask)) = plan.script.get(at)
        && ask.has_fields()
    {
        hand.tell(What::Bears(at, http::bears(head)));
    }
}

/// The head of a request.
pub(crate) fn head(client: u32, at: usize, ask: &Ask) -> String {
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
    let more = http::lines(&ask.fields);
    let fields = [upgrade, last, keeps, expect, &more, &body.unwrap_or_default()].concat();
    let (to, tail, host) = (&ask.to, &ask.tail, ask.host.as_deref().unwrap_or("h"));
    format!("{method} /{to}/{client}/{at}{tail} HTTP/{version}\r\nHost: {host}\r\n{fields}\r\n")
}

/// What asks for a WebSocket (RFC 6455 §1.3).
const HANDSHAKE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
