//! Bytes that core has looked at, as far as a trace keeps them.

use serde::{Deserialize, Serialize};

/// Bytes that came at once, in their order: those that are kept, and the number of those that are not.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Seen(Vec<Piece>);

/// A piece of them; in JSON a text or a number.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Piece {
    /// Bytes that are kept: each is the character of its number, so that heads can be read in a trace.
    Kept(String),
    /// So many bytes that are not.
    Blank(u32),
}

impl Seen {
    /// Adds a byte that is kept.
    pub(super) fn keep(&mut self, byte: u8) {
        if let Some(Piece::Kept(text)) = self.0.last_mut() {
            text.push(char::from(byte));
        } else {
            self.0.push(Piece::Kept(char::from(byte).into()));
        }
    }

    /// Adds so many bytes that are not.
    pub(super) fn blank(&mut self, count: usize) {
        let count = u32::try_from(count).expect("a buffer is smaller than 4 GiB");
        match self.0.last_mut() {
            _ if count == 0 => {}
            Some(Piece::Blank(blank)) => *blank += count,
            Some(Piece::Kept(_)) | None => self.0.push(Piece::Blank(count)),
        }
    }

    /// The pieces.
    pub fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// How many bytes they were.
    pub fn len(&self) -> usize {
        let len = |piece: &Piece| match piece {
            Piece::Kept(text) => text.chars().count(),
            Piece::Blank(count) => *count as usize,
        };
        self.0.iter().map(len).fold(0, usize::saturating_add)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of the same number and the same meaning to core; none if a character is no byte.
    ///
    /// What was not kept comes back as full stops.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        let mut bytes = Vec::with_capacity(self.len());
        for piece in &self.0 {
            match piece {
                Piece::Blank(count) => bytes.resize(bytes.len() + *count as usize, b'.'),
                Piece::Kept(text) => {
                    for char in text.chars() {
                        bytes.push(u8::try_from(char).ok()?);
                    }
                }
            }
        }
        Some(bytes)
    }

    /// How many bytes they take in a trace at the most: a control character is six there.
    pub(super) fn weight(&self) -> usize {
        let weight = |piece: &Piece| match piece {
            Piece::Kept(text) => 2 * text.len() + 4 * text.matches(is_escaped).count(),
            Piece::Blank(_) => 12,
        };
        self.0.iter().map(weight).sum()
    }
}

fn is_escaped(char: char) -> bool {
    char.is_ascii_control() && !matches!(char, '\r' | '\n' | '\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_texts_and_numbers_in_a_trace_and_come_back() {
        let mut seen = Seen::default();
        b"GET /\xe9\0\r\n".iter().for_each(|&byte| seen.keep(byte));
        seen.blank(0);
        seen.blank(2);
        seen.blank(3);
        seen.keep(b'"');
        let json = serde_json::to_string(&seen).unwrap();
        assert_eq!(json, r#"["GET /é\u0000\r\n",5,"\""]"#);
        assert_eq!(serde_json::from_str::<Seen>(&json).unwrap(), seen);
        assert_eq!(
            (seen.len(), seen.bytes().unwrap().as_slice()),
            (15, &b"GET /\xe9\0\r\n.....\""[..])
        );
        assert!(json.len() <= seen.weight() + 10);
    }

    #[test]
    fn a_character_that_is_no_byte_gives_none() {
        let seen: Seen = serde_json::from_str(r#"["a\u0101"]"#).unwrap();
        assert_eq!(seen.bytes(), None);
    }

    #[test]
    fn bytes_weigh_what_they_take_at_the_most() {
        let weight = |text: &[u8]| {
            let mut seen = Seen::default();
            text.iter().for_each(|&byte| seen.keep(byte));
            (seen.weight(), serde_json::to_string(&seen).expect("it is data").len() - 4)
        };
        assert_eq!(weight(b"abc"), (6, 3));
        assert_eq!(weight(b"\"\\\r\n\t"), (10, 10));
        assert_eq!(weight(b"\0\x1b\x7f"), (18, 13));
        assert_eq!(weight(b"\xe9"), (4, 2));
        let mut seen = Seen::default();
        assert!(seen.is_empty());
        seen.keep(b'a');
        seen.blank(0);
        assert_eq!((seen.is_empty(), seen.pieces().len(), seen.weight()), (false, 1, 2));
        seen.blank(7);
        assert_eq!((seen.pieces().len(), seen.weight()), (2, 14));
    }
}
