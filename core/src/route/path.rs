//! Stage 2 of 6 · one path out of its many spellings.
//!
//! A rule must not be dodged by another spelling of the same path, so the path is decoded once, and `//` and
//! dot segments are resolved (httpd's default mapping, `reference/httpd.md` 5.4 P-PATH). What a rule makes of
//! it for the backend is the business of [`mapping`](super::mapping).

use std::fmt;

use serde::{Deserialize, Serialize};

/// A path, and what it comes to: decoded, it begins with `/`, and has no dot segment and no `//`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CleanPath<'r> {
    raw: &'r [u8],
    decoded: Vec<u8>,
    hides: bool,
}

/// Why a path is refused.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum BadPath {
    /// `%` without two hexadecimal digits behind it: 400.
    Escape,
    /// `%2F` or a NUL, which hide a separator or an end, where no rule takes them, or a dot segment beside
    /// one of them: 404, as httpd answers.
    Hidden,
    /// `..` above the root: 400.
    AboveRoot,
}

impl<'r> CleanPath<'r> {
    /// Cleans the path of a request target, without its query.
    ///
    /// # Errors
    ///
    /// What no rule can take: see [`BadPath`].
    pub fn parse(raw: &'r [u8]) -> Result<Self, BadPath> {
        let mut hides = false;
        let plain = |segment: &[u8]| {
            let decoded = decode(segment)?;
            if decoded.iter().any(|byte| matches!(byte, 0 | b'/')) {
                hides = true;
                return if has_dots(&decoded) { Err(BadPath::Hidden) } else { Ok(decoded) };
            }
            Ok(decoded)
        };
        let mut decoded = resolve(raw, plain, |segment| segment)?;
        if hides {
            decoded.dedup_by(|next, last| *next == b'/' && *last == b'/');
        }
        Ok(Self { raw, decoded, hides })
    }

    /// The decoded bytes. A hidden separator is one among them, so that a rule which excludes paths, and a
    /// section of them, is not dodged by whoever hides one.
    pub fn as_bytes(&self) -> &[u8] {
        &self.decoded
    }

    /// Whether `%2F` or a NUL is in it, which only a rule that looks at encoded paths takes.
    pub const fn hides(&self) -> bool {
        self.hides
    }

    /// As it came.
    pub const fn raw(&self) -> &'r [u8] {
        self.raw
    }

    /// As it came, but without `//`, dot segments and needless escapes: those of letters, digits and `-._~`
    /// (RFC 3986 §6.2.2).
    pub fn encoded(&self) -> Vec<u8> {
        resolve(self.raw, |segment| Ok(without_needless(segment)), |segment| segment)
            .unwrap_or_default()
    }

    /// The same, where `..;a=b` is a dot segment as well, and a segment of nothing but parameters is none:
    /// as a Servlet container reads it. Empty, if that leads above the root.
    pub fn encoded_for_servlets(&self) -> Vec<u8> {
        resolve(self.raw, |segment| Ok(without_needless(segment)), without_parameters)
            .unwrap_or_default()
    }
}

