//! Cuts a plan that fails down to what it fails by: less and less of it, as long as the same kind of
//! thing goes wrong.

use crate::oracle::Kind;
use crate::plan::{Answer, Client, Network, Op, Plan, Timed};

/// What came of cutting a plan down.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The smallest plan that was found to fail in the same way.
    pub plan: Plan,
    /// How often a plan was run.
    pub runs: u32,
}

/// Cuts a plan down, by running it so often at the most. `fails` says what kind of thing goes wrong
/// first in a run of a plan, if anything does.
pub fn shrink(
    plan: &Plan,
    kind: Kind,
    runs_most: u32,
    fails: &mut dyn FnMut(&Plan) -> Option<Kind>,
) -> Shrunk {
    let mut cutter = Cutter { plan: plan.clone(), kind, runs: 0, runs_most, fails };
    loop {
        let before = cutter.plan.clone();
        cutter.round();
        if cutter.plan == before || cutter.runs >= runs_most {
            return Shrunk { plan: cutter.plan, runs: cutter.runs };
        }
    }
}

/// How often the network's chance is drawn anew for a plan with one client less.
const LUCK: u64 = 16;

struct Cutter<'f> {
    plan: Plan,
    kind: Kind,
    runs: u32,
    runs_most: u32,
    fails: &'f mut dyn FnMut(&Plan) -> Option<Kind>,
}

