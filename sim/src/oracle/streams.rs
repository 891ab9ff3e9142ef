//! The bytes of tunnels: what is heard is what was said, all of it if it ended well, and each end arrives.

use std::collections::BTreeMap;

use underpass_core::report::Close;
use underpass_core::time::{Time, Wait};
use underpass_core::{Both, Op, Side};

use super::links::Links;
use super::prompt::Prompt;
use super::{Each, Found, Kind, Violation};
use crate::event::{Event, What, Who};
use crate::outcome::Outcome;

/// The tunnels of a run.
#[derive(Debug)]
pub(super) struct Streams {
    tunnels: BTreeMap<(u32, usize), Tunnel>,
    /// The request that each client, and each connection of a backend, is at.
    clients: Each<usize>,
    backends: Each<(u32, usize)>,
    /// The requests that each session may have got.
    asked: Each<Vec<(u32, usize)>>,
    prompt: Prompt,
}

/// A tunnel, or what may become one.
#[derive(Debug, Default)]
struct Tunnel {
    ends: Both<End>,
    /// When the backend has granted it.
    granted: Option<Time>,
    /// The client knows.
    opened: bool,
    /// It may end otherwise than by itself.
    excused: bool,
    /// A leg of it broke, or was given up.
    broken: bool,
    /// When the proxy found that it had lost each side.
    lost: Both<Option<Time>>,
    /// When the proxy let go of it.
    over: Option<Time>,
}

/// One end of it.
#[derive(Debug, Default)]
struct End {
    said: u64,
    heard: u64,
    /// When it last heard something.
    last: Time,
    /// When it said that nothing more comes.
    ended: Option<Time>,
    heard_end: bool,
    /// It broke, or left without waiting.
    gone: bool,
}

impl Streams {
    pub(super) fn new(prompt: Prompt) -> Self {
        Self {
            tunnels: BTreeMap::new(),
            clients: Each::new(),
            backends: Each::new(),
            asked: Each::new(),
            prompt,
        }
    }

    pub(super) fn see(&mut self, event: &Event, links: &Links, found: &mut Found) {
        match (event.who, &event.what) {
            (Who::Client(id), What::Asks(ask)) => {
                self.clients.insert(id, *ask);
                if let Some(session) = links.session(id) {
                    self.asked.entry(session).or_default().push((id, *ask));
                }
            }
            (Who::Backend(number), &What::Switches(client, ask)) => {
                // Another backend may have granted it before, and have broken off before anybody saw.
                self.backends.retain(|_, key| *key != (client, ask));
                self.backends.insert(number, (client, ask));
                let tunnel = self.tunnels.entry((client, ask)).or_default();
                tunnel.granted = Some(event.at);
                (tunnel.ends.backend, tunnel.lost.backend) = (End::default(), None);
                let waited = tunnel.ends.client.said > 0;
                found.meet("early bytes waited for their tunnel", waited);
            }
            (Who::Session(number), what) if excuses(what) => {
                for key in self.asked.get(&number).into_iter().flatten() {
                    self.tunnels.entry(*key).or_default().is_excused_by(what, event.at);
                }
            }
            (Who::Session(number), What::Gone) => {
                for key in self.asked.get(&number).into_iter().flatten() {
                    let granted = self.tunnels.get_mut(key).filter(|it| it.granted.is_some());
                    granted.into_iter().for_each(|tunnel| tunnel.over = Some(event.at));
                }
            }
            (Who::Client(id), _) => {
                let Some(&ask) = self.clients.get(&id) else { return };
                self.end_sees((id, ask), Side::Client, event, found);
            }
            (Who::Backend(number), _) => {
                let Some(&key) = self.backends.get(&number) else { return };
                self.end_sees(key, Side::Backend, event, found);
            }
            _ => {}
        }
    }

    fn end_sees(&mut self, key: (u32, usize), side: Side, event: &Event, found: &mut Found) {
        let tunnel = self.tunnels.entry(key).or_default();
        if matches!(event.what, What::Ends | What::Breaks(_)) {
            tunnel.hears_of_it(side, &self.prompt, event, found);
        }
        let end = &mut tunnel.ends[side];
        match event.what {
            What::Heads(status, _) => tunnel.opened |= status == 101,
            What::Says(count) => end.said += u64::from(count),
            What::Hears(count) => {
                end.heard += u64::from(count);
                end.last = event.at;
                tunnel.hears(side, event, found);
            }
            What::HalfCloses => {
                end.ended = Some(event.at);
                let early =
                    side == Side::Client && tunnel.granted.is_none() && tunnel.ends.client.said > 0;
                found.meet("a client ended before its tunnel opened", early);
            }
            What::Ends => {
                end.heard_end = true;
                if tunnel.granted.is_some() {
                    tunnel.hears_end(side, self.prompt.ended, event, found);
                }
            }
            What::Aborts | What::Breaks(_) | What::GivesUp => end.gone = true,
            _ => {}
        }
    }

