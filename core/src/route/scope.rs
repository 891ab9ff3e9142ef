//! What a directory says: settings of a host, of the sections of its paths that a request falls under,
//! one over the other.

use std::num::NonZeroU32;

use super::origins::Origins;
use super::overrides::Overrides;
use super::pattern::Pattern;
use super::quota::Quota;
use crate::time::Wait;

/// Everything that a section of paths may say, all of them merged.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Scope {
    /// Whether nobody may ask for it (`Require all denied`).
    pub denied: bool,
    /// Whether the backend sees the client's `Host` (`ProxyPreserveHost`) instead of its own.
    pub preserve_host: bool,
    /// Whether `X-Forwarded-For`, `-Host`, `-Server` and `-Proto` are added (`ProxyAddHeaders`).
    pub add_headers: bool,
    /// Whether an element of `Forwarded` is added (`ProxyAddForwarded`, RFC 7239).
    pub add_forwarded: bool,
    /// Whether an `Expect: 100-continue` goes on to the backend (`Proxy100Continue`); if not, we meet it.
    pub pass_expect: bool,
    /// Whether variables are put into the lines that ask for it by `interpolate` (`ProxyPassInterpolateEnv`).
    pub interpolates: bool,
    /// Which of the backend's errors are said in our own words (`ProxyErrorOverride`).
    pub overrides: Overrides,
    /// Whether a `ws://` rule serves ordinary requests too (`ProxyWebsocketFallbackToProxyHttp`). If not, it is
    /// passed over by those without an `Upgrade` field, and those with one that it does not accept are
    /// answered with 426.
    pub falls_back: bool,
    /// Who may ask for an upgrade (`ProxyWebsocketOrigin`); anybody if it does not say.
    pub origins: Option<Origins>,
    /// How many tunnels there may be at once (`ProxyWebsocketMaxTunnels`); any number if it does not say.
    pub tunnels: Option<Quota>,
    /// How many handshakes of one client's may be under way at once for one more to be let in here
    /// (`ProxyWebsocketMaxHandshakes`, R53); any number if it does not say.
    pub handshakes: Option<NonZeroU32>,
    /// How long a tunnel may be silent in both directions (`ProxyWebsocketIdleTimeout`).
    pub idle: Wait,
    /// How long a tunnel may be silent once one direction has ended (`ProxyWebsocketHalfCloseTimeout`); what
    /// `Timeout` says if it does not say.
    pub half_closed: Option<Wait>,
    /// How long a tunnel may live (`ProxyWebsocketMaxDuration`).
    pub lifetime: Wait,
    /// Whether a tunnel with nothing in flight gives its carriers back to the loop (`ProxyWebsocketAsync`).
    pub parks: bool,
    /// After how long a silence it does (`ProxyWebsocketAsyncDelay`).
    pub park_delay: Wait,
}

impl Scope {
    /// What a configuration says that says nothing.
    pub const DEFAULT: Self = Self {
        denied: false,
        preserve_host: false,
        add_headers: true,
        add_forwarded: false,
        pass_expect: true,
        interpolates: false,
        overrides: Overrides::None,
        falls_back: true,
        origins: None,
        tunnels: None,
        handshakes: None,
        idle: Wait::FOREVER,
        half_closed: None,
        lifetime: Wait::FOREVER,
        parks: true,
        park_delay: Wait::ZERO,
    };

    /// Says one thing more, over what was said before.
    pub fn set(&mut self, setting: &Setting) {
        match setting {
            Setting::Denied(is) => self.denied = *is,
            Setting::PreserveHost(is) => self.preserve_host = *is,
            Setting::AddHeaders(is) => self.add_headers = *is,
            Setting::AddForwarded(is) => self.add_forwarded = *is,
            Setting::PassExpect(is) => self.pass_expect = *is,
            Setting::Interpolates(is) => self.interpolates = *is,
            Setting::Overrides(overrides) => self.overrides = overrides.clone(),
            Setting::FallsBack(is) => self.falls_back = *is,
            Setting::Origins(origins) => self.origins = origins.clone(),
            Setting::Tunnels(quota) => self.tunnels = *quota,
            Setting::Handshakes(most) => self.handshakes = *most,
            Setting::Idle(wait) => self.idle = *wait,
            Setting::HalfClosed(wait) => self.half_closed = Some(*wait),
            Setting::Lifetime(wait) => self.lifetime = *wait,
            Setting::Parks(is) => self.parks = *is,
            Setting::ParkDelay(wait) => self.park_delay = *wait,
        }
    }
}

impl Default for Scope {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// One thing that one directive says of a directory: see the field of [`Scope`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "each says one field of the scope")]
pub enum Setting {
    Denied(bool),
    PreserveHost(bool),
    AddHeaders(bool),
    AddForwarded(bool),
    PassExpect(bool),
    Interpolates(bool),
    Overrides(Overrides),
    FallsBack(bool),
    Origins(Option<Origins>),
    Tunnels(Option<Quota>),
    Handshakes(Option<NonZeroU32>),
    Idle(Wait),
    HalfClosed(Wait),
    Lifetime(Wait),
    Parks(bool),
    ParkDelay(Wait),
}

/// A section of paths, such as `<Location>`, or of backends (`<Proxy>`), and what it says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Section {
    /// Which paths it is for, or which URLs of backends.
    pub paths: Pattern,
    /// What it says of them, in its order.
    pub says: Vec<Setting>,
}