impl Cutter<'_> {
    /// Takes the smaller plan if it fails in the same way.
    fn dare(&mut self, plan: Plan) -> bool {
        if plan == self.plan || self.runs >= self.runs_most {
            return false;
        }
        self.runs += 1;
        let same = (self.fails)(&plan) == Some(self.kind);
        if same {
            self.plan = plan;
        }
        same
    }

    fn edit(&mut self, edit: impl FnOnce(&mut Plan)) -> bool {
        let mut plan = self.plan.clone();
        edit(&mut plan);
        self.dare(plan)
    }

    fn round(&mut self) {
        self.cut(&|plan| Some(&mut plan.faults));
        self.cut(&|plan| Some(&mut plan.clients));
        self.join();
        self.draw_again();
        for client in 0..self.plan.clients.len() {
            self.cut(&|plan| Some(&mut plan.clients.get_mut(client)?.script));
            for at in 0..self.plan.clients[client].script.len() {
                self.cut(&|plan| talk(op(plan, client, at)?));
                self.cut(&|plan| ask(op(plan, client, at)?).map(|ask| &mut ask.fields));
                self.cut(&|plan| ask(op(plan, client, at)?).map(|ask| &mut ask.reply.fields));
                self.simplify(client, at);
            }
            self.edit(|plan| plan.clients[client].start = 0);
            self.edit(|plan| plan.clients[client].behind = None);
        }
        self.cut(&|plan| Some(&mut plan.config));
        for fault in 0..self.plan.faults.len() {
            self.soften(fault);
        }
        self.calm();
    }

    /// Leaves out as much of a list as can be: halves of it first, then single things (ddmin).
    fn cut<T>(&mut self, list: &dyn Fn(&mut Plan) -> Option<&mut Vec<T>>) {
        let length = |plan: &mut Plan| list(plan).map_or(0, |list| list.len());
        let mut size = length(&mut self.plan);
        while size > 0 {
            let mut from = 0;
            while from < length(&mut self.plan) {
                let cut = self.edit(|plan| {
                    if let Some(list) = list(plan) {
                        list.drain(from..list.len().min(from + size));
                    }
                });
                from += if cut { 0 } else { size };
            }
            size /= 2;
        }
    }

    /// Lets one client do what another one does, behind what it does itself: at once, or as much later.
    fn join(&mut self) {
        let mut second = 0;
        while second < self.plan.clients.len() {
            let joins =
                (0..self.plan.clients.len()).filter(|first| *first != second).any(|first| {
                    self.edit(|plan| join(plan, first, second, true))
                        || self.edit(|plan| join(plan, first, second, false))
                });
            second += usize::from(!joins);
        }
    }

    /// Leaves out a client that only moved the others' chances, by drawing those anew.
    fn draw_again(&mut self) {
        for client in (0..self.plan.clients.len()).rev() {
            if self.plan.clients.len() == 1 {
                return;
            }
            (1..=LUCK).any(|chance| {
                self.edit(|plan| {
                    plan.clients.remove(client);
                    plan.network.chance = chance;
                })
            });
        }
    }

    /// Makes one step of a script, and what the backend does with it, as plain as can be.
    fn simplify(&mut self, client: usize, at: usize) {
        let edits: [fn(&mut Op); 10] = [
            |op| on_ask(op, |ask| ask.pipelined = false),
            |op| on_ask(op, |ask| (ask.old, ask.last) = (false, false)),
            |op| on_ask(op, |ask| ask.tail.clear()),
            |op| on_ask(op, |ask| ask.host = None),
            |op| on_ask(op, |ask| ask.reply.delay = 0),
            |op| on_ask(op, |ask| ask.reply.interims = 0),
            |op| on_ask(op, |ask| ask.reply.pace = None),
            |op| on_ask(op, |ask| ask.reply.early = false),
            |op| on_ask(op, |ask| ask.kind = crate::plan::Kind::Get),
            |op| on_ask(op, |ask| ask.to = "b0".to_owned()),
        ];
        for edit in edits {
            self.edit(|plan| {
                op(plan, client, at).map(edit);
            });
        }
        for size in 0..sizes(op(&mut self.plan, client, at)).len() {
            self.lessen(&|plan| sizes(op(plan, client, at)).into_iter().nth(size));
        }
    }

    /// Makes a number as small as can be.
    fn lessen(&mut self, number: &dyn Fn(&mut Plan) -> Option<&mut u32>) {
        for less in [|_| 0, |_| 1, |size| size / 2, |size| size - 1] as [fn(u32) -> u32; 4] {
            while number(&mut self.plan).is_some_and(|size| *size > 1)
                && self.edit(|plan| {
                    if let Some(size) = number(plan) {
                        *size = less(*size);
                    }
                })
            {}
        }
    }

    /// Lets a fault begin at round moments, or at once.
    fn soften(&mut self, fault: usize) {
        for round in [10_000, 1_000, 100, 10] {
            self.edit(|plan| round_down(&mut plan.faults[fault], round));
        }
    }

    /// Makes the network, the proxy and the backends as ordinary as can be.
    fn calm(&mut self) {
        let plain = Network::default();
        self.edit(|plan| {
            plan.network = Network { chance: plan.network.chance, ..Network::default() }
        });
        self.edit(|plan| plan.network.latency = plain.latency);
        self.edit(|plan| plan.network.segment = plain.segment);
        self.edit(|plan| plan.network.window = plain.window);
        self.edit(|plan| plan.network.call = plain.call);
        self.edit(|plan| plan.network.hesitates = 0);
        self.edit(|plan| plan.network.lag = 0);
        self.edit(|plan| plan.network.chance = 0);
        self.edit(|plan| plan.loops = 1);
        for backend in 0..self.plan.backends.len() {
            self.edit(|plan| plan.backends[backend].dead = 0);
        }
        self.cut(&|plan| Some(&mut plan.backends));
    }
}

fn op(plan: &mut Plan, client: usize, at: usize) -> Option<&mut Op> {
    plan.clients.get_mut(client)?.script.get_mut(at)
}

/// Leaves out the second client, and has the first one do what it did.
fn join(plan: &mut Plan, first: usize, second: usize, waits: bool) {
    let Client { start, script, .. } = plan.clients[second].clone();
    let first = &mut plan.clients[first];
    let later = u32::try_from(start.saturating_sub(first.start)).unwrap_or(0);
    first.script.extend((waits && later > 0).then_some(Op::Sleep(later)));
    first.script.extend(script);
    plan.clients.remove(second);
}

/// What the backend does in the tunnel that is asked for, if one is.
fn talk(op: &mut Op) -> Option<&mut Vec<Op>> {
    let answer = &mut ask(op)?.reply.answer;
    if let Answer::Switch { script, .. } = answer { Some(script) } else { None }
}

