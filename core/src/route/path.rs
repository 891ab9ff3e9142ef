//! Stage 2 of 6 · one path out of its many spellings.
//!
//! A rule must not be dodged by another spelling of the same path, so the path is decoded once,
//! `//` and dot segments are resolved, and what goes to the backend is encoded anew from that
//! (httpd's default mapping, `reference/httpd.md` 5.4 P-PATH).

use std::fmt;

use serde::{Deserialize, Serialize};

/// A decoded path: begins with `/`, has no dot segment, no `//` and no NUL.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CleanPath(Vec<u8>);

/// Why a path is refused.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum BadPath {
    /// `%` without two hexadecimal digits behind it: 400.
    Escape,
    /// `%2F` or a NUL, which hide a separator or an end: 404, as httpd answers.
    Hidden,
    /// `..` above the root: 400.
    AboveRoot,
}

impl CleanPath {
    /// Cleans the path of a request target, without its query.
    pub fn parse(raw: &[u8]) -> Result<Self, BadPath> {
        let mut clean = Vec::with_capacity(raw.len());
        let mut segments = raw.split(|&byte| byte == b'/').skip(1).peekable();
        while let Some(segment) = segments.next() {
            match decode(segment)?.as_slice() {
                b"" | b"." => {}
                b".." => {
                    let parent = clean.iter().rposition(|&byte| byte == b'/');
                    clean.truncate(parent.ok_or(BadPath::AboveRoot)?);
                }
                name => {
                    clean.push(b'/');
                    clean.extend_from_slice(name);
                    continue;
                }
            }
            if segments.peek().is_none() {
                clean.push(b'/');
            }
        }
        if clean.is_empty() {
            clean.push(b'/');
        }
        Ok(Self(clean))
    }

    /// The decoded bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

fn decode(segment: &[u8]) -> Result<Vec<u8>, BadPath> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment;
    while let Some((&byte, behind)) = rest.split_first() {
        let mut decoded = byte;
        rest = behind;
        if byte == b'%' {
            let &[high, low, ref behind @ ..] = behind else { return Err(BadPath::Escape) };
            (decoded, rest) = ((digit(high)? << 4) | digit(low)?, behind);
        }
        match decoded {
            0 | b'/' => return Err(BadPath::Hidden),
            decoded => bytes.push(decoded),
        }
    }
    Ok(bytes)
}

fn digit(byte: u8) -> Result<u8, BadPath> {
    let value = char::from(byte).to_digit(16).ok_or(BadPath::Escape)?;
    Ok(u8::try_from(value).unwrap_or(0))
}

/// Writes `path` as httpd writes it to a backend: unreserved bytes and `$-_.+!*'(),;:@&=/~` as they
/// are, all others as `%XX`. So no decoded byte can end a line or a field (R36).
pub fn encode(path: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in path {
        if byte.is_ascii_alphanumeric() || b"$-_.+!*'(),;:@&=/~".contains(&byte) {
            out.push(byte);
        } else {
            out.extend([b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
}

impl fmt::Display for BadPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Escape => "bad %-escape in the path",
            Self::Hidden => "%2F or %00 in the path",
            Self::AboveRoot => "the path leaves the root",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forwarded(raw: &str) -> Result<String, BadPath> {
        let mut out = Vec::new();
        encode(CleanPath::parse(raw.as_bytes())?.as_bytes(), &mut out);
        Ok(String::from_utf8(out).unwrap())
    }

    /// Every row of P-PATH for the default mapping.
    #[test]
    fn spells_paths_as_httpd_does() {
        let same = ["/ws/a%20b", "/ws/a%3Fb", "/ws/%25", "/ws/a;b", "/ws/%C3%A9"];
        for raw in same {
            assert_eq!(forwarded(raw).as_deref(), Ok(raw));
        }
        let rows = [
            ("/ws/~%7Eq", "/ws/~~q"),
            ("/ws/a|b", "/ws/a%7Cb"),
            ("/ws/a%7Cb", "/ws/a%7Cb"),
            ("/ws/é", "/ws/%C3%A9"),
            ("/ws/\"", "/ws/%22"),
            ("/ws//x", "/ws/x"),
            ("/ws/./x", "/ws/x"),
            ("/ws/%0d%0aHost:x", "/ws/%0D%0AHost:x"),
        ];
        for (raw, clean) in rows {
            assert_eq!(forwarded(raw).as_deref(), Ok(clean), "{raw}");
        }
    }

    #[test]
    fn refuses_what_hides_a_separator_or_is_no_escape() {
        for raw in ["/ws/%2F", "/ws/%2f", "/ws/%00", "/ws/\0"] {
            assert_eq!(forwarded(raw), Err(BadPath::Hidden));
        }
        for raw in ["/ws/%zz", "/ws/%", "/ws/%4", "/%+1"] {
            assert_eq!(forwarded(raw), Err(BadPath::Escape));
        }
    }

    #[test]
    fn dot_segments_cannot_dodge_a_rule() {
        let rows = [
            ("/", "/"),
            ("/ws/../admin", "/admin"),
            ("/ws/%2e%2E/admin", "/admin"),
            ("/a/b/..", "/a/"),
            ("/a/b/.", "/a/b/"),
            ("/a/..", "/"),
            ("/a//../b", "/b"),
            ("/a/b/", "/a/b/"),
        ];
        for (raw, clean) in rows {
            assert_eq!(forwarded(raw).as_deref(), Ok(clean), "{raw}");
        }
        for raw in ["/..", "/../x", "/a/../../x"] {
            assert_eq!(forwarded(raw), Err(BadPath::AboveRoot));
        }
    }
}
