//! Each head bears what the configuration makes of it, and nothing that it is to leave out.

use std::collections::BTreeMap;

use super::edits::{Edits, came};
use super::{Each, Found, Kind};
use crate::event::{Event, What, Who};
use crate::plan::{Ask, Op, Plan};

/// The heads of a run.
#[derive(Debug)]
pub(super) struct Heads {
    edits: Edits,
    asks: BTreeMap<(u32, usize), Box<Ask>>,
    /// The client whose request each connection of a backend's got last.
    got: Each<u32>,
    /// The status that each client got last, and whether it was one of the proxy's own.
    statuses: Each<(u16, bool)>,
}

impl Heads {
    pub(super) fn new(plan: &Plan) -> Self {
        let ask = |client, (at, op): (usize, &Op)| match op {
            Op::Ask(ask) => Some(((client, at), ask.clone())),
            _ => None,
        };
        let asks = plan.clients.iter().flat_map(|client| {
            client.script.iter().enumerate().filter_map(move |step| ask(client.id, step))
        });
        let (got, statuses) = (Each::new(), Each::new());
        Self { edits: Edits::of(&plan.config), asks: asks.collect(), got, statuses }
    }

    pub(super) fn see(&mut self, event: &Event, found: &mut Found) {
        match (event.who, &event.what) {
            (Who::Backend(number), What::Gets(client, _)) => drop(self.got.insert(number, *client)),
            (Who::Backend(number), What::Bears(at, fields)) => {
                let client = self.got.get(&number).copied().unwrap_or_default();
                let Some(ask) = self.asks.get(&(client, *at)) else { return };
                let should = self.edits.request(ask);
                remember_request(ask, &should, found);
                judge(&should, fields, event, found);
            }
            (Who::Client(id), What::Heads(status, whose)) => {
                self.statuses.insert(id, (*status, whose.is_none()));
            }
            (Who::Client(id), What::Bears(at, fields)) => {
                let Some(&(status, own)) = self.statuses.get(&id) else { return };
                let Some(ask) = self.asks.get(&(id, *at)) else { return };
                // What could not be read is about no path, and has no variables.
                if own && [400, 408].contains(&status) {
                    return;
                }
                let should = self.edits.response(ask, own);
                remember_response(ask, &should, (status, own), found);
                judge(&should, fields, event, found);
            }
            _ => {}
        }
    }
}

fn judge(should: &[String], fields: &[String], event: &Event, found: &mut Found) {
    if should != fields {
        found.violate(Kind::Unedited, event, format!("{fields:?}, and not {should:?}"));
    }
}

fn remember_request(ask: &Ask, should: &[String], found: &mut Found) {
    let bears = |name: &str| should.iter().any(|field| field.starts_with(name));
    let hops = |name: &str| ask.says("Connection").any(|list| list.contains(name));
    found.meet("a request was edited", came(&ask.fields) != should);
    let secret = ask.says("X-Sim-Secret").next().is_some() && !bears("x-sim-secret");
    found.meet("what was to be left out of a request was", secret);
    let hop = hops("x-sim-hop") && bears("x-sim-hop");
    found.meet("what a client called its connection's was set all the same", hop);
}

fn remember_response(ask: &Ask, should: &[String], (status, own): (u16, bool), found: &mut Found) {
    let came = came(&ask.reply.fields);
    let changed = |name: &str| {
        let of = |fields: &[String]| fields.iter().find(|field| field.starts_with(name)).cloned();
        !own && of(&came) != of(should)
    };
    let edited = !own && came != should;
    let all = [
        ("a backend's cookie became ours", changed("set-cookie")),
        ("a backend's URL became ours", changed("location")),
        ("an answer of the proxy's own was edited", own && !should.is_empty()),
        ("a response was edited", edited && status != 101),
        ("the head that opened a tunnel was edited", edited && status == 101),
    ];
    all.into_iter().for_each(|(what, is)| found.meet(what, is));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;
    use underpass_core::time::Time;

    /// What is found when a backend finds those fields in a request, under those lines.
    fn found(config: &[&str], asked: &[&str], got: &[&str]) -> Vec<Kind> {
        let own = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let mut plan = Scenario::Storm.draw(1);
        plan.config = own(config);
        let id = plan.clients[0].id;
        let Some(Op::Ask(ask)) = plan.clients[0].script.first_mut() else {
            unreachable!("a storm begins with a request")
        };
        (ask.fields, ask.to) = (own(asked), "b0".to_owned());
        let (mut heads, mut found) = (Heads::new(&plan), Found::default());
        for what in [What::Gets(id, 0), What::Bears(0, own(got))] {
            heads.see(&Event { at: Time::ZERO, who: Who::Backend(1), what }, &mut found);
        }
        found.violations.into_iter().map(|violation| violation.kind).collect()
    }

    #[test]
    fn a_head_bears_what_it_should_and_no_more() {
        let unset = ["RequestHeader unset X-Sim-A"];
        assert_eq!(found(&unset, &["X-Sim-A: 1", "X-Sim-B: 2"], &["x-sim-b: 2"]), []);
        let passes = found(&unset, &["X-Sim-A: 1"], &["x-sim-a: 1"]);
        assert_eq!(passes, [Kind::Unedited]);
        assert_eq!(found(&["RequestHeader set X-Sim-A 1"], &[], &[]), [Kind::Unedited]);
    }

    #[test]
    fn edits_are_of_their_paths_and_hang_on_variables() {
        let lines = [
            "<Location /b0/>",
            "RequestHeader append X-Sim-A %{v}e env=v",
            "</Location>",
            "<Location /b1/>",
            "RequestHeader unset X-Sim-A",
            "</Location>",
            "SetEnvIf X-Sim-Mark ^on$ v=w",
        ];
        let marked = ["X-Sim-A: 1", "X-Sim-Mark: on"];
        assert_eq!(found(&lines, &marked, &["x-sim-a: 1, w", "x-sim-mark: on"]), []);
        assert_eq!(found(&lines, &["X-Sim-A: 1"], &["x-sim-a: 1"]), []);
    }
}