fn ask(op: &mut Op) -> Option<&mut crate::plan::Ask> {
    if let Op::Ask(ask) = op { Some(ask) } else { None }
}

fn on_ask(op: &mut Op, edit: impl FnOnce(&mut crate::plan::Ask)) {
    ask(op).map(edit);
}

/// Every number of a step that may be smaller.
fn sizes(op: Option<&mut Op>) -> Vec<&mut u32> {
    let Some(op) = op else { return Vec::new() };
    match op {
        Op::Expect(size) | Op::Rest(size) | Op::Send(size) | Op::Sleep(size) => vec![size],
        Op::Ask(ask) => {
            let mut all: Vec<_> = match &mut ask.kind {
                crate::plan::Kind::Upgrade(early) => vec![early],
                crate::plan::Kind::Post(upload) | crate::plan::Kind::Put(upload) => {
                    vec![&mut upload.bytes]
                }
                crate::plan::Kind::Get => Vec::new(),
            };
            match &mut ask.reply.answer {
                Answer::Body { bytes, .. } | Answer::Short(bytes) => all.push(bytes),
                Answer::Switch { early, script } => {
                    all.push(early);
                    all.extend(script.iter_mut().flat_map(|op| sizes(Some(op))));
                }
                Answer::Hangup
                | Answer::Lie
                | Answer::Nonsense
                | Answer::Reset
                | Answer::Silence => {}
            }
            all
        }
        Op::Abort | Op::Dribble(_) | Op::Garbage(_) | Op::HalfClose | Op::Sip(_) => Vec::new(),
    }
}

fn round_down(timed: &mut Timed, to: u64) {
    timed.at -= timed.at % to;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    /// The "failure" is that a client sends anything in a tunnel: what is left is just that.
    #[test]
    fn what_the_failure_does_not_need_is_cut_away() {
        let needs = |plan: &Plan| {
            let mut ops = plan.clients.iter().flat_map(|client| &client.script);
            ops.any(|op| matches!(op, Op::Send(size) if *size > 100)).then_some(Kind::Lost)
        };
        let plan = (0..).map(|seed| Scenario::Swarm.draw(seed)).find(|plan| needs(plan).is_some());
        let shrunk = shrink(&plan.expect("one sends"), Kind::Lost, 5_000, &mut |plan| needs(plan));
        let scripts: Vec<_> = shrunk.plan.clients.iter().map(|client| &client.script[..]).collect();
        assert_eq!(scripts, [&[Op::Send(101)][..]]);
        assert!(shrunk.plan.faults.is_empty() && shrunk.plan.backends.is_empty());
    }

    /// The "failure" is that one step comes long after another, whoever takes them.
    #[test]
    fn what_two_clients_do_is_done_by_one_if_it_can_be() {
        let needs = |plan: &Plan| {
            let ops: Vec<_> = plan.clients.iter().flat_map(|client| &client.script).collect();
            let all = [Op::Send(7), Op::HalfClose].iter().all(|op| ops.contains(&op));
            let sleeps = ops.iter().any(|op| matches!(op, Op::Sleep(millis) if *millis >= 90));
            let apart = plan.clients.len() > 1 || sleeps;
            (all && apart).then_some(Kind::Lost)
        };
        let client = |id, start, op| Client { id, behind: None, start, script: vec![op] };
        let mut plan = Scenario::Storm.draw(1);
        plan.clients = vec![client(8, 105, Op::HalfClose), client(3, 10, Op::Send(7))];
        let shrunk = shrink(&plan, Kind::Lost, 5_000, &mut |plan| needs(plan));
        let script = [Op::Send(7), Op::Sleep(90), Op::HalfClose].into();
        assert_eq!(shrunk.plan.clients, [Client { id: 3, behind: None, start: 0, script }]);
    }

    #[test]
    fn another_kind_of_failure_is_not_followed() {
        let plan = Scenario::Storm.draw(1);
        let shrunk = shrink(&plan, Kind::Lost, 100, &mut |_| Some(Kind::Stuck));
        assert_eq!(shrunk.plan, plan);
    }
}
