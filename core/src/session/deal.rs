//! What has been agreed on before a tunnel opens or a response is over: one request, its rule, its bodies.

use std::ops::Range;

use super::elect::ask;
use super::heads;
use crate::balance::Ask;
use crate::edit::{Changes, vars};
use crate::exchange::Body;
use crate::head::{Framing, Request, Scan, Version};
use crate::limits::{Pace, REPLAY_MOST};
use crate::negotiate::{Consent, Medium, Needed, Offer, Refusal, admit, admit_origin, hops, offer};
use crate::route::{
    Asked, Back, BadPath, Caller, CleanPath, Hello, Host, Manner, Place, Rules, Said, Scope, Terms,
    Upgrade, Worker,
};
use crate::time::Time;
use crate::tunnel::Flow;
use crate::{Both, Dial, Side};

/// One request that was routed and offered; boxed, and gone when its tunnel opens.
#[derive(Debug)]
pub(super) struct Deal {
    pub(super) ask: Ask,
    /// Where it stands in the configuration.
    pub(super) place: Place,
    /// What the configuration makes of the heads.
    pub(super) changes: Changes,
    pub(super) offer: Offer,
    /// What `Max-Forwards` says to the backend.
    pub(super) hops: Option<u32>,
    pub(super) terms: Terms,
    /// Where the request head stands in the client's input, until it is dropped from there.
    pub(super) head: Range<usize>,
    /// How much of the client's input is of this request and has been read: its head, and what of its body is kept.
    pub(super) kept: usize,
    /// The request may be sent twice: what has come of it stays where it is until the answer begins.
    pub(super) replays: bool,
    /// Whether the elected worker's connections may serve one request after another.
    pub(super) reuses: bool,
    /// The connection that it goes out on, once a worker is elected.
    pub(super) dial: Dial,
    /// The host that it is for, where workers are asked by that in TLS (`ProxyPreserveHost`).
    pub(super) host: Option<Preserved>,
    /// Whose connection is kept after the exchange, if it is.
    pub(super) keeps: Option<Keeper>,
    /// The backend means to keep its connection, and has done nothing odd on it.
    pub(super) reusable: bool,
    /// The client's version: HTTP/1.0 reads no interim responses and no chunks.
    pub(super) version: Version,
    /// The method is HEAD.
    pub(super) to_head: bool,
    /// What the client reads best, if we answer ourselves.
    pub(super) medium: Medium,
    /// Who tells the client that its body may come.
    pub(super) consent: Consent,
    /// How far the backend's head has been looked at.
    pub(super) scan: Scan,
    pub(super) interims: u8,
    /// A 100 came that nobody waited for (R26).
    pub(super) odd: bool,
    /// What is still to come of the request's and the response's body.
    pub(super) bodies: Both<Body>,
    /// When a worker is asked for once more, by who waits for one.
    pub(super) asks_again: Time,
    /// How the backend is spoken to: by the rule, until a member of its own mind is elected.
    pub(super) manner: Manner,
    /// When the offer was made.
    pub(super) since: Time,
    pace: Pace,
}

/// The host of a request, by which workers are asked in TLS.
#[derive(Debug)]
pub(super) struct Preserved {
    pub(super) name: Box<str>,
    /// It is another name than the elected worker's own.
    differs: bool,
}

/// Whose connection is kept: what a further request, and the answer to this one, depend on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Keeper {
    pub(super) caller: Caller,
    pub(super) version: Version,
}

/// A request that gets no deal, or whose deal fails: why, and what its answer depends on.
pub(super) struct NoDeal {
    pub(super) refusal: Refusal,
    /// What the configuration makes of the answer's head.
    pub(super) changes: Changes,
    /// What the answer must say beside its status.
    pub(super) needed: Needed,
    pub(super) to_head: bool,
    pub(super) medium: Medium,
    pub(super) keeps: Option<Keeper>,
    /// The backend's connection may serve another exchange.
    pub(super) reusable: bool,
    /// How much of the client's input is of this request.
    pub(super) read: usize,
}

impl Deal {
    /// Routes a parsed request, judges what it asks for, and copies what the rule says.
    pub(super) fn make(
        request: &Request<'_, '_>,
        head: Range<usize>,
        keeper: Option<Keeper>,
        caller: Caller,
        rules: &Rules,
    ) -> Result<Self, NoDeal> {
        let (to_head, medium) = (request.method == "HEAD", Medium::of(&request.fields));
        // R7: bytes may stand behind an upgrade, granted or not; they are not parsed as a request.
        let keeper = keeper.filter(|_| !request.fields.has("upgrade"));
        let (bodiless, end) = (request.framing == Framing::None, head.end);
        let (changes, good) = heads::changes(request, caller, rules);
        let no = |upgrade, keeps| {
            let changes = &changes;
            move |refusal| {
                let (needed, changes) = (Needed::by(refusal, upgrade), changes.clone());
                let reusable = false;
                NoDeal { refusal, changes, needed, to_head, medium, keeps, reusable, read: end }
            }
        };
        let host = &rules.hosts[changes.host()];
        let comes = welcome(request, caller.hello, changes.host(), rules);
        comes.and(good).map_err(no(&Upgrade::Never, None))?;
        // R27: nor is a body that nobody has read.
        let place = place(request, &changes, rules)
            .map_err(no(&Upgrade::Never, keeper.filter(|_| bodiless)))?;
        let said = rules.at(&place).ok_or(Refusal::NoRule).map_err(no(&Upgrade::Never, None))?;
        let (offer, consent) = judged(request, &said).map_err(no(&said.forward.upgrade, None))?;
        let keeper = keeper.filter(|_| offer == Offer::None);
        let hops = hops::onward(request, host.max_forwards).map_err(Refusal::Hops);
        let hops = hops.map_err(no(&Upgrade::Never, keeper.filter(|_| bodiless)))?;
        Ok(Self {
            replays: may_be_repeated(request, end, &offer, rules.is_group(said.forward.balancer)),
            kept: end,
            reuses: false,
            dial: Dial::Address(0),
            host: Preserved::by(request, said.scope),
            keeps: keeper,
            reusable: false,
            ask: ask(request, &offer, &said, caller, rules),
            offer,
            hops,
            terms: Terms { half_closes: !changes.is_set(vars::NO_HALF_CLOSE), ..said.terms() },
            head,
            version: request.version,
            to_head,
            medium,
            consent,
            scan: Scan::default(),
            interims: 0,
            odd: false,
            bodies: Both { client: body(request, host), backend: Body::from(Framing::Close) },
            asks_again: Time::NEVER,
            manner: said.forward.manner,
            since: Time::ZERO,
            pace: host.limits.body,
            place,
            changes,
        })
    }

