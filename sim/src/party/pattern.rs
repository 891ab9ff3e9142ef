//! What is sent: bytes that follow from whose they are and where they stand, so that each that arrives
//! can be judged by itself.

use underpass_core::Side;

use crate::rng::mix;

/// The name of a stream of bytes: that side's, for that request of that client.
pub(crate) fn stream(client: u32, ask: usize, side: Side) -> u64 {
    mix((u64::from(client) << 32) | ((ask as u64) << 1) | side as u64)
}

/// Fills the room with the bytes of that stream from there on.
pub(crate) fn fill(stream: u64, from: u64, room: &mut [u8]) {
    let mut word = (from / 8, mix(stream ^ (from / 8)).to_le_bytes());
    for (at, place) in (from..).zip(room) {
        if at / 8 != word.0 {
            word = (at / 8, mix(stream ^ (at / 8)).to_le_bytes());
        }
        *place = word.1[(at % 8) as usize];
    }
}

/// So many bytes of that stream from there on.
pub(crate) fn bytes(stream: u64, from: u64, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    fill(stream, from, &mut bytes);
    bytes
}

/// How many of the bytes are those of the stream from there on.
pub(crate) fn good(stream: u64, from: u64, got: &[u8]) -> usize {
    let mut good = 0;
    let mut room = [0; 512];
    for piece in got.chunks(room.len()) {
        let should = &mut room[..piece.len()];
        fill(stream, from + good as u64, should);
        match piece.iter().zip(should).position(|(is, should)| is != should) {
            Some(wrong) => return good + wrong,
            None => good += piece.len(),
        }
    }
    good
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_the_same_however_it_is_cut() {
        let whole = bytes(7, 0, 1_000);
        assert_eq!(bytes(7, 333, 500), whole[333..833]);
        assert_eq!(good(7, 0, &whole), 1_000);
    }

    #[test]
    fn a_byte_that_is_wrong_or_of_another_stream_is_found() {
        let mut whole = bytes(7, 5, 1_000);
        whole[700] ^= 1;
        assert_eq!(good(7, 5, &whole), 700);
        assert!(good(8, 5, &whole) < 5);
        let streams = [(1, 2, Side::Client), (1, 2, Side::Backend), (1, 3, Side::Client)];
        assert_eq!(
            streams
                .map(|(c, a, s)| stream(c, a, s))
                .iter()
                .filter(|s| **s == stream(1, 2, Side::Client))
                .count(),
            1
        );
    }
}
