//! Stage 2 of 6 · whom a request is for, which rule it falls under, and what that rule says.
//!
//! A connection comes in at a [`Door`]: the [`host`]s of its address, which are told apart by name. A
//! [`host`] has rules and sections of paths; [`path`] makes one path out of the many spellings of it,
//! [`pattern`] says which paths are meant, [`scope`] is what all sections say together. [`rules`] finds
//! the first rule that matches what is [`asked`], [`forward`] is what it says, [`target`] where that leads, [`balancer`] who stands
//! there, [`check`] how they are checked, [`expansion`] what their addresses are, and [`mapping`] by which path; [`origins`] are the pages that may ask for an upgrade, [`quota`] is how many tunnels there may
//! be, [`tls`] is how TLS is spoken on both sides by the [`suite`]s that we know, and [`hello`] which host does; [`overrides`] are the errors that are said in our own words, and [`mod@explain`] says why; [`succession`] is which numbers all of it has after a reload. All of it is
//! plain data, made by
//! [`config`](crate::config).

pub mod asked;
pub mod balancer;
pub mod check;
pub mod expansion;
pub mod explain;
pub mod forward;
pub mod hello;
pub mod host;
pub mod mapping;
mod numbers;
pub mod origins;
pub mod overrides;
pub mod path;
pub mod pattern;
pub mod place;
pub mod quota;
pub mod rules;
pub mod scope;
pub mod succession;
pub mod suite;
pub mod target;
pub mod tls;

pub use asked::Asked;
pub use balancer::{
    Admission, Balancer, BalancerId, Ejection, HashKey, Member, Method, Owner, Role, RouteId,
    Sticky,
};
pub use check::Check;
pub use expansion::{AddressRoute, Expansion};
pub use explain::{Explained, Question, explain};
pub use forward::{Forward, Manner, Park, Terms, Upgrade};
pub use hello::Hello;
pub use host::{Address, Caller, Door, Entrance, Host, Via};
pub use mapping::Mapping;
pub use origins::{Origin, Origins, Pages};
pub use overrides::Overrides;
pub use path::{BadPath, CleanPath};
pub use pattern::{Expression, Pattern};
pub use place::{Place, Said};
pub use quota::{Quota, QuotaId};
pub use rules::{Action, Rule, Rules};
pub use scope::{Scope, Section, Setting};
pub use succession::{InUse, TooManyLines};
pub use suite::Suite;
pub use target::{Idling, Peer, Recovery, Scheme, Target, Tcp, Worker, WorkerId};
pub use tls::{Back, Front};
