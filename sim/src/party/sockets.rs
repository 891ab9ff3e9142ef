//! What a network is to clients and backends.

use std::task::Poll;

use underpass_core::Fault;
use underpass_core::time::Time;

/// One end of a connection: the dialler's is even, the other one is next to it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Tip(pub(crate) u32);

impl Tip {
    /// The other end.
    pub(crate) const fn peer(self) -> Self {
        Self(self.0 ^ 1)
    }

    /// The number of the connection.
    pub(crate) const fn connection(self) -> u32 {
        self.0 >> 1
    }
}

/// The sockets of an engine. Who is told "not now" is stepped again when that may change.
pub(crate) trait Sockets {
    /// The virtual time.
    fn now(&self) -> Time;

    /// The client at that place begins to connect to the proxy; `name` is what the connection's own
    /// chance begins with.
    fn dial(&mut self, place: u32, name: u64) -> Tip;

    /// How connecting went, once it is known.
    fn connected(&mut self, dialler: Tip) -> Poll<Result<(), Fault>>;

    /// By which name the acceptor was asked in TLS, if that is spoken.
    fn asked(&self, _: Tip) -> Option<&str> {
        None
    }

    /// Reads what has arrived; 0 is the end.
    fn read(&mut self, tip: Tip, room: &mut [u8]) -> Poll<Result<usize, Fault>>;

    /// Writes as many of the bytes as there is room for.
    fn write(&mut self, tip: Tip, bytes: &[u8]) -> Poll<Result<usize, Fault>>;

    /// Says that nothing more will come: FIN.
    fn shut(&mut self, tip: Tip) -> Result<(), Fault>;

    /// Lets go of the socket: in order if everything was read, by a reset if not.
    fn close(&mut self, tip: Tip);

    /// Lets go of the socket by a reset, where the network has one.
    fn abort(&mut self, tip: Tip);
}
