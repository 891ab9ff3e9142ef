//! What clients do, and what both ends do in a tunnel.

use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};
use underpass_core::limits::REPLAY_MOST;

use super::reply::{Answer, Framing, Pace, Reply};

/// A client.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// Its name, which it keeps when others are left out.
    pub id: u32,
    /// The client by whose address it calls, as all those do that are behind one router; its own if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<u32>,
    /// When it begins, in milliseconds.
    pub start: u64,
    /// What it does, one after the other.
    pub script: Vec<Op>,
}

/// One step of a script. In a tunnel the backend has a script of its own.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Op {
    /// Reset the connection.
    Abort,
    /// Ask, on the present connection if there is one. In a tunnel this is its end.
    Ask(Box<Ask>),
    /// From now on write so slowly.
    Dribble(Pace),
    /// Wait for so many bytes of the tunnel more, or for its end, but not for ever.
    Expect(u32),
    /// Send that instead of a request.
    Garbage(String),
    /// Say that nothing more will come.
    HalfClose,
    /// Read nothing for so many milliseconds; the script goes on.
    Rest(u32),
    /// Send so many bytes into the tunnel.
    Send(u32),
    /// From now on read so slowly.
    Sip(Pace),
    /// Do nothing for so many milliseconds, but read.
    Sleep(u32),
}

/// One request, and what becomes of it: who leaves out the one leaves out the other.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// The first segment of the path, by which a rule is found.
    pub to: String,
    /// Which host it is for, if not `h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// What is asked.
    pub kind: Kind,
    /// The next step does not wait for the answer.
    pub pipelined: bool,
    /// The client speaks HTTP/1.0.
    pub old: bool,
    /// The client says that this is its last request.
    pub last: bool,
    /// What stands behind its path: parameters, or a query.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tail: String,
    /// Further fields of its head, one a line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// What the backend does with it.
    pub reply: Reply,
}

/// What is asked.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Kind {
    /// A page.
    Get,
    /// That a body be taken, by a request that may not be sent twice.
    Post(Upload),
    /// That a body be taken, by a request that may be sent twice.
    Put(Upload),
    /// A tunnel, with so many of its bytes sent at once.
    Upgrade(u32),
}

/// The body of a request.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Upload {
    /// How its end is found; a request has no body that ends with its connection.
    pub framing: Framing,
    /// How long it is.
    pub bytes: u32,
    /// Whether the client waits for a 100 before it sends it.
    pub waits: bool,
}

impl Client {
    /// The address by which it calls.
    pub fn address(&self) -> IpAddr {
        Ipv4Addr::from(0x0A00_0000 + self.behind.unwrap_or(self.id)).into()
    }
}

impl Op {
    /// The pace that it sets, if it does.
    pub(super) fn pace(&self) -> Option<&Pace> {
        if let Self::Dribble(pace) | Self::Sip(pace) = self { Some(pace) } else { None }
    }
}

impl Ask {
    /// Whether a proxy may send it to a backend twice (RFC 9110 §9.2.2), from no more memory than it has for that: of
    /// chunks it knows only those that have come.
    pub fn may_be_sent_twice(&self) -> bool {
        match &self.kind {
            Kind::Get => true,
            Kind::Put(upload) => {
                upload.framing == Framing::Chunks || upload.bytes as usize <= REPLAY_MOST
            }
            Kind::Post(_) | Kind::Upgrade(_) => false,
        }
    }

    /// Whether its head says so.
    pub fn says_that_it_may_be_sent_twice(&self) -> bool {
        let is_told = |upload: &Upload| upload.framing == Framing::Length;
        self.may_be_sent_twice() && self.upload().is_none_or(is_told)
    }

    /// Whether a proxy can send it to a backend twice for as long as nothing of an answer was seen: with any head
    /// that we draw it is smaller than what is kept, and no 100 comes before its body.
    pub fn can_be_sent_twice(&self) -> bool {
        let is_small = |upload: &Upload| upload.bytes as usize <= REPLAY_MOST / 4 && !upload.waits;
        self.may_be_sent_twice() && self.upload().is_none_or(is_small)
    }

    /// Whether a proxy that nothing hinders relays what is answered.
    pub fn is_good(&self) -> bool {
        let switches = matches!(self.reply.answer, Answer::Switch { .. });
        self.reply.is_good() && (!switches || matches!(self.kind, Kind::Upgrade(_)))
    }

    /// Whether its head, or that of its answer, has fields of its own.
    pub fn has_fields(&self) -> bool {
        !self.fields.is_empty() || !self.reply.fields.is_empty()
    }

    /// What the fields of that name say, in their order.
    pub fn says<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let fields = self.fields.iter().filter_map(|field| field.split_once(": "));
        fields.filter(|field| field.0.eq_ignore_ascii_case(name)).map(|field| field.1)
    }

    /// The body, if it has one.
    pub fn upload(&self) -> Option<&Upload> {
        match &self.kind {
            Kind::Post(upload) | Kind::Put(upload) => Some(upload),
            Kind::Get | Kind::Upgrade(_) => None,
        }
    }
}
