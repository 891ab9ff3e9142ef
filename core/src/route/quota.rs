//! How many tunnels there may be at once.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

/// A bound on all tunnels that one line of the configuration is about (`ProxyWebsocketMaxTunnels`).
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Quota {
    /// Which line it is: what is counted together.
    pub line: QuotaId,
    /// How many there may be, handshakes under way included.
    pub most: NonZeroU32,
}

/// The number of a line that bounds tunnels.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct QuotaId(pub u16);
