//! Bytes as a chunked body, cut anywhere; and a reader of chunks that is simple enough to be believed.

use underpass_core::exchange::{BadChunk, Chunks, Run};

/// What a chunked body comes to, as far as it is there.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct Plain {
    /// The body without extensions and trailers.
    pub passed: Vec<u8>,
    /// The data alone.
    pub data: Vec<u8>,
    /// Where it ends.
    pub end: Option<usize>,
}

impl Plain {
    /// Reads a body that need not be good: what core takes of a bad one is a beginning of this.
    pub fn read(bytes: &[u8]) -> Self {
        let (mut plain, mut at) = (Self::default(), 0);
        while let Some((line, behind)) = line(bytes, at) {
            let size = line.split(|&byte| byte == b';').next().unwrap_or_default();
            plain.passed.extend([size, b"\r\n"].concat());
            let digits = std::str::from_utf8(size).ok();
            let size = digits.and_then(|digits| usize::from_str_radix(digits, 16).ok());
            at = behind;
            match size {
                None => return plain,
                Some(0) => return plain.skip_trailers(bytes, at),
                Some(size) => {
                    let data = &bytes[at..bytes.len().min(at.saturating_add(size))];
                    plain.data.extend(data);
                    at += data.len();
                    let end = &bytes[at..bytes.len().min(at + 2)];
                    plain.passed.extend([data, end].concat());
                    at += end.len();
                }
            }
        }
        let mut parts = bytes[at..].split(|&byte| byte == b';');
        plain.passed.extend(parts.next().unwrap_or_default());
        let ends = parts.any(|extension| extension.contains(&b'\r'));
        plain.passed.extend(ends.then_some(b'\r'));
        plain
    }

    fn skip_trailers(mut self, bytes: &[u8], mut at: usize) -> Self {
        while let Some((line, behind)) = line(bytes, at) {
            if line.is_empty() {
                self.passed.extend(b"\r\n");
                self.end = Some(behind);
                return self;
            }
            if line.starts_with(b"\r") {
                break;
            }
            at = behind;
        }
        self.passed.extend(bytes[at..].starts_with(b"\r").then_some(b'\r'));
        self
    }
}

/// The line at `at` without its end, and where the next one begins.
fn line(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let length = bytes[at..].windows(2).position(|two| two == b"\r\n")?;
    Some((&bytes[at..at + length], at + length + 2))
}

/// Checks that the rest of `data` comes to the same however it is cut, by steps of its first bytes.
pub fn check(data: &[u8]) {
    let Some((&[flags, step], body)) = data.split_first_chunk() else { return };
    let decoded = flags & 1 == 1;
    let fresh = if decoded { Chunks::default().decoded() } else { Chunks::default() };
    let whole = take(fresh, body, usize::MAX);
    assert_eq!(take(fresh, body, 1 + usize::from(step)), whole, "another cut, another body");
    let (gone, taken, end) = whole;
    let plain = Plain::read(body);
    let expected = if decoded { &plain.data } else { &plain.passed };
    assert!(expected.starts_with(&gone), "{} goes on", gone.escape_ascii());
    if end == Ok(true) {
        assert_eq!((expected, plain.end), (&gone, Some(taken)), "it ends elsewhere");
    }
    if !decoded {
        let again = take(fresh, &gone, usize::MAX);
        assert_eq!((&again.0, again.1), (&gone, gone.len()), "what goes on is taken otherwise");
        assert_eq!(again.2.is_ok_and(|done| done), end == Ok(true), "and ends otherwise");
    }
}

/// What goes on of `bytes` that come so many at a time, how many are taken, and whether that was all.
fn take(mut chunks: Chunks, bytes: &[u8], step: usize) -> (Vec<u8>, usize, Result<bool, BadChunk>) {
    let (mut gone, mut taken, mut come) = (Vec::new(), 0, 0);
    while come < bytes.len() {
        come = come.saturating_add(step).min(bytes.len());
        loop {
            match chunks.run(&bytes[taken..come]) {
                Err(bad) => return (gone, taken, Err(bad)),
                Ok(Run { len: 0, .. }) => break,
                Ok(Run { len, goes_on }) => {
                    gone.extend(bytes[taken..taken + len].iter().filter(|_| goes_on));
                    taken += len;
                }
            }
        }
    }
    (gone, taken, Ok(chunks.is_done()))
}
