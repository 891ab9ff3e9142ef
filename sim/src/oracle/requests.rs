//! Each answer belongs to its request, and no backend is asked twice for what may not be done twice, or
//! asked on a used connection for what may not go there.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use underpass_core::route::Rules;

use super::guard;
use super::{Each, Found, Kind};
use crate::event::{Event, What, Who};
use crate::plan::{self, Answer, Ask, Client, Fault, Framing, Op, Plan, Then};

/// The requests of a run.
#[derive(Debug)]
pub(super) struct Requests {
    clients: Each<Asker>,
    /// How often each request came to a backend, and whether it was granted a tunnel.
    got: BTreeMap<(u32, usize), (u32, bool)>,
    /// Some requests may go to several backends, one after the other.
    fails_over: bool,
    /// The connections of backends that have served.
    used: BTreeSet<u32>,
}

/// One client's requests.
#[derive(Debug, Default)]
struct Asker {
    /// What stands at each place of its script, if that is a request.
    asks: Vec<Option<Box<Ask>>>,
    /// Nothing hinders its requests.
    calm: bool,
    /// Those that have no answer yet.
    open: VecDeque<usize>,
    /// Those that were answered on the present connection.
    answered: Vec<usize>,
    /// The statuses by which some must be turned away.
    away: BTreeMap<usize, u16>,
    /// Those that are of the subprotocol of their rule.
    spoken: BTreeSet<usize>,
}

impl Requests {
    pub(super) fn new(plan: &Plan, rules: &Rules) -> Self {
        let spoken = plan.asks().any(speaks);
        let full = plan.config.iter().any(|line| line.contains("max="));
        // Nobody notices a reload.
        let nothing = plan.faults.iter().all(|timed| timed.fault == Fault::Reload);
        // An end that is not said may be taken for what it is not.
        let calm = nothing && !spoken && !full && plan.network.tls.rude == 0;
        let clients = plan
            .clients
            .iter()
            .map(|client| (client.id, Asker::new(client, plan, calm && is_routed(client, plan))));
        let fails_over = rules.balancers.iter().any(|balancer| balancer.workers.len() > 1);
        let (clients, got, used) = (clients.collect(), BTreeMap::new(), BTreeSet::new());
        Self { clients, got, fails_over, used }
    }

    pub(super) fn see(&mut self, event: &Event, found: &mut Found) {
        match (event.who, &event.what) {
            (Who::Client(id), what) => self.client(id, what, event, found),
            (Who::Backend(number), &What::Gets(client, ask)) => {
                self.gets(number, (client, ask), event, found);
            }
            (Who::Backend(_), &What::Switches(client, ask)) => {
                self.got.entry((client, ask)).or_default().1 = true;
            }
            _ => {}
        }
    }

    fn gets(&mut self, number: u32, (client, at): (u32, usize), event: &Event, found: &mut Found) {
        let count = &mut self.got.entry((client, at)).or_default().0;
        *count += 1;
        let count = *count;
        let used = !self.used.insert(number);
        let Some(asker) = self.clients.get(&client) else { return };
        let Some(ask) = asker.ask(at) else { return };
        if let Some(status) = asker.away.get(&at) {
            let why = format!("request {at} of c{client} came in, and not a {status} to it");
            found.violate(Kind::Foreign, event, why);
        }
        let most = if ask.may_be_sent_twice() { 2 } else { 1 };
        let has_body = ask.upload().is_some_and(|upload| upload.bytes > 0);
        found.meet("a request with a body was sent once more", has_body && count > 1);
        if count > most && !self.fails_over {
            let why = format!("request {at} of c{client} came {count} times");
            found.violate(Kind::Repeated, event, why);
        }
        // It might be stale, and what was sent could not be sent again.
        let is_kept = ask.says_that_it_may_be_sent_twice() || ask.may_be_sent_twice() && count > 1;
        if used && !is_kept {
            let why = format!("request {at} of c{client} came on a connection that has served");
            found.violate(Kind::Repeated, event, why);
        }
    }

    fn client(&mut self, id: u32, what: &What, event: &Event, found: &mut Found) {
        let Some(asker) = self.clients.get_mut(&id) else { return };
        match what {
            What::Connects(_) => {
                asker.open.clear();
                asker.answered.clear();
            }
            What::Asks(ask) => asker.open.push_back(*ask),
            What::Heads(status, whose) => {
                asker.heads(id, (*status, *whose), &self.got, event, found);
            }
            What::Whole(ask) => {
                asker.open.retain(|open| open != ask);
                asker.answered.push(*ask);
            }
            What::Welcome(_) => found.met.add("a body waited until it was welcome"),
            What::Unanswered(ask) if asker.must(*ask).is_some() => {
                let why = format!("request {ask} has no answer, and nothing hinders it");
                found.violate(Kind::Refused, event, why);
            }
            _ => {}
        }
    }
}

impl Asker {
    fn new(client: &Client, plan: &Plan, calm: bool) -> Self {
        let ask = |op: &Op| if let Op::Ask(ask) = op { Some(ask.clone()) } else { None };
        let asks: Vec<_> = client.script.iter().map(ask).collect();
        let each = || (0..).zip(&asks).filter_map(|(at, ask)| Some((at, ask.as_deref()?)));
        let away = each().filter_map(|(at, ask)| Some((at, guard::turns_away(plan, ask)?)));
        let spoken = each().filter(|(_, ask)| guard::has_protocol(plan, ask) == Some(true));
        let (away, spoken) = (away.collect(), spoken.map(|(at, _)| at).collect());
        Self { calm: calm && is_calm(client), away, spoken, asks, ..Self::default() }
    }

