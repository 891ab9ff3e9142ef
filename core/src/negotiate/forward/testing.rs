//! What the tests of this module share: a request, and what the backend is told of it.

use std::net::IpAddr;

use super::{Way, request};
use crate::edit::{Changes, Editor};
use crate::head::{Buf, Buffers, Request, slots};
use crate::negotiate::Offer;
use crate::route::{BalancerId, Forward, Host, Rules, Said, Scheme, Scope, Target, Upgrade};
use crate::time::Wait;

/// A request head, and everything that it is forwarded by.
pub(super) struct Told<'a> {
    pub(super) head: &'a str,
    pub(super) forward: Forward,
    pub(super) host: Host,
    pub(super) scope: Scope,
    pub(super) client: IpAddr,
    pub(super) scheme: &'static str,
    pub(super) hops: Option<u32>,
    pub(super) offer: Offer,
    pub(super) reuses: bool,
}

impl Default for Told<'_> {
    fn default() -> Self {
        Self {
            head: "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
            forward: rule(),
            host: Host { name: "front.example".into(), ..Host::default() },
            scope: Scope::DEFAULT,
            client: [192, 0, 2, 7].into(),
            scheme: "http",
            hops: None,
            offer: Offer::None,
            reuses: true,
        }
    }
}

impl Told<'_> {
    /// The head that the backend gets.
    pub(super) fn text(&self) -> String {
        let (mut out, mut buffers, mut slots) = (Buf::default(), Buffers::default(), slots());
        let parsed = Request::parse(self.head.as_bytes(), &mut slots).unwrap();
        let (host, scope, forward) = (&self.host, &self.scope, &self.forward);
        let said = Said { host, scope, forward, path: b"/base/a%20b%0D%0A" };
        let (client, scheme, hops, offer) = (self.client, self.scheme, self.hops, &self.offer);
        let (rules, changes) = (Rules::of(host.clone(), Vec::new()), Changes::none(0));
        let editor = Editor::new(&rules, &changes, Wait::ZERO);
        let target = &said.forward.target;
        let way = Way { said, target, editor, client, scheme, hops, offer, reuses: self.reuses };
        request(&parsed, way, &mut out, &mut buffers);
        String::from_utf8(out.bytes().to_vec()).unwrap()
    }

    /// The values of every field of that name in it.
    pub(super) fn field(&self, name: &str) -> Vec<String> {
        let text = self.text();
        let fields = text.lines().filter_map(|line| line.split_once(": "));
        let named = fields.filter(|field| field.0.eq_ignore_ascii_case(name));
        named.map(|field| field.1.to_owned()).collect()
    }
}

/// A rule that forwards to a base path, and switches to whatever is asked for.
pub(super) fn rule() -> Forward {
    let target = Target::new(Scheme::Ws, "back.example", 9000);
    let target = Target { path: "/base/".into(), ..target };
    Forward { upgrade: Upgrade::Any, ..Forward::new(target, BalancerId(0)) }
}
