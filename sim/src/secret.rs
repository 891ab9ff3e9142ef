//! A toy of TLS: the records, the flights of the handshake and the ends of it, without any secret. What it has in common
//! with the real one is what a proxy can notice of it: bytes that are there and cannot be read yet, words that must go
//! to and fro before any others, and ends that are said, or are not.

use std::collections::VecDeque;

/// Bytes of a record before what it carries: its kind and its length.
const HEAD: usize = 5;
/// Bytes behind what it carries, by which it is known to be whole.
const TAG: usize = 16;
/// Bytes that one record carries at the most (RFC 8446 §5.1).
pub(crate) const RECORD_MOST: usize = 16_384;

/// Bytes of a hello before the name in it.
const HELLO: usize = 230;

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const DATA: u8 = 23;

/// One end of a connection that speaks it.
#[derive(Debug)]
pub(crate) struct Secret {
    stage: Stage,
    /// What has come and was not read as records yet.
    coming: VecDeque<u8>,
    /// What has come and may be read.
    plain: VecDeque<u8>,
    /// What is to be sent.
    going: VecDeque<u8>,
    /// By which name the server was asked, once that is known.
    pub(crate) asked: Option<String>,
    /// The peer has said that nothing more comes.
    pub(crate) has_ended: bool,
    /// So have we.
    said_end: bool,
}

/// How far the handshake has come: what is awaited.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    /// The client's hello.
    Hello,
    /// The server's answer to ours.
    Answer,
    /// The client's last word.
    Finished,
    /// Nothing more.
    Over,
}

/// What came is no record that belongs here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Nonsense;

impl Secret {
    /// Who has accepted the connection.
    pub(crate) fn server() -> Self {
        Self::at(Stage::Hello)
    }

    /// Who has dialled a server of that name, and speaks first.
    pub(crate) fn client(name: &str) -> Self {
        let mut client = Self { asked: Some(name.to_owned()), ..Self::at(Stage::Answer) };
        client.record(HANDSHAKE, &[&[1; HELLO], name.as_bytes()].concat());
        client
    }

    fn at(stage: Stage) -> Self {
        let (coming, plain, going) = (VecDeque::new(), VecDeque::new(), VecDeque::new());
        Self { stage, coming, plain, going, asked: None, has_ended: false, said_end: false }
    }

    /// Whether the handshake is over.
    pub(crate) fn is_secure(&self) -> bool {
        self.stage == Stage::Over
    }

    /// What is to be sent: as much of it as goes is to be taken out.
    pub(crate) const fn going(&mut self) -> &mut VecDeque<u8> {
        &mut self.going
    }

    /// Takes what has come.
    pub(crate) fn take(&mut self, bytes: impl Iterator<Item = u8>) -> Result<(), Nonsense> {
        self.coming.extend(bytes);
        while let Some((kind, length)) = self.next()? {
            if self.coming.len() < HEAD + length + TAG {
                return Ok(());
            }
            self.coming.drain(..HEAD);
            let carried: Vec<u8> = self.coming.drain(..length).collect();
            self.coming.drain(..TAG);
            self.hear(kind, &carried)?;
        }
        Ok(())
    }

    /// The kind and the length of the record that comes next, once its head is there.
    fn next(&self) -> Result<Option<(u8, usize)>, Nonsense> {
        let Some(&kind) = self.coming.front() else { return Ok(None) };
        if !(ALERT..=DATA).contains(&kind) {
            return Err(Nonsense);
        }
        if self.coming.len() < HEAD {
            return Ok(None);
        }
        let length = usize::from(self.coming[3]) << 8 | usize::from(self.coming[4]);
        if length > RECORD_MOST { Err(Nonsense) } else { Ok(Some((kind, length))) }
    }

