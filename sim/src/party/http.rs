//! As much of HTTP as clients and backends need: heads by their text, bodies by an own, simple reader.

use std::collections::VecDeque;

use super::pattern;
use crate::plan::Framing;

/// Takes a whole head from the front of what came, as text.
pub(crate) fn head(inbox: &mut VecDeque<u8>) -> Option<String> {
    let bytes = inbox.make_contiguous();
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = inbox.drain(..end).collect();
    Some(String::from_utf8(head).unwrap_or_default())
}

/// The value of a field.
pub(crate) fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let mut fields = head.split("\r\n").skip(1).filter_map(|line| line.split_once(": "));
    fields.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// The fields that edits are about, by name, those of one name in their order; names in lower case.
pub(crate) fn bears(head: &str) -> Vec<String> {
    let fields = head.split("\r\n").skip(1).filter_map(|line| line.split_once(": "));
    let fields = fields.map(|(name, value)| (name.to_ascii_lowercase(), value));
    let mut all: Vec<_> = fields.filter(|(name, _)| is_edited(name)).collect();
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all.into_iter().map(|(name, value)| format!("{name}: {value}")).collect()
}

/// Whether edits may be about a field of that name, in lower case.
pub(crate) fn is_edited(name: &str) -> bool {
    name.starts_with("x-sim-") || ["location", "set-cookie"].contains(&name)
}

/// The lines of some fields.
pub(crate) fn lines(fields: &[String]) -> String {
    fields.iter().flat_map(|field| [field, "\r\n"]).collect()
}

/// The status of a response, or 0.
pub(crate) fn status(head: &str) -> u16 {
    head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

/// The client and its request that `3/7` stands for.
pub(crate) fn whose(text: &str) -> Option<(u32, usize)> {
    let (client, ask) = text.split_once('/')?;
    Some((client.parse().ok()?, ask.parse().ok()?))
}

/// The fields that frame a body.
pub(crate) fn fields(framing: Framing, length: u32) -> String {
    match framing {
        Framing::Chunks => "Transfer-Encoding: chunked\r\n".to_owned(),
        Framing::Close => String::new(),
        Framing::Length => format!("Content-Length: {length}\r\n"),
    }
}

/// The first bytes of a stream as a body; in chunks, with extensions, and a trailer as the stream has it.
/// They are for the next recipient only: who gets them from a proxy gets what is wrong.
pub(crate) fn body(framing: Framing, stream: u64, length: u32) -> Vec<u8> {
    let data = pattern::bytes(stream, 0, length as usize);
    let trailer = if stream.is_multiple_of(2) { "Host: x\r\nContent-Length: 5\r\n" } else { "" };
    match framing {
        Framing::Chunks => chunks(&data, ";name=value;other=\"; \"", trailer),
        Framing::Close | Framing::Length => data,
    }
}

/// Bytes in chunks, of which every third has the extension.
fn chunks(mut data: &[u8], extension: &str, trailer: &str) -> Vec<u8> {
    let mut body = Vec::with_capacity(data.len() + 64);
    for number in 0.. {
        let Some(first) = data.first() else { break };
        // Chunks of all sizes, as the bytes have it.
        let size = (1 + usize::from(*first) * 7).min(data.len());
        let (chunk, behind) = data.split_at(size);
        let extension = if number % 3 == 0 { extension } else { "" };
        body.extend(format!("{size:x}{extension}\r\n").bytes());
        body.extend(chunk);
        body.extend(b"\r\n");
        data = behind;
    }
    body.extend(format!("0\r\n{trailer}\r\n").bytes());
    body
}

/// A body that is coming.
#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    stream: Option<u64>,
    good: u64,
    left: Left,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Left {
    Bytes(u64),
    /// So much of the present chunk, its end included.
    Chunk(u64),
    Size,
    Trailer,
    UntilEnd,
}

/// How much of a body is there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Body {
    /// It goes on.
    More,
    /// It is whole.
    Whole,
    /// It is not what was sent; so much was.
    Wrong(u64),
}

impl Incoming {
    /// The body behind that head; it is that stream's, if anybody's.
    pub(crate) fn of(head: &str, stream: Option<u64>, bodiless: bool) -> Self {
        let left = match (field(head, "Content-Length"), field(head, "Transfer-Encoding")) {
            (Some(length), _) => Left::Bytes(length.parse().unwrap_or(0)),
            (None, Some(_)) => Left::Size,
            (None, None) if bodiless => Left::Bytes(0),
            (None, None) => Left::UntilEnd,
        };
        Self { stream, good: 0, left }
    }

    /// Whether only the end of the connection ends it.
    pub(crate) fn is_until_end(&self) -> bool {
        self.left == Left::UntilEnd
    }

