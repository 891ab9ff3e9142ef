//! The first line of a trace: under which rules a session ran, and for whom.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::config::{self, Input, Nowhere, Problem};
use crate::route::{Caller, Door, Rules};
use crate::time::Time;

/// What a session begins with.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Opening {
    /// The version of the format: [`Opening::FORMAT`].
    pub underpass_trace: u32,
    /// The version of Underpass that recorded it.
    pub recorded_by: String,
    /// Which session it is, among those of its driver.
    pub session: u64,
    /// The client's address.
    pub client: IpAddr,
    /// Where the connection came in.
    #[serde(default)]
    pub door: Door,
    /// When the connection was accepted.
    pub at: Time,
    /// The configuration: its directives as [`config::read`] gives them.
    pub directives: Vec<String>,
}

impl Opening {
    /// The version that this crate writes, and the only one that it reads.
    pub const FORMAT: u32 = 1;

    /// The opening of a session that is recorded now.
    pub fn new(session: u64, caller: Caller, at: Time, directives: Vec<String>) -> Self {
        let Caller { client, door, .. } = caller;
        let recorded_by = env!("CARGO_PKG_VERSION").into();
        Self { underpass_trace: Self::FORMAT, recorded_by, session, client, door, at, directives }
    }

    /// Who called.
    pub fn caller(&self) -> Caller {
        Caller::new(self.client, self.door)
    }

    /// The rules of the session.
    ///
    /// # Errors
    ///
    /// What the configuration of today does not understand of its directives.
    pub fn rules(&self) -> Result<Rules, Vec<Problem>> {
        let line = |(text, number): (&String, usize)| Input::Line {
            name: format!("directive {number} of the trace"),
            text: text.clone(),
        };
        let lines: Vec<_> = self.directives.iter().zip(1..).map(line).collect();
        config::load(&mut Nowhere, &lines, &[]).map(|config| config.rules)
    }
}