/// The path with its segments as `spell` has them, without those that are empty or dots by their `name`.
fn resolve(
    raw: &[u8],
    mut spell: impl FnMut(&[u8]) -> Result<Vec<u8>, BadPath>,
    name: fn(&[u8]) -> &[u8],
) -> Result<Vec<u8>, BadPath> {
    let mut clean = Vec::with_capacity(raw.len());
    // Where each segment that is left begins: a hidden separator begins none.
    let mut begins = Vec::new();
    let mut segments = raw.split(|&byte| byte == b'/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let spelled = spell(segment)?;
        match name(&spelled) {
            b"" | b"." => {}
            b".." => clean.truncate(begins.pop().ok_or(BadPath::AboveRoot)?),
            _ => {
                begins.push(clean.len());
                clean.push(b'/');
                clean.extend_from_slice(&spelled);
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
    Ok(clean)
}

/// Whether a decoded segment that hides separators has a dot segment between them.
fn has_dots(decoded: &[u8]) -> bool {
    decoded.split(|&byte| byte == b'/').any(|part| matches!(part, b"." | b".."))
}

/// Whether `..` is among the segments of a path however it is spelled, or an escape in it is none.
pub(crate) fn may_lead_up(path: &[u8]) -> bool {
    let leads = |segment: &[u8]| {
        let decoded = decode(segment);
        decoded.is_ok_and(|name| !name.split(|&byte| byte == b'/').any(|part| part == b".."))
    };
    !path.split(|&byte| byte == b'/').all(leads)
}

/// A segment of a Servlet container's path by its name: `a` of `a;b=c`.
pub(super) fn without_parameters(segment: &[u8]) -> &[u8] {
    segment.split(|&byte| byte == b';').next().unwrap_or_default()
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
        bytes.push(decoded);
    }
    Ok(bytes)
}

/// The segment with the escapes decoded that need not be any.
fn without_needless(segment: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment;
    while let Some((&byte, behind)) = rest.split_first() {
        let escape = rest.get(..3).filter(|_| byte == b'%').and_then(|escape| decode(escape).ok());
        match escape.as_deref() {
            Some(&[plain]) if plain.is_ascii_alphanumeric() || b"-._~".contains(&plain) => {
                bytes.push(plain);
                rest = &rest[3..];
            }
            _ => {
                bytes.push(byte);
                rest = behind;
            }
        }
    }
    bytes
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
        let path = CleanPath::parse(raw.as_bytes())?;
        if path.hides() {
            return Err(BadPath::Hidden);
        }
        encode(path.as_bytes(), &mut out);
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

    #[test]
    fn what_hides_a_separator_comes_to_what_a_backend_that_decodes_it_sees() {
        let seen = |raw: &str| {
            CleanPath::parse(raw.as_bytes()).map(|path| {
                assert!(path.hides(), "{raw}");
                String::from_utf8(path.as_bytes().to_vec()).unwrap()
            })
        };
        assert_eq!(seen("/a%2fb").as_deref(), Ok("/a/b"));
        assert_eq!(seen("/%2F/a%2F%2Fb%2F/c").as_deref(), Ok("/a/b/c"));
        assert_eq!(seen("/a/b%2Fc/../d%00").as_deref(), Ok("/a/d\0"));
        for raw in ["/a%2F..%2Fb", "/%2e%2e%2Fb", "/a%2F.", "/..%2F"] {
            assert_eq!(seen(raw), Err(BadPath::Hidden), "{raw}");
        }
    }

    #[test]
    fn an_encoded_path_is_as_it_came_but_for_what_says_nothing() {
        let encoded = |raw: &str| {
            let path = CleanPath::parse(raw.as_bytes()).unwrap();
            [path.encoded(), path.encoded_for_servlets()]
                .map(|path| String::from_utf8(path).unwrap())
        };
        let both = |path: &str| [path.to_owned(), path.to_owned()];
        assert_eq!(encoded("//a/./%7e%41/%2f%c3%A9|/b/%2e%2E/c"), both("/a/~A/%2f%c3%A9|/c"));
        assert_eq!(encoded("/%2e"), both("/"));
        let servlet = ["/a/..;x/;y/b;z", "/b;z"].map(str::to_owned);
        assert_eq!(encoded("/a/..;x/;y/b;z"), servlet);
        assert_eq!(encoded("/..;/b")[1], "");
    }

    #[test]
    fn what_may_lead_up_is_known_in_every_spelling() {
        for path in ["/..", "/a/.%2e/b", "/%2E%2E", "a/..", "/a%2F..", "/%", "/%4"] {
            assert!(may_lead_up(path.as_bytes()), "{path}");
        }
        for path in ["/...", "/..a/b", "/a/./%2F", "/%252e%252e", ""] {
            assert!(!may_lead_up(path.as_bytes()), "{path}");
        }
    }
}