    /// By which name the elected worker is asked in TLS, if not by its own.
    pub(super) fn name(&self) -> Option<&str> {
        self.host.as_ref().filter(|it| it.differs).map(|it| &*it.name)
    }

    /// What of the client's input is kept of this request is needed no more: it is not sent again. How much that is.
    pub(super) fn forget(&mut self) -> usize {
        (self.head, self.replays) = (0..0, false);
        std::mem::take(&mut self.kept)
    }

    /// The earliest deadline of the request and the response under way, and whose it is: the client's for
    /// a body that comes too slowly (R50), the backend's for an answer that does not come.
    pub(super) fn deadline(&self, flows: &Both<Flow>) -> (Time, Side) {
        let moved = flows.client.moved().max(flows.backend.moved()).max(self.since);
        let answer = (moved.after(self.terms.answer), Side::Backend);
        if self.bodies.client.is_done() || flows.client.is_over() {
            return answer;
        }
        let body = self.pace.deadline(self.since, flows.client.pulled());
        answer.min((body, Side::Client))
    }
}

impl Preserved {
    /// What a request says, where that counts, and it can be said in TLS.
    fn by(request: &Request<'_, '_>, scope: &Scope) -> Option<Self> {
        let host = request.host().filter(|host| scope.preserve_host && Back::is_name(host))?;
        Some(Self { name: host.to_ascii_lowercase().into(), differs: false })
    }

    /// That worker is elected.
    pub(super) fn serve_by(&mut self, worker: &Worker) {
        self.differs = worker.tls.as_ref().is_some_and(|tls| *tls.name != *self.name);
    }
}

/// Whether a request may come to the host of that number, whatever it asks for.
fn welcome(
    request: &Request<'_, '_>,
    hello: Option<Hello>,
    host: usize,
    rules: &Rules,
) -> Result<(), Refusal> {
    admit(request, &rules.hosts[host].limits)?;
    rules.may_come(hello, host).then_some(()).ok_or(Refusal::Misdirected)
}

/// What a request asks for, and who lets its body come, if whoever sends it may.
fn judged(request: &Request<'_, '_>, said: &Said<'_>) -> Result<(Offer, Consent), Refusal> {
    let offer = Offer::of(request, said.forward, said.scope)?;
    if offer != Offer::None {
        admit_origin(request, said.host.scheme(), said.scope)?;
    }
    Ok((offer, Consent::of(request, said.scope)?))
}

/// Whether a request may be sent twice (RFC 9110 §9.2.2; other methods may be idempotent, but nobody says so), and all
/// of it can be kept to be sent again, as far as its head says, which ends there in the client's input: chunks may
/// outgrow what is kept.
///
/// A request for an upgrade goes out anew where another member may take it: nothing but its head has been sent.
fn may_be_repeated(request: &Request<'_, '_>, end: usize, offer: &Offer, is_group: bool) -> bool {
    let is_idempotent =
        ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"].contains(&request.method);
    let fits = match request.framing {
        Framing::None | Framing::Chunked => true,
        Framing::Length(length) => length.saturating_add(end as u64) <= REPLAY_MOST as u64,
        Framing::Close => false,
    };
    let suits = match offer {
        Offer::None => fits && !request.fields.has("upgrade"),
        Offer::WebSocket(_) | Offer::Other(_) => is_group && request.framing == Framing::None,
    };
    is_idempotent && suits
}

/// The body of a request that has not been read, within what that host allows.
pub(super) fn body(request: &Request<'_, '_>, host: &Host) -> Body {
    Body::from(request.framing).within(host.limits.body_most)
}

/// Where a request stands in the configuration of the host that changes it, if it is forwarded from there.
fn place(request: &Request<'_, '_>, changes: &Changes, rules: &Rules) -> Result<Place, Refusal> {
    if !request.path.starts_with(b"/") || changes.is_set(vars::NO_PROXY) {
        return Err(Refusal::NoRule);
    }
    let path = CleanPath::parse(request.path).map_err(Refusal::Path)?;
    let asked = Asked {
        path: &path,
        has_upgrade: request.fields.has("upgrade"),
        accepts: &|upgrade| offer::accepts(request, upgrade),
        offers: &|protocol| offer::offers(request, protocol),
        vars: changes.vars(),
    };
    let hidden = if path.hides() { Refusal::Path(BadPath::Hidden) } else { Refusal::NoRule };
    let place = rules.place(changes.host(), &asked).ok_or(hidden)?;
    let said = rules.at(&place).ok_or(Refusal::NoRule)?;
    if said.scope.denied {
        Err(Refusal::Denied)
    } else if said.forward.blocked {
        Err(Refusal::Blocked)
    } else {
        Ok(place)
    }
}
