//! TLS on the network's sockets: what the peers' system does by itself, and what the proxy does by its calls.

use std::task::Poll;

use underpass_core::Fault;

use super::net::Net;
use super::socket::{Life, Owner};
use crate::party::Tip;

impl Net {
    /// Goes on with the handshake at that end, if there is one: for the proxy.
    pub(super) fn secure(&mut self, tip: Tip) -> Poll<Result<(), Fault>> {
        if self.at(tip).secret.is_none() {
            return Poll::Ready(Ok(()));
        }
        self.listen(tip);
        self.flush(tip);
        let socket = self.at(tip);
        if let Some(fault) = socket.error.take() {
            return Poll::Ready(Err(fault));
        }
        match &socket.secret {
            Some(secret) if secret.is_secure() => Poll::Ready(Ok(())),
            _ if socket.ended || socket.life == Life::Dead => Poll::Ready(Err(Fault::Closed)),
            _ => Poll::Pending,
        }
    }

    /// Whether the connection has ended at that end without a word of it.
    pub(super) fn is_cut(&mut self, tip: Tip) -> bool {
        let socket = self.at(tip);
        socket.secret.as_ref().is_some_and(|secret| !secret.has_ended)
    }

    /// Whether all that was said at that end is on its way.
    pub(super) fn is_flushed(&mut self, tip: Tip) -> bool {
        let secret = self.at(tip).secret.as_mut();
        let is_flushed = secret.is_none_or(|secret| secret.going().is_empty());
        self.at(tip).starved |= !is_flushed;
        is_flushed
    }

    /// A client's or a backend's system answers the other end's words by itself, until the handshake is over.
    pub(super) fn shakes_hands(&mut self, tip: Tip) {
        let is_party = matches!(self.owner(tip), Owner::Client(_) | Owner::Backend);
        if is_party && self.at(tip).secret.as_ref().is_some_and(|secret| !secret.is_secure()) {
            self.listen(tip);
            self.flush(tip);
        }
    }

    /// Takes what has arrived, as far as it is records.
    fn listen(&mut self, tip: Tip) {
        let count = self.at(tip).arrived.len();
        if count == 0 {
            return;
        }
        let bytes = self.take(tip, count);
        let heard = self.at(tip).secret.as_mut().map(|secret| secret.take(bytes.into_iter()));
        if let Some(Err(_)) = heard {
            self.breaks(tip, Fault::Tls);
        }
    }

    /// Whether there is nothing to be read at that end, after all that has come.
    pub(super) fn hears_nothing(&mut self, tip: Tip) -> bool {
        if self.at(tip).secret.is_none() {
            return true;
        }
        self.listen(tip);
        let secret = self.at(tip).secret.as_ref();
        secret.is_none_or(|secret| !secret.has_plain() && !secret.has_ended)
    }

    /// Reads what was said by the peer; nothing if the socket knows better.
    pub(super) fn read_secret(
        &mut self,
        tip: Tip,
        room: &mut [u8],
    ) -> Option<Result<usize, Fault>> {
        if self.at(tip).secret.as_ref().is_some_and(|secret| !secret.has_plain()) {
            self.listen(tip);
            self.flush(tip);
        }
        let is_party = matches!(self.owner(tip), Owner::Client(_) | Owner::Backend);
        let socket = self.at(tip);
        let secret = socket.secret.as_mut()?;
        let count = secret.read(room);
        if count > 0 || secret.has_ended {
            return Some(Ok(count));
        }
        if !is_party && !secret.is_secure() {
            // Nobody reads before it is known who speaks.
            return Some(Err(Fault::Tls));
        }
        let is_torn = !is_party && secret.has_piece();
        // Whoever is not told of an end by its peer does not take it for one.
        let is_cut = is_party && socket.ended && socket.error.is_none();
        self.torn |= is_torn;
        is_cut.then_some(Err(Fault::Cut))
    }

    /// Says as much as goes into one record, once all that was said before is on its way.
    pub(super) fn write_secret(&mut self, tip: Tip, bytes: &[u8]) -> usize {
        self.flush(tip);
        let Some(secret) = self.at(tip).secret.as_mut() else { return 0 };
        if !secret.is_secure() || !secret.going().is_empty() {
            return 0;
        }
        let count = secret.say(bytes);
        self.flush(tip);
        count
    }

    /// Says that nothing more comes, unless that end is of somebody who is rude at times.
    pub(super) fn say_end(&mut self, tip: Tip) {
        let often = self.knobs.tls.rude as usize;
        let is_party = matches!(self.owner(tip), Owner::Client(_) | Owner::Backend);
        let is_rude = is_party && often > 0 && self.chance(tip).one_in(often);
        if let Some(secret) = self.at(tip).secret.as_mut().filter(|_| !is_rude) {
            secret.end();
        }
    }

    /// Sends what is to be sent as far as there is room, and the FIN behind it.
    pub(super) fn flush(&mut self, tip: Tip) {
        if self.at(tip).life == Life::Up {
            if let Some(mut secret) = self.at(tip).secret.take() {
                let count = self.put(tip, secret.going().make_contiguous());
                secret.going().drain(..count);
                let is_out = secret.going().is_empty();
                self.at(tip).secret = Some(secret);
                if !is_out {
                    return;
                }
            }
            self.fin(tip);
        }
    }
}
