//! One client connection of the corpus through a session, with a backend that answers every request.

use underpass_core::Side::Backend;
use underpass_core::report::Close;
use underpass_core::route::Rules;

use super::Case;
use super::message::{self, Message, Request};
use crate::world::{World, heads};

/// What came of one client connection.
#[derive(Clone, Debug)]
pub(crate) struct Played {
    /// In the words of the corpus.
    pub(crate) verdict: String,
    /// The status of each answer that the client heard, interim ones aside.
    pub(crate) statuses: Vec<u16>,
    /// The requests that were answered by the backend, in their order.
    pub(crate) answered: Vec<Request>,
    /// Each connection to a backend.
    pub(crate) connections: Vec<Connection>,
    /// How many of the client's last bytes went through a tunnel.
    pub(crate) tunnelled: usize,
}

/// What one connection to a backend heard.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    /// All of it, but for what went through a tunnel.
    pub(crate) heard: Vec<u8>,
    /// How much that was.
    pub(crate) tunnelled: usize,
    /// The requests that were answered.
    pub(crate) requests: Vec<Request>,
    /// It ends with the last of them: no unfinished request stands behind.
    pub(crate) is_whole: bool,
    /// No chunk had an extension, nor were there trailers.
    pub(crate) is_bare: bool,
}

impl Played {
    /// What must not depend on how the bytes were cut; how much of an unfinished request went on may.
    pub(crate) fn account(&self) -> (&str, Vec<&[Request]>) {
        let requests = self.connections.iter().map(|it| it.requests.as_slice());
        (&self.verdict, requests.filter(|requests| !requests.is_empty()).collect())
    }

    /// What the client has said, but for what went through a tunnel.
    pub(crate) fn said<'c>(&self, case: &'c Case) -> &'c [u8] {
        &case.bytes[..case.bytes.len() - self.tunnelled]
    }

    /// The requests that went on, by the number of their answer.
    pub(crate) fn passed(&self) -> impl Iterator<Item = (usize, &Request)> {
        let numbers = self.statuses.iter().enumerate();
        let passed = numbers.filter(|(_, status)| matches!(status, 101 | 200)).map(|(at, _)| at);
        passed.zip(&self.answered)
    }
}

/// Plays it in those pieces.
pub(crate) fn play<'b>(rules: &Rules, pieces: impl IntoIterator<Item = &'b [u8]>) -> Played {
    let (mut world, mut answered) = (World::new(rules), Vec::new());
    serve(&mut world, &mut answered);
    for piece in pieces {
        world.wires.peers.client.to_come.extend(piece);
        serve(&mut world, &mut answered);
    }
    let (before, stands) = (statuses(&world).len(), stands(&world));
    world.wires.peers.client.ended = true;
    serve(&mut world, &mut answered);
    if stands == "tunnel" {
        world.end(Backend);
    }
    world.assert_nothing_is_lent();
    let (statuses, connections) = (statuses(&world), connections(&mut world));
    let verdict = verdict(&statuses, before, stands);
    let tunnelled = connections.iter().map(|connection| connection.tunnelled).sum();
    let played = Played { verdict, statuses, answered, connections, tunnelled };
    check(&world, &played);
    played
}

/// Pumps, and has the backend answer, until nothing more happens.
fn serve(world: &mut World<'_>, answered: &mut Vec<Request>) {
    let _ = world.settle();
    while let Some(message) = asked(world) {
        world.hear(Backend, &answer(&message));
        answered.push(message.request);
    }
}

/// The next request that the backend has heard whole.
fn asked(world: &mut World<'_>) -> Option<Message> {
    let peer = &mut world.wires.peers.backend;
    if world.session.is_tunnel() {
        return None;
    }
    let message = Message::first(&peer.heard[peer.served..])?;
    peer.served += message.length;
    Some(message)
}

fn answer(message: &Message) -> String {
    match message.upgrade.as_deref() {
        None => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned(),
        Some("websocket") => heads::switch(""),
        Some(token) => {
            format!("HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: {token}\r\n\r\n")
        }
    }
}

fn statuses(world: &World<'_>) -> Vec<u16> {
    let heard = String::from_utf8_lossy(&world.wires.peers.client.heard);
    let heads = heard.split("HTTP/1.1 ").skip(1);
    let statuses = heads.map(|head| head[..3].parse().expect("a status"));
    statuses.filter(|status| *status == 101 || *status >= 200).collect()
}

/// How the client's connection stands.
fn stands(world: &World<'_>) -> &'static str {
    match world.session.state() {
        "Request" if world.session.held() == 0 => "open",
        "Request" | "Answer" => "waits",
        "Linger" | "Closed" => "close",
        "Tunnel" => "tunnel",
        state => panic!("it stands in {state}"),
    }
}

fn verdict(statuses: &[u16], before: usize, stands: &str) -> String {
    let mut words: Vec<_> = statuses.iter().map(ToString::to_string).collect();
    words.insert(before, stands.to_owned());
    words.join(" ")
}

fn connections(world: &mut World<'_>) -> Vec<Connection> {
    world.wires.put_away();
    let peers = world.wires.past.iter().chain(&world.wires.idle);
    peers.filter(|peer| !peer.heard.is_empty()).map(|peer| connection(&peer.heard)).collect()
}

fn connection(heard: &[u8]) -> Connection {
    let (messages, read) = message::all(heard);
    let is_tunnel = messages.last().is_some_and(|message| message.upgrade.is_some());
    let (heard, tunnelled) = if is_tunnel { heard.split_at(read) } else { (heard, &[][..]) };
    Connection {
        heard: heard.to_owned(),
        tunnelled: tunnelled.len(),
        is_whole: heard.len() == read,
        is_bare: messages.iter().all(|message| message.is_bare),
        requests: messages.into_iter().map(|message| message.request).collect(),
    }
}

/// The reports, the statuses and what the backends heard are one account.
fn check(world: &World<'_>, played: &Played) {
    let reports = world.wires.reports.iter().filter(|report| report.close != Close::Unasked);
    let reported: Vec<_> = reports.clone().map(|report| report.status).collect();
    assert_eq!(reported, played.statuses, "the reports say other statuses");
    let counted = reports.filter(|report| !matches!(report.close, Close::Refused(_))).count();
    let mut heard: Vec<_> = played.connections.iter().flat_map(|it| &it.requests).collect();
    let mut answered: Vec<_> = played.answered.iter().collect();
    heard.sort();
    answered.sort();
    assert_eq!(heard, answered, "what backends have heard is what they have answered");
    assert_eq!(counted, answered.len(), "as many requests as reports of them");
    assert_eq!(played.passed().count(), answered.len(), "as many answers of theirs");
}
