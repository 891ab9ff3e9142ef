//! Stage 1 of 6 · the bytes that core holds, in buffers leased only while they hold any.

use std::fmt;

use crate::limits::{BUFFER, HEAD_MOST};

/// A free list of buffers, lent by the driver for the length of a turn; one for each loop.
#[derive(Debug, Default)]
pub struct Buffers {
    #[expect(clippy::vec_box, reason = "a lease moves one pointer, and a session holds no more")]
    free: Vec<Box<Block>>,
    leased: usize,
}

impl Buffers {
    /// Free blocks beyond this number go back to the allocator.
    const KEPT: usize = 64;

    /// How many buffers sessions hold now.
    pub fn leased(&self) -> usize {
        self.leased
    }

    fn lease(&mut self) -> Box<Block> {
        self.leased += 1;
        self.free.pop().unwrap_or_else(|| Box::new(Block::new()))
    }

    fn give_back(&mut self, mut block: Box<Block>) {
        debug_assert!(self.leased > 0, "more buffers given back than leased");
        self.leased -= 1;
        block.clear();
        if self.free.len() < Self::KEPT && block.bytes.len() == BUFFER {
            self.free.push(block);
        }
    }
}

/// A buffer of a session: nothing but a null pointer while it holds no byte.
#[derive(Default)]
pub struct Buf(Option<Box<Block>>);

/// ```text
/// bytes: [ consumed | held | room ]
///        0        start   end   len
/// ```
#[derive(Debug)]
struct Block {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buf {
    /// The bytes held.
    pub fn bytes(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |block| &block.bytes[block.start..block.end])
    }

    /// How many bytes are held.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |block| block.end - block.start)
    }

    /// Whether no byte is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Room behind the held bytes, leased if need be: for `wanted` bytes, or as much as there is;
    /// never more than makes [`HEAD_MOST`] bytes, and never empty unless so many are held.
    pub fn room(&mut self, wanted: Option<usize>, buffers: &mut Buffers) -> &mut [u8] {
        let block = self.0.get_or_insert_with(|| buffers.lease());
        let least = wanted.unwrap_or(1).min(HEAD_MOST - (block.end - block.start));
        if block.bytes.len() - block.end < least {
            block.make_room(least);
        }
        let all = block.bytes.len().min(block.start + HEAD_MOST);
        let end = wanted.map_or(all, |_| block.end + least);
        &mut block.bytes[block.end..end]
    }

    /// Takes the first `count` bytes of the room as held.
    pub fn filled(&mut self, count: usize) {
        let block = self.0.as_mut().expect("only a leased buffer has room");
        debug_assert!(block.end + count <= block.bytes.len(), "more bytes than room");
        block.end += count;
    }

    /// Adds `bytes` behind the held ones.
    pub fn append(&mut self, bytes: &[u8], buffers: &mut Buffers) {
        if bytes.is_empty() {
            return;
        }
        let block = self.0.get_or_insert_with(|| buffers.lease());
        if block.bytes.len() - block.end < bytes.len() {
            block.make_room(bytes.len());
        }
        block.bytes[block.end..block.end + bytes.len()].copy_from_slice(bytes);
        block.end += bytes.len();
    }

    /// Drops the first `count` held bytes.
    pub fn consume(&mut self, count: usize) {
        debug_assert!(count <= self.len(), "more bytes consumed than held");
        if let Some(block) = &mut self.0 {
            block.start += count;
        }
    }

    /// Moves the first `count` held bytes behind those of `to`: the whole buffer where that is all of it.
    pub fn give(&mut self, to: &mut Self, count: usize, buffers: &mut Buffers) {
        if to.is_empty() && count == self.len() {
            std::mem::swap(self, to);
        } else {
            to.append(&self.bytes()[..count], buffers);
            self.consume(count);
        }
    }

    /// Drops every held byte and gives the buffer back.
    pub fn clear(&mut self, buffers: &mut Buffers) {
        if let Some(block) = self.0.take() {
            buffers.give_back(block);
        }
    }

    /// Gives the buffer back if it holds nothing.
    pub fn tidy(&mut self, buffers: &mut Buffers) {
        if self.is_empty() {
            self.clear(buffers);
        }
    }
}

/// The bytes held, and never what an earlier holder has left in the block behind them.
impl fmt::Debug for Buf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.bytes().escape_ascii())
    }
}

impl Block {
    fn new() -> Self {
        Self { bytes: vec![0; BUFFER], start: 0, end: 0 }
    }

    fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    /// Makes room for `count` more bytes: by moving the held ones to the front, else by growing.
    fn make_room(&mut self, count: usize) {
        self.bytes.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        let needed = self.end + count;
        if needed > self.bytes.len() {
            self.bytes.resize(needed.next_power_of_two(), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(buf: &mut Buf, bytes: &[u8], buffers: &mut Buffers) {
        buf.room(None, buffers)[..bytes.len()].copy_from_slice(bytes);
        buf.filled(bytes.len());
    }

    #[test]
    fn a_buffer_is_held_only_while_it_holds_bytes() {
        let (mut buffers, mut buf) = (Buffers::default(), Buf::default());
        assert_eq!(size_of::<Buf>(), size_of::<usize>());
        buf.room(None, &mut buffers);
        assert_eq!(buffers.leased(), 1);
        buf.tidy(&mut buffers);
        assert_eq!(buffers.leased(), 0);
        fill(&mut buf, b"abc", &mut buffers);
        buf.tidy(&mut buffers);
        assert_eq!((buf.bytes(), buffers.leased()), (&b"abc"[..], 1));
        buf.consume(3);
        buf.tidy(&mut buffers);
        assert_eq!(buffers.leased(), 0);
    }

    /// A session that is printed shows nothing of another one's.
    #[test]
    fn what_an_earlier_holder_left_is_not_printed() {
        let (mut buffers, mut buf) = (Buffers::default(), Buf::default());
        fill(&mut buf, b"secret", &mut buffers);
        buf.clear(&mut buffers);
        fill(&mut buf, b"a\r\n", &mut buffers);
        assert_eq!(format!("{buf:?}"), r#""a\r\n""#);
    }

    #[test]
    fn consumed_bytes_make_room_before_the_buffer_grows() {
        let (mut buffers, mut buf) = (Buffers::default(), Buf::default());
        buf.append(&[b'x'; BUFFER], &mut buffers);
        buf.consume(BUFFER - 1);
        assert_eq!(buf.room(None, &mut buffers).len(), BUFFER - 1);
        assert_eq!(buf.bytes(), b"x");
    }

    #[test]
    fn grows_up_to_the_largest_head_and_not_beyond() {
        let (mut buffers, mut buf) = (Buffers::default(), Buf::default());
        while buf.len() < HEAD_MOST {
            let room = buf.room(None, &mut buffers).len();
            assert!(room > 0);
            buf.filled(room);
        }
        assert!(buf.room(None, &mut buffers).is_empty());
        buf.clear(&mut buffers);
        assert!(buffers.free.is_empty(), "a grown buffer is not kept");
    }

    #[test]
    fn room_that_is_asked_for_is_given_to_the_byte() {
        let (mut buffers, mut buf) = (Buffers::default(), Buf::default());
        for wanted in [1, 512, 3 * BUFFER, 512, HEAD_MOST] {
            assert_eq!(buf.room(Some(wanted), &mut buffers).len(), wanted);
        }
        buf.filled(HEAD_MOST - 1);
        assert_eq!(buf.room(Some(512), &mut buffers).len(), 1);
    }

    #[test]
    fn giving_all_to_an_empty_buffer_moves_no_byte() {
        let mut buffers = Buffers::default();
        let (mut from, mut to) = (Buf::default(), Buf::default());
        fill(&mut from, b"abcdef", &mut buffers);
        let place = from.bytes().as_ptr();
        from.give(&mut to, 6, &mut buffers);
        assert_eq!((to.bytes(), to.bytes().as_ptr()), (&b"abcdef"[..], place));
        to.give(&mut from, 2, &mut buffers);
        assert_eq!((from.bytes(), to.bytes()), (&b"ab"[..], &b"cdef"[..]));
    }

    #[test]
    fn only_so_many_buffers_are_kept_for_later() {
        let mut buffers = Buffers::default();
        let leased: Vec<_> = (0..=Buffers::KEPT).map(|_| buffers.lease()).collect();
        for (given, block) in leased.into_iter().enumerate() {
            assert_eq!(buffers.free.len(), given.min(Buffers::KEPT));
            buffers.give_back(block);
        }
        assert_eq!((buffers.free.len(), buffers.leased()), (Buffers::KEPT, 0));
    }

    #[test]
    fn room_is_as_wide_as_was_asked_for_wherever_the_bytes_stand() {
        let (mut buffers, mut buf) = (Buffers::default(), Buf::default());
        fill(&mut buf, &[b'x'; 100], &mut buffers);
        buf.consume(90);
        assert_eq!(buf.room(Some(HEAD_MOST), &mut buffers).len(), HEAD_MOST - 10);
        assert_eq!(buf.bytes(), [b'x'; 10]);
    }
}