    /// Takes what is there of it.
    pub(crate) fn take(&mut self, inbox: &mut VecDeque<u8>) -> Body {
        loop {
            let took = match self.left {
                Left::Bytes(0) => return Body::Whole,
                Left::Bytes(left) => self.data(inbox, left).map(|count| Left::Bytes(left - count)),
                Left::UntilEnd => self.data(inbox, u64::MAX).map(|_| Left::UntilEnd),
                Left::Chunk(left) if left > 2 => {
                    self.data(inbox, left - 2).map(|count| Left::Chunk(left - count))
                }
                Left::Chunk(left) => Ok(take_line_end(inbox, left)),
                Left::Size | Left::Trailer => match self.line(inbox) {
                    Some(Ok(Left::Bytes(0))) => return Body::Whole,
                    Some(left) => left,
                    None => return Body::More,
                },
            };
            match took {
                Ok(left) if left == self.left => return Body::More,
                Ok(left) => self.left = left,
                Err(good) => return Body::Wrong(good),
            }
            if self.left == Left::UntilEnd || inbox.is_empty() && self.left != Left::Bytes(0) {
                return Body::More;
            }
        }
    }

    /// Judges up to so many bytes; gives how many there were, or how many were good in all.
    fn data(&mut self, inbox: &mut VecDeque<u8>, most: u64) -> Result<u64, u64> {
        let count = inbox.len().min(usize::try_from(most).unwrap_or(usize::MAX));
        let data: Vec<u8> = inbox.drain(..count).collect();
        let Some(stream) = self.stream else { return Ok(count as u64) };
        let good = pattern::good(stream, self.good, &data);
        self.good += good as u64;
        if good < count { Err(self.good) } else { Ok(count as u64) }
    }

    /// Takes a line: a chunk's size, or the end of the trailer. Anything more is wrong.
    fn line(&self, inbox: &mut VecDeque<u8>) -> Option<Result<Left, u64>> {
        let end = inbox.make_contiguous().windows(2).position(|two| two == b"\r\n")?;
        let line: Vec<u8> = inbox.drain(..end + 2).collect();
        let line = std::str::from_utf8(&line[..end]).unwrap_or_default();
        Some(match (self.left, u64::from_str_radix(line, 16)) {
            (Left::Trailer, _) if line.is_empty() => Ok(Left::Bytes(0)),
            (Left::Trailer, _) | (_, Err(_)) => Err(self.good),
            (_, Ok(0)) => Ok(Left::Trailer),
            (_, Ok(size)) => Ok(Left::Chunk(size + 2)),
        })
    }
}

/// Takes what is there of the two bytes behind a chunk.
fn take_line_end(inbox: &mut VecDeque<u8>, left: u64) -> Left {
    let count = inbox.len().min(left as usize);
    inbox.drain(..count);
    if left == count as u64 { Left::Size } else { Left::Chunk(left - count as u64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_whole_however_it_comes() {
        let data = pattern::bytes(9, 0, 3_000);
        for (framing, sent) in [
            (Framing::Chunks, chunks(&data, "", "")),
            (Framing::Length, body(Framing::Length, 9, 3_000)),
        ] {
            let head = format!("HTTP/1.1 200 OK\r\n{}\r\n", fields(framing, 3_000));
            let mut incoming = Incoming::of(&head, Some(9), false);
            let mut inbox = VecDeque::new();
            let (last, first) = sent.split_last().expect("it is not empty");
            for byte in first {
                inbox.push_back(*byte);
                assert_eq!(incoming.take(&mut inbox), Body::More);
            }
            inbox.push_back(*last);
            assert_eq!(incoming.take(&mut inbox), Body::Whole);
        }
    }

    #[test]
    fn what_was_for_the_next_recipient_only_is_wrong() {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n";
        let came = |extension, trailer| {
            let mut inbox = chunks(b"some", extension, trailer).into();
            Incoming::of(head, None, false).take(&mut inbox)
        };
        assert_eq!(came("", ""), Body::Whole);
        assert_eq!(came(";name=value", ""), Body::Wrong(0));
        assert_eq!(came("", "Host: x\r\n"), Body::Wrong(0));
    }

    #[test]
    fn a_body_of_another_is_wrong() {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
        let mut inbox: VecDeque<u8> = pattern::bytes(4, 0, 9).into();
        let mut incoming = Incoming::of(head, Some(9), false);
        assert!(matches!(incoming.take(&mut inbox), Body::Wrong(_)));
    }

    #[test]
    fn a_head_is_taken_once_it_is_whole() {
        let mut inbox: VecDeque<u8> = b"HTTP/1.1 200 OK\r\nX-Request: 3/7\r\n\r".to_vec().into();
        assert_eq!(head(&mut inbox), None);
        inbox.push_back(b'\n');
        let head = head(&mut inbox).expect("it is whole");
        assert_eq!((status(&head), field(&head, "x-request").and_then(whose)), (200, Some((3, 7))));
        assert!(inbox.is_empty());
    }
}