    /// At the end each end has heard of the other's.
    pub(super) fn end(&self, found: &mut Found) {
        for ((client, ask), tunnel) in &self.tunnels {
            for side in Side::BOTH {
                let (to, from) = (&tunnel.ends[side], &tunnel.ends[!side]);
                let over = tunnel.over.filter(|_| self.prompt.told.is_some());
                let ended = from.ended.or(over).filter(|_| tunnel.opened);
                if let Some(at) = ended.filter(|_| !to.heard_end && !to.gone) {
                    let (kind, who) = (Kind::Stuck, Who::Client(*client));
                    let why = format!("the end in the tunnel {ask} never came to the {side}");
                    found.violations.push(Violation { kind, at, who, why });
                }
            }
        }
    }
}

impl Tunnel {
    fn hears(&self, side: Side, event: &Event, found: &mut Found) {
        let (heard, said) = (self.ends[side].heard, self.ends[!side].said);
        if heard > said {
            let why = format!("{heard} bytes were heard, {said} were said");
            found.violate(Kind::Wrong, event, why);
        }
        let half = self.ends[side].ended.is_some() && heard > 0;
        found.meet("a tunnel carried bytes after one side had ended", half);
    }

    fn is_excused_by(&mut self, what: &What, at: Time) {
        self.excused = true;
        self.broken |= !is_clock(what);
        if let What::Makes(op, Outcome::Broke(_)) = what
            && let Some(side) = leg(*op).filter(|_| self.granted.is_some())
        {
            self.lost[side].get_or_insert(at);
        }
    }

    /// That side finds its connection over: soon after the proxy has lost the other one, or let go of it, if it
    /// has not before.
    fn hears_of_it(&self, side: Side, prompt: &Prompt, event: &Event, found: &mut Found) {
        let end = &self.ends[side];
        if end.heard_end || end.gone {
            return;
        }
        // Who has no tunnel yet is answered, and may be kept; who is lost too cannot be told.
        let knows = side == Side::Backend || self.opened;
        let lost = self.lost[!side].filter(|_| knows && self.lost[side].is_none());
        let causes = [
            ("robbed of the other side", lost.zip(prompt.ended)),
            ("over", self.over.zip(prompt.told)),
        ];
        for (what, (at, most)) in causes.into_iter().filter_map(|(what, when)| Some((what, when?)))
        {
            if event.at.since(at.max(end.last)) > most {
                let why = format!("the tunnel was {what} at {at}, and the {side} was not told");
                found.violate(Kind::Late, event, why);
            }
        }
    }

    fn hears_end(&self, side: Side, prompt: Option<Wait>, event: &Event, found: &mut Found) {
        let (to, from) = (&self.ends[side], &self.ends[!side]);
        // Whose connection has broken finds an end that nobody has sent.
        if to.gone {
            return;
        }
        if from.ended.is_none() && !from.gone && !self.excused {
            let why = format!("the {} has not ended", !side);
            found.violate(Kind::Invented, event, why);
        }
        let Some(ended) = from.ended.filter(|_| !from.gone) else { return };
        if to.heard < from.said && !self.excused {
            let why = format!("{} of {} bytes came, and then the end", to.heard, from.said);
            found.violate(Kind::Lost, event, why);
        }
        let began = self.granted.unwrap_or_default();
        let since = event.at.since(ended.max(to.last).max(began));
        if prompt.is_some_and(|prompt| since > prompt) && !self.broken {
            let why = format!("the end of the {} took {since}", !side);
            found.violate(Kind::Late, event, why);
        }
    }
}

/// Whose leg a move is made on, if it is one.
fn leg(op: Op) -> Option<Side> {
    match op {
        Op::Fill(side) | Op::Flush(side) | Op::Pull(side) | Op::Push(side) => Some(side),
        Op::Secure(side) | Op::Shut(side) | Op::Watch(side) => Some(side),
        _ => None,
    }
}

/// Whether a tunnel may end otherwise than by itself because of that.
fn excuses(what: &What) -> bool {
    match what {
        What::Makes(_, Outcome::Broke(_)) => true,
        What::Reports(told) => !matches!(told.0.close, Close::Ended(_) | Close::Answered),
        _ => false,
    }
}

/// Whether a tunnel was only silent for too long.
fn is_clock(what: &What) -> bool {
    matches!(what, What::Reports(told) if matches!(told.0.close, Close::Idle | Close::HalfClosed))
}
