//! Stage 2 of 6 · which rule a request falls under, and what that rule says.
//!
//! [`path`] makes one path out of the many spellings of it; [`rules`] finds the first rule that
//! matches, [`overrides`] are the errors that are said in our own words. What a rule says is plain
//! data, made by [`config`](crate::config).

pub mod overrides;
pub mod path;
pub mod rules;
pub mod target;

pub use overrides::Overrides;
pub use path::{BadPath, CleanPath};
pub use rules::{Action, Fallback, Forward, Park, Rule, Rules, Terms, Upgrade, Via};
pub use target::{Idling, Recovery, Scheme, Target, Worker, WorkerId};
