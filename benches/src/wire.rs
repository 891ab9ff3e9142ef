//! One end of an HTTP/1.1 connection, as a tool speaks and hears it: plain, and strict about what it hears.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::daemon::failure;

/// How long a peer may be silent that owes us something.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Bytes that are read ahead: enough for a head. Larger reads go by the buffer.
const AHEAD: usize = 2048;

/// One end of a connection.
#[derive(Debug)]
pub struct Wire<S = TcpStream>(BufReader<S>);

impl Wire {
    /// A connection to that address.
    ///
    /// # Errors
    ///
    /// If nobody listens there.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        Self::new(TcpStream::connect(address)?)
    }

    /// This end of a connection, which from now on waits for at most [`PATIENCE`].
    ///
    /// # Errors
    ///
    /// If the socket does not take its options.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self::over(stream))
    }
}

impl<S: Read> Wire<S> {
    /// An end that speaks by that stream.
    pub fn over(stream: S) -> Self {
        Self(BufReader::with_capacity(AHEAD, stream))
    }

    /// The stream below.
    pub fn stream(&self) -> &S {
        self.0.get_ref()
    }

    /// The stream below, from which nothing has been read ahead.
    ///
    /// # Errors
    ///
    /// If something has.
    pub fn into_stream(self) -> io::Result<S> {
        let ahead = self.0.buffer().len();
        if ahead == 0 {
            Ok(self.0.into_inner())
        } else {
            Err(failure(format!("{ahead} bytes too many")))
        }
    }

    /// The next head; none if the peer has ended instead.
    ///
    /// # Errors
    ///
    /// If the connection breaks, or ends within the head.
    pub fn head(&mut self) -> io::Result<Option<Head>> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.0.read_line(&mut head)? == 0 {
                return if head.is_empty() { Ok(None) } else { Err(failure("half a head")) };
            }
        }
        Ok(Some(Head(head)))
    }

    /// The next head, which must come.
    ///
    /// # Errors
    ///
    /// If it does not.
    pub fn due_head(&mut self) -> io::Result<Head> {
        self.head()?.ok_or_else(|| failure("no head came"))
    }

    /// The body of that framing, which comes next.
    pub fn body(&mut self, framing: Framing) -> Body<'_, S> {
        Body { wire: &mut self.0, framing, left: 0 }
    }
}

impl<S: Read> Read for Wire<S> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.0.read(room)
    }
}

impl<S: Write> Write for Wire<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.get_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.get_mut().flush()
    }
}

/// A head, the empty line included.
#[derive(Debug)]
pub struct Head(String);

impl Head {
    /// The words of the first line.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.lines().next().unwrap_or_default().split(' ')
    }

    /// The value of the first field of that name.
    pub fn field(&self, name: &str) -> Option<&str> {
        let fields = self.0.lines().skip(1).filter_map(|line| line.split_once(':'));
        let mut own = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
        own.next().map(|(_, value)| value.trim())
    }

    /// How the body behind this head is framed, where there may be one.
    pub fn framing(&self) -> Framing {
        if self.field("Transfer-Encoding").is_some() {
            return Framing::Chunked;
        }
        let length = self.field("Content-Length").and_then(|length| length.parse().ok());
        Framing::Length(length.unwrap_or(0))
    }
}

/// How a body tells its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Framing {
    /// By the number of bytes that are still to come.
    Length(u64),
    /// By a chunk of no bytes.
    Chunked,
}

/// A body, without its framing.
#[derive(Debug)]
pub struct Body<'w, S = TcpStream> {
    wire: &'w mut BufReader<S>,
    framing: Framing,
    /// What is still to come of the present chunk.
    left: u64,
}

impl<S: Read> Read for Body<'_, S> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match &mut self.framing {
            Framing::Length(left) => read_of(self.wire, left, room),
            Framing::Chunked => {
                if self.left == 0 {
                    self.left = size_line(self.wire)?;
                }
                if self.left == 0 {
                    self.framing = Framing::Length(0);
                    return end_of_line(self.wire).map(|()| 0);
                }
                let count = read_of(self.wire, &mut self.left, room)?;
                if self.left == 0 {
                    end_of_line(self.wire)?;
                }
                Ok(count)
            }
        }
    }
}

/// Reads of the `left` bytes that must come.
fn read_of(wire: &mut impl Read, left: &mut u64, room: &mut [u8]) -> io::Result<usize> {
    let most = room.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
    if most == 0 {
        // Even for no bytes at all a buffer would be filled, and waited for.
        return Ok(0);
    }
    let count = wire.read(&mut room[..most])?;
    if count == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    *left -= count as u64;
    Ok(count)
}

fn size_line(wire: &mut impl BufRead) -> io::Result<u64> {
    let mut line = String::new();
    wire.read_line(&mut line)?;
    let digits = line.strip_suffix("\r\n").unwrap_or_default();
    u64::from_str_radix(digits, 16).map_err(|_| failure(format!("{line:?} is no size of a chunk")))
}

fn end_of_line(wire: &mut impl Read) -> io::Result<()> {
    let mut end = [0; 2];
    wire.read_exact(&mut end)?;
    if end == *b"\r\n" { Ok(()) } else { Err(failure(format!("{end:?} instead of a line's end"))) }
}

/// Appends `bytes` as one chunk; none are the end of the body.
pub fn put_chunk(bytes: &[u8], to: &mut Vec<u8>) {
    to.extend(format!("{:x}\r\n", bytes.len()).bytes());
    to.extend(bytes);
    to.extend(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener};

    /// Two ends of one connection.
    fn pair() -> io::Result<[Wire; 2]> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let sender = Wire::connect(listener.local_addr()?)?;
        Ok([sender, Wire::new(listener.accept()?.0)?])
    }

    /// Hears a head and its body; the head's first word, and the body.
    fn message(wire: &mut Wire) -> io::Result<(String, String)> {
        let (head, mut body) = (wire.due_head()?, String::new());
        wire.body(head.framing()).read_to_string(&mut body)?;
        Ok((head.words().next().unwrap_or_default().to_owned(), body))
    }

    /// It does not wait for more either: its sender is silent, but has not ended.
    #[test]
    fn a_body_ends_where_its_framing_says() -> io::Result<()> {
        for framed in [
            "Content-Length: 5\r\n\r\nhello",
            "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        ] {
            let [mut sender, mut wire] = pair()?;
            for _ in 0..2 {
                write!(sender, "POST / HTTP/1.1\r\n{framed}")?;
                assert_eq!(message(&mut wire)?, ("POST".to_owned(), "hello".to_owned()));
            }
            drop(sender);
            assert!(wire.head()?.is_none());
        }
        Ok(())
    }

    #[test]
    fn what_is_not_whole_is_an_error() -> io::Result<()> {
        for text in [
            "GET",
            "GET / HTTP/1.1\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhell",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello!!",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        ] {
            let [mut sender, mut wire] = pair()?;
            sender.write_all(text.as_bytes())?;
            drop(sender);
            assert!(message(&mut wire).is_err(), "{text:?}");
        }
        Ok(())
    }
}
