//! What is asked of the pool for a request, and what the answer changes.

use super::Cx;
use super::deal::Deal;
use crate::balance::{Ask, Lease, Purpose, sticky};
use crate::edit::vars;
use crate::head::Request;
use crate::negotiate::Offer;
use crate::route::{Caller, Owner, Rules, Said, Scope};
use crate::time::{Time, Wait};

/// How often who waits for a worker asks again, at the most and at the least.
const PACE_MOST: Wait = Wait::from_millis(20);
const PACE_LEAST: Wait = Wait::from_secs(1);

impl Deal {
    /// It waits for a worker from now on; gives for how long at the most.
    pub(super) fn await_worker(&mut self, cx: &Cx<'_>) -> Time {
        self.ask_again(cx);
        cx.now.after(self.terms.acquire)
    }

    /// It asks for a worker once more, and then again later.
    pub(super) fn ask_again(&mut self, cx: &Cx<'_>) {
        self.asks_again = self.pace(cx.rules).map_or(Time::NEVER, |pace| cx.now.after(pace));
    }

    /// How often who waits asks again, where that may change because time passes: as often as httpd does
    /// (a hundred times in its `timeout=`), and at least once a second.
    fn pace(&self, rules: &Rules) -> Option<Wait> {
        let balancer = rules.balancer(self.ask.balancer)?;
        let often = Wait::from_micros(balancer.patience.as_micros() / 100);
        let pace = if balancer.patience == Wait::ZERO { PACE_LEAST } else { often };
        balancer.is_group().then(|| pace.clamp(PACE_MOST, PACE_LEAST))
    }

    /// A worker was elected: from now on it is spoken to as is said of it.
    pub(super) fn serve_by(&mut self, lease: &Lease, rules: &Rules) {
        self.tell_elected(lease, rules);
        let worker = rules.worker(lease.worker());
        let (Some(worker), Some(said)) = (worker, rules.at(&self.place)) else {
            return;
        };
        let manner = said.manner(worker);
        self.host.iter_mut().for_each(|it| it.serve_by(worker));
        self.reuses = worker.idle.is_some() && !self.changes.is_set(vars::NO_KEEP_ALIVE);
        (self.terms.connect, self.terms.answer) = (manner.connect, manner.answer);
        self.manner = manner;
    }

    /// Sets the variables that httpd sets of who was elected.
    fn tell_elected(&mut self, lease: &Lease, rules: &Rules) {
        let balancer = rules.balancer(self.ask.balancer);
        let member = rules.worker(lease.worker()).and_then(|worker| worker.member.as_deref());
        let (Some(balancer), Some(member)) = (balancer, member) else { return };
        let elected = member.owner(lease.address());
        let route = |owner: Option<Owner>| Some(balancer.route(owner?)?.into_bytes());
        let changed = balancer.sticky.is_some() && self.ask.owner != elected;
        let named = balancer.name.as_ref().map(|name| format!("balancer://{name}").into_bytes());
        let sticky = balancer.sticky.as_ref().map(|sticky| sticky.cookie.clone().into_bytes());
        let says = [
            (vars::BALANCER_NAME, named),
            (vars::BALANCER_WORKER_NAME, Some(member.target.to_string().into_bytes())),
            (vars::BALANCER_WORKER_ROUTE, route(elected)),
            (vars::BALANCER_SESSION_STICKY, sticky),
            (vars::BALANCER_SESSION_ROUTE, route(self.ask.owner)),
            (vars::BALANCER_ROUTE_CHANGED, changed.then(|| b"1".to_vec())),
        ];
        self.changes.elected(says);
    }
}

/// What is asked of the pool: upgrades are bounded by what is said of their path.
pub(super) fn ask(
    request: &Request<'_, '_>,
    offer: &Offer,
    said: &Said<'_>,
    caller: Caller,
    rules: &Rules,
) -> Ask {
    let Scope { tunnels: quota, handshakes, .. } = *said.scope;
    let purpose = match offer {
        Offer::None => Purpose::Exchange,
        Offer::WebSocket(_) | Offer::Other(_) => Purpose::Tunnel { quota, handshakes },
    };
    let (id, client) = (said.forward.balancer, caller.client);
    let plain = Ask::new(id, client, purpose);
    let Some(balancer) = rules.balancer(id).filter(|it| it.is_group()) else { return plain };
    let route = balancer.sticky.as_ref().and_then(|it| sticky::route(request, it));
    let owner = route.and_then(|route| balancer.owner(route));
    let by = balancer.method.hash_key();
    let key = by.map_or(0, |by| sticky::key(request, by, client));
    Ask { owner, key, ..plain }
}