    fn ask(&self, at: usize) -> Option<&Ask> {
        self.asks.get(at)?.as_deref()
    }

    /// The status by which that request must be answered.
    fn must(&self, at: usize) -> Option<u16> {
        let ask = self.ask(at).filter(|_| self.calm)?;
        match ask.reply.answer {
            _ if self.away.contains_key(&at) => self.away.get(&at).copied(),
            Answer::Body { status, .. } => Some(status),
            Answer::Switch { .. } => Some(101),
            _ => None,
        }
    }

    fn heads(
        &self,
        id: u32,
        (status, whose): (u16, Option<(u32, usize)>),
        got: &BTreeMap<(u32, usize), (u32, bool)>,
        event: &Event,
        found: &mut Found,
    ) {
        // What stands before any request is garbage, and its answer is the proxy's.
        let Some(&at) = self.open.front() else { return };
        let foreign = whose.is_some_and(|whose| whose != (id, at));
        if foreign || whose.is_none() && status < 400 {
            found.violate(Kind::Foreign, event, format!("a {status} for request {at}: {whose:?}"));
        }
        if whose.is_none() && status == 403 && self.away.get(&at) != Some(&status) {
            let why = format!("request {at} was turned away, and may come in");
            found.violate(Kind::Refused, event, why);
        }
        let got = got.get(&(id, at));
        if status == 101 && !got.is_some_and(|(_, granted)| *granted) {
            found.violate(Kind::Foreign, event, format!("request {at} was not granted a tunnel"));
        }
        if self.must(at).is_some_and(|must| must != status) {
            let why = format!("a {status} for request {at}, and nothing hinders it");
            found.violate(Kind::Refused, event, why);
        }
        let own = whose.is_none() && got.is_some();
        self.ask(at).into_iter().for_each(|ask| self.remember((at, ask), status, own, found));
    }

    /// What is remarkable in the head of an answer; the proxy's own, perhaps, to what a backend got.
    fn remember(&self, (at, ask): (usize, &Ask), status: u16, own: bool, found: &mut Found) {
        let before = |at: &usize| self.ask(*at).map(|ask| &ask.reply.answer);
        let last = self.answered.last().and_then(before);
        let exceeds = |answer: &Answer| matches!(answer, Answer::Body { then: Then::Excess, framing, .. } if *framing != Framing::Close);
        let told = |answer: &Answer| matches!(answer, Answer::Body { status: theirs, .. } if *theirs == status);
        let chunks =
            |answer: &Answer| matches!(answer, Answer::Body { framing: Framing::Chunks, .. });
        let pipelined =
            at.checked_sub(1).and_then(|at| self.ask(at)).is_some_and(|ask| ask.pipelined);
        let behind = last.is_some();
        let (good, answer) = (!own && status < 400, &ask.reply.answer);
        let upgrade = matches!(ask.kind, plan::Kind::Upgrade(_));
        let sent = ask.upload().is_some_and(|upload| upload.framing == Framing::Chunks);
        let away = |status: u16| !own && self.away.get(&at) == Some(&status);
        let all = [
            ("a handshake of no subprotocol found no rule", away(404) && upgrade),
            (
                "a handshake took the rule of its subprotocol",
                status == 101 && self.spoken.contains(&at),
            ),
            ("a page of another site was turned away", away(403)),
            ("a body came in chunks for a client of HTTP/1.0", good && ask.old && chunks(answer)),
            ("a body was sent in chunks", good && sent && !ask.reply.early),
            ("a client of HTTP/1.0 was kept", behind && ask.old),
            ("a client was kept behind a byte too many", last.is_some_and(exceeds)),
            ("a pipelined request was answered", behind && pipelined && status < 400),
            ("a request for an upgrade was not granted", upgrade && status != 101),
            ("an error was told in the proxy's own words", own && told(answer)),
            ("an upgrade on a connection that had carried exchanges", behind && status == 101),
        ];
        all.into_iter().for_each(|(what, is)| found.meet(what, is));
    }
}

/// Whether there is a rule and a backend for everything that the client asks for.
fn is_routed(client: &Client, plan: &Plan) -> bool {
    client.script.iter().all(|op| {
        let Op::Ask(ask) = op else { return true };
        let rule = format!("ProxyPass /{0}/ ws://{0}/", ask.to);
        plan.backends.iter().any(|backend| backend.name == ask.to)
            && plan.config.iter().any(|line| line.starts_with(&rule))
    })
}

/// Whether nothing about a request makes it fail, or its backend look bad.
pub(super) fn is_quick(ask: &Ask) -> bool {
    let quick = ask.reply.delay < 2_000 && ask.reply.pace.is_none();
    let plain = !ask.pipelined && !ask.old && ask.reply.interims <= 10;
    ask.is_good() && quick && plain && !speaks(ask)
}

/// Whether a backend says something unasked, which may be taken for the answer to anybody's next request.
fn speaks(ask: &Ask) -> bool {
    matches!(ask.reply.answer, Answer::Body { then: Then::Speak(_), .. })
}

/// Whether it does, perhaps in the same breath with its answer.
pub(super) fn says_too_much(ask: &Ask) -> bool {
    speaks(ask) || matches!(ask.reply.answer, Answer::Body { then: Then::Excess, .. })
}

/// Whether a client does nothing for which its requests may fail.
pub(super) fn is_calm(client: &Client) -> bool {
    client.script.iter().all(|op| match op {
        Op::Ask(ask) => is_quick(ask),
        Op::Sleep(millis) | Op::Rest(millis) => *millis < 2_000,
        Op::Expect(_) | Op::Send(_) | Op::HalfClose => true,
        Op::Abort | Op::Dribble(_) | Op::Garbage(_) | Op::Sip(_) => false,
    })
}