    fn hear(&mut self, kind: u8, carried: &[u8]) -> Result<(), Nonsense> {
        match (kind, self.stage) {
            (HANDSHAKE, Stage::Hello) => {
                let name = carried.get(HELLO..).ok_or(Nonsense)?;
                self.asked = Some(String::from_utf8_lossy(name).into_owned());
                self.record(HANDSHAKE, &[2; 90]);
                self.record(HANDSHAKE, &[11; 1_400]);
                self.stage = Stage::Finished;
            }
            // The server's flight is two records; the first one says nothing yet.
            (HANDSHAKE, Stage::Answer) if carried.first() == Some(&2) => {}
            (HANDSHAKE, Stage::Answer) => {
                self.record(HANDSHAKE, &[20; 32]);
                self.stage = Stage::Over;
            }
            (HANDSHAKE, Stage::Finished) => self.stage = Stage::Over,
            (DATA, Stage::Over) if !self.has_ended => self.plain.extend(carried),
            (ALERT, Stage::Over) => self.has_ended = true,
            _ => return Err(Nonsense),
        }
        Ok(())
    }

    /// Reads what may be read; 0 if there is nothing.
    pub(crate) fn read(&mut self, room: &mut [u8]) -> usize {
        let count = room.len().min(self.plain.len());
        for (place, byte) in room.iter_mut().zip(self.plain.drain(..count)) {
            *place = byte;
        }
        count
    }

    /// Whether part of a record is there, and cannot be read.
    pub(crate) fn has_piece(&self) -> bool {
        !self.coming.is_empty()
    }

    /// Whether there is something to read.
    pub(crate) fn has_plain(&self) -> bool {
        !self.plain.is_empty()
    }

    /// Says something, as much of it as one record carries; gives how much that is.
    pub(crate) fn say(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(RECORD_MOST);
        self.record(DATA, &bytes[..count]);
        count
    }

    /// Says that nothing more comes.
    pub(crate) fn end(&mut self) {
        if self.is_secure() && !std::mem::replace(&mut self.said_end, true) {
            self.record(ALERT, &[1, 0]);
        }
    }

    fn record(&mut self, kind: u8, carried: &[u8]) {
        let length = carried.len() as u16;
        self.going.extend([kind, 3, 3, (length >> 8) as u8, length as u8]);
        self.going.extend(carried);
        self.going.extend([0; TAG]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What one says goes to the other, in pieces of that size, until nothing more goes.
    fn carry(from: &mut Secret, to: &mut Secret, size: usize) -> Result<(), Nonsense> {
        while !from.going().is_empty() {
            let count = size.min(from.going().len());
            let piece: Vec<u8> = from.going().drain(..count).collect();
            to.take(piece.into_iter())?;
        }
        Ok(())
    }

    fn met(size: usize) -> (Secret, Secret) {
        let (mut client, mut server) = (Secret::client("a.example"), Secret::server());
        for _ in 0..2 {
            carry(&mut client, &mut server, size).expect("a good client");
            carry(&mut server, &mut client, size).expect("a good server");
        }
        (client, server)
    }

    #[test]
    fn who_has_shaken_hands_hears_what_is_said_record_by_record() {
        for size in [1, 7, 1_460, 100_000] {
            let (mut client, mut server) = met(size);
            assert!(client.is_secure() && server.is_secure());
            assert_eq!(server.asked.as_deref(), Some("a.example"));
            assert_eq!(client.say(&[b'x'; 20_000]), RECORD_MOST);
            carry(&mut client, &mut server, size).expect("good words");
            let mut room = [0; 20_000];
            assert_eq!((server.read(&mut room), server.has_plain()), (RECORD_MOST, false));
            client.end();
            client.end();
            carry(&mut client, &mut server, size).expect("a good end");
            assert!(server.has_ended && !client.has_ended);
        }
    }

    #[test]
    fn nothing_of_a_record_is_heard_before_all_of_it_has_come() {
        let (mut client, mut server) = met(9);
        client.say(b"hello");
        let last = client.going().pop_back().expect("a byte");
        carry(&mut client, &mut server, 3).expect("half a record is none");
        assert!(!server.has_plain());
        server.take([last].into_iter()).expect("all of it");
        assert!(server.has_plain());
    }

    #[test]
    fn what_does_not_belong_there_is_nonsense() {
        assert_eq!(Secret::server().take(b"GET / HTTP/1.1".iter().copied()), Err(Nonsense));
        assert_eq!(Secret::server().take([DATA, 3, 3, 0xff, 0xff].into_iter()), Err(Nonsense));
        let mut early = Secret::at(Stage::Over);
        early.say(b"too early");
        assert_eq!(carry(&mut early, &mut Secret::server(), 99), Err(Nonsense));
    }
}
