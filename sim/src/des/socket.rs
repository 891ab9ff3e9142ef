//! One end of a connection: what has arrived, what is on its way, and whom it belongs to.

use std::collections::VecDeque;

use underpass_core::Fault;
use underpass_core::time::Time;

use crate::rng::Rng;
use crate::secret::Secret;

/// Who is told when something happens to a socket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Owner {
    /// The backend that serves the connection.
    Backend,
    /// The client at that place.
    Client(u32),
    /// The loop that keeps it idle.
    Idle(u32),
    /// Nobody: it is closed.
    Nobody,
    /// The session of that number.
    Session(u32),
}

/// What a connection goes between.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Route {
    /// From the client at that place to the proxy.
    Client(u32),
    /// From the proxy to that address of the backend at that place.
    Backend(u32, u8),
}

/// Whether it can be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Life {
    Connecting,
    Up,
    Dead,
}

/// What goes over the network.
#[derive(Clone, Copy, Debug)]
pub(super) enum Flight {
    Bytes(u32),
    Fin,
    Reset,
}

/// What the system knows of one end.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) owner: Owner,
    pub(super) route: Route,
    pub(super) life: Life,
    pub(super) chance: Rng,
    pub(super) arrived: VecDeque<u8>,
    /// What is on its way to this socket, with the moments of its arrival.
    pub(super) coming: VecDeque<(Time, Flight)>,
    pub(super) coming_bytes: VecDeque<u8>,
    /// When the last of it arrives.
    pub(super) last: Time,
    /// The peer's FIN has arrived.
    pub(super) ended: bool,
    /// Told once.
    pub(super) error: Option<Fault>,
    /// Our FIN is out.
    pub(super) shut: bool,
    /// Bytes that may still be sent.
    pub(super) credit: usize,
    /// The last write found too little room.
    pub(super) starved: bool,
    /// What it sends is lost.
    pub(super) holed: bool,
    /// The TLS that is spoken at this end, if it is.
    pub(super) secret: Option<Box<Secret>>,
    /// A FIN goes out behind what is still to be sent.
    pub(super) ends: bool,
}

impl Socket {
    /// A socket that is not connected yet, and may send so many bytes.
    pub(super) fn new(
        owner: Owner,
        route: Route,
        chance: Rng,
        credit: usize,
        secret: Option<Secret>,
    ) -> Self {
        Self {
            owner,
            route,
            life: Life::Connecting,
            chance,
            arrived: VecDeque::new(),
            coming: VecDeque::new(),
            coming_bytes: VecDeque::new(),
            last: Time::ZERO,
            ended: false,
            error: None,
            shut: false,
            credit,
            starved: false,
            holed: false,
            secret: secret.map(Box::new),
            ends: false,
        }
    }
}
