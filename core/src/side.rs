//! The two sides of a session, and a pair of values indexed by them: symmetry as a type.

use std::fmt;
use std::ops::{Index, IndexMut, Not};

use serde::{Deserialize, Serialize};

/// A side of the proxy: towards the client or towards the backend.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Side {
    /// The side of the program that connected to us.
    Client,
    /// The side of the server that we connected to.
    Backend,
}

impl Side {
    /// Both sides, the client first.
    pub const BOTH: [Self; 2] = [Self::Client, Self::Backend];
}

impl Not for Side {
    type Output = Self;

    /// The other side.
    fn not(self) -> Self {
        match self {
            Self::Client => Self::Backend,
            Self::Backend => Self::Client,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Backend => "backend",
        })
    }
}

/// One value for each side. A direction is named by the side that it comes *from*.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Both<T> {
    /// The client's.
    pub client: T,
    /// The backend's.
    pub backend: T,
}

impl<T> Both<T> {
    /// The two values that `make` gives for the two sides.
    pub fn from_fn(mut make: impl FnMut(Side) -> T) -> Self {
        Self { client: make(Side::Client), backend: make(Side::Backend) }
    }

    /// The two values, the client's first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        [&self.client, &self.backend].into_iter()
    }

    /// The two values, the client's first.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        [&mut self.client, &mut self.backend].into_iter()
    }
}

impl<T> Index<Side> for Both<T> {
    type Output = T;

    fn index(&self, side: Side) -> &T {
        match side {
            Side::Client => &self.client,
            Side::Backend => &self.backend,
        }
    }
}

impl<T> IndexMut<Side> for Both<T> {
    fn index_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Client => &mut self.client,
            Side::Backend => &mut self.backend,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_side_of_the_other_side_is_this_side() {
        for side in Side::BOTH {
            assert_ne!(side, !side);
            assert_eq!(side, !!side);
        }
    }

    #[test]
    fn a_pair_is_indexed_by_side() {
        let mut pair = Both::from_fn(|side| side.to_string());
        assert_eq!(pair[Side::Client], "client");
        pair[Side::Backend].push('!');
        assert_eq!(pair.iter().cloned().collect::<Vec<_>>(), ["client", "backend!"]);
    }
}
