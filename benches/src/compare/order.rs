//! What a client asks of the backend within a tunnel: the first bytes of each of its messages say it.

/// Bytes of an order, which every message begins with.
pub const ORDER: usize = 24;

/// The bytes of the page from which messages are sent, and of the room into which they are read.
pub const PAGE: usize = 64 * 1024;

/// A message that goes up, and what comes down for it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Order {
    /// Bytes of the message itself, the order included.
    pub up: u64,
    /// Bytes of the answer.
    pub down: u64,
    /// How many bytes of the message must have come before the answer begins.
    pub after: u64,
}

impl Order {
    /// A message that is answered by as many bytes once it is whole.
    pub const fn echo(bytes: u64) -> Self {
        Self { up: bytes, down: bytes, after: bytes }
    }

    /// As many bytes down for a short message.
    pub const fn down(bytes: u64) -> Self {
        Self { up: ORDER as u64, down: bytes, after: ORDER as u64 }
    }

    /// As many bytes both ways at the same time.
    pub const fn both(bytes: u64) -> Self {
        Self { up: bytes, down: bytes, after: ORDER as u64 }
    }

    /// As it is sent.
    pub fn encode(&self) -> [u8; ORDER] {
        let mut bytes = [0; ORDER];
        let (words, _) = bytes.as_chunks_mut();
        for (word, number) in words.iter_mut().zip([self.up, self.down, self.after]) {
            *word = u64::to_be_bytes(number);
        }
        bytes
    }

    /// As it was sent.
    pub fn decode(bytes: &[u8; ORDER]) -> Self {
        let (words, _) = bytes.as_chunks();
        let [up, down, after] = [0, 1, 2].map(|at: usize| u64::from_be_bytes(words[at]));
        Self { up, down, after }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_arrives_as_it_was_sent() {
        let order = Order { up: 1, down: 1 << 40, after: 24 };
        assert_eq!(Order::decode(&order.encode()), order);
    }
}
