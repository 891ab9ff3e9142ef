//! Each answer belongs to its request, and no backend is asked twice for what may not be done twice.

use std::collections::{BTreeMap, VecDeque};

use super::{Each, Found, Kind};
use crate::event::{Event, What, Who};
use crate::plan::{Answer, Client, Op, Plan, Then};

/// The requests of a run.
#[derive(Debug)]
pub(super) struct Requests {
    clients: Each<Asker>,
    /// How often each request came to a backend, and whether it was granted a tunnel.
    got: BTreeMap<(u32, usize), (u32, bool)>,
}

/// One client's requests.
#[derive(Debug, Default)]
struct Asker {
    /// Those that have no answer yet.
    open: VecDeque<usize>,
    /// Those that may be sent to a backend twice, and those with the status that must be answered.
    twice: Vec<bool>,
    must: Vec<Option<u16>>,
    pipelined: Vec<bool>,
    upgrades: Vec<bool>,
    /// Answers on the present connection.
    answered: u32,
}

impl Requests {
    pub(super) fn new(plan: &Plan) -> Self {
        // What a backend says unasked may be taken for the answer to anybody's next request.
        let speaks = |op: &Op| {
            let Op::Ask(ask) = op else { return false };
            matches!(ask.reply.answer, Answer::Body { then: Then::Speak(_), .. })
        };
        let spoken = plan.clients.iter().flat_map(|client| &client.script).any(speaks);
        let full = plan.config.iter().any(|line| line.contains("max="));
        let calm = plan.faults.is_empty() && !spoken && !full;
        let clients = plan
            .clients
            .iter()
            .map(|client| (client.id, Asker::new(client, calm && is_routed(client, plan))));
        Self { clients: clients.collect(), got: BTreeMap::new() }
    }

    pub(super) fn see(&mut self, event: &Event, found: &mut Found) {
        match (event.who, &event.what) {
            (Who::Client(id), what) => self.client(id, what, event, found),
            (Who::Backend(_), &What::Gets(client, ask)) => self.gets(client, ask, event, found),
            (Who::Backend(_), &What::Switches(client, ask)) => {
                self.got.entry((client, ask)).or_default().1 = true;
            }
            _ => {}
        }
    }

    fn gets(&mut self, client: u32, ask: usize, event: &Event, found: &mut Found) {
        let count = &mut self.got.entry((client, ask)).or_default().0;
        *count += 1;
        let asker = self.clients.get(&client);
        let twice = asker.and_then(|asker| asker.twice.get(ask)).is_some_and(|twice| *twice);
        if *count > if twice { 2 } else { 1 } {
            let why = format!("request {ask} of c{client} came {count} times");
            found.violate(Kind::Repeated, event, why);
        }
    }

    fn client(&mut self, id: u32, what: &What, event: &Event, found: &mut Found) {
        let Some(asker) = self.clients.get_mut(&id) else { return };
        match what {
            What::Connects(_) => {
                asker.open.clear();
                asker.answered = 0;
            }
            What::Asks(ask) => asker.open.push_back(*ask),
            What::Heads(status, whose) => {
                asker.heads(id, (*status, *whose), &self.got, event, found);
            }
            What::Whole(ask) => {
                asker.open.retain(|open| open != ask);
                asker.answered += 1;
            }
            What::Unanswered(ask) if asker.must.get(*ask).is_some_and(Option::is_some) => {
                let why = format!("request {ask} has no answer, and nothing hinders it");
                found.violate(Kind::Refused, event, why);
            }
            _ => {}
        }
    }
}

impl Asker {
    fn new(client: &Client, calm: bool) -> Self {
        let calm = calm && is_calm(client);
        let asks =
            client.script.iter().map(|op| if let Op::Ask(ask) = op { Some(ask) } else { None });
        let mut asker = Self::default();
        for ask in asks {
            asker.twice.push(ask.is_some_and(|ask| ask.may_be_sent_twice()));
            asker.pipelined.push(ask.is_some_and(|ask| ask.pipelined));
            asker
                .upgrades
                .push(ask.is_some_and(|ask| matches!(ask.kind, crate::plan::Kind::Upgrade(_))));
            asker.must.push(ask.filter(|_| calm).and_then(|ask| match &ask.reply.answer {
                Answer::Body { status, .. } => Some(*status),
                Answer::Switch { .. } => Some(101),
                _ => None,
            }));
        }
        asker
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
        let Some(&ask) = self.open.front() else { return };
        let foreign = whose.is_some_and(|whose| whose != (id, ask));
        if foreign || whose.is_none() && status < 400 {
            found.violate(Kind::Foreign, event, format!("a {status} for request {ask}: {whose:?}"));
        }
        let granted = got.get(&(id, ask)).is_some_and(|(_, granted)| *granted);
        if status == 101 && !granted {
            found.violate(Kind::Foreign, event, format!("request {ask} was not granted a tunnel"));
        }
        if self.must[ask].is_some_and(|must| must != status) {
            let why = format!("a {status} for request {ask}, and nothing hinders it");
            found.violate(Kind::Refused, event, why);
        }
        let upgrade = self.upgrades[ask];
        found.meet("a request for an upgrade was not granted", upgrade && status != 101);
        let behind = self.answered > 0;
        found
            .meet("an upgrade on a connection that had carried exchanges", behind && status == 101);
        let before = ask.checked_sub(1).is_some_and(|before| self.pipelined[before]);
        found.meet("a pipelined request was answered", behind && before && status < 400);
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

/// Whether a client does nothing for which its requests may fail.
fn is_calm(client: &Client) -> bool {
    client.script.iter().all(|op| match op {
        Op::Ask(ask) => {
            let quick = ask.reply.delay < 2_000 && ask.reply.pace.is_none();
            let plain = !ask.pipelined && !ask.old && ask.reply.interims <= 10;
            ask.is_good() && quick && plain
        }
        Op::Sleep(millis) | Op::Rest(millis) => *millis < 2_000,
        Op::Expect(_) | Op::Send(_) | Op::HalfClose => true,
        Op::Abort | Op::Dribble(_) | Op::Garbage(_) => false,
    })
}
