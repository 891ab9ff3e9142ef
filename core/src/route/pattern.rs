//! Which paths a rule or a section is for.

use std::fmt;

use regex::bytes::{Captures, Regex};

/// A set of paths.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Pattern {
    /// This path and all below it: it ends where a segment ends, and runs of `/` are one
    /// (httpd's `alias_match`).
    Below(String),
    /// Every path in which this expression is found.
    Matching(Expression),
    /// Every path that this expression, which was made of wildcards, is for.
    Wild(Expression),
}

impl Pattern {
    /// Whether the path is one of them.
    pub fn has(&self, path: &[u8]) -> bool {
        self.rest(path).is_some()
    }

    /// What of the path comes behind the URL of a rule: what is left of it behind the prefix, or all of
    /// it, if an expression was found in it; nothing if it is none of them.
    pub fn rest<'p>(&self, path: &'p [u8]) -> Option<&'p [u8]> {
        match self {
            Self::Below(prefix) => behind(prefix.as_bytes(), path),
            Self::Matching(expression) | Self::Wild(expression) => {
                expression.0.is_match(path).then_some(path)
            }
        }
    }

    /// What a regular expression has found in the path, if it is one.
    pub fn captures<'p>(&self, path: &'p [u8]) -> Option<Captures<'p>> {
        match self {
            Self::Below(_) | Self::Wild(_) => None,
            Self::Matching(expression) => expression.0.captures(path),
        }
    }

    /// Whether it is a regular expression.
    pub const fn is_expression(&self) -> bool {
        matches!(self, Self::Matching(_))
    }
}

/// What is left of `path` behind `prefix`.
fn behind<'p>(prefix: &[u8], path: &'p [u8]) -> Option<&'p [u8]> {
    let (mut left, mut rest) = (prefix, path);
    while let Some((&expected, behind)) = left.split_first() {
        let (&found, beyond) = rest.split_first()?;
        if expected != found {
            return None;
        }
        (left, rest) = match expected {
            b'/' => (without_slashes(behind), without_slashes(beyond)),
            _ => (behind, beyond),
        };
    }
    let bounded = prefix.ends_with(b"/") || rest.is_empty() || rest[0] == b'/';
    bounded.then_some(rest)
}

fn without_slashes(path: &[u8]) -> &[u8] {
    let slashes = path.iter().take_while(|&&byte| byte == b'/').count();
    &path[slashes..]
}

/// A regular expression: two are equal if they are spelled alike.
///
/// It takes time linear in what it is looked for in, so no request can make it slow; so it has no
/// look-around and no references to its own groups.
#[derive(Clone)]
pub struct Expression(pub Regex);

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Expression {}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0.as_str())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Below(prefix) => f.write_str(prefix),
            Self::Matching(expression) | Self::Wild(expression) => {
                f.write_str(expression.0.as_str())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest(prefix: &str, path: &'static str) -> Option<&'static str> {
        let rest = Pattern::Below(prefix.into()).rest(path.as_bytes())?;
        Some(std::str::from_utf8(rest).unwrap())
    }

    /// httpd's observed rows (1.4, 4).
    #[test]
    fn a_prefix_ends_at_a_segment_boundary() {
        assert_eq!(rest("/pfx", "/pfx"), Some(""));
        assert_eq!(rest("/pfx", "/pfx/x"), Some("/x"));
        assert_eq!(rest("/pfx", "/pfxx"), None);
        assert_eq!(rest("/ws/", "/ws"), None);
        assert_eq!(rest("/ws/", "/ws/x"), Some("x"));
        assert_eq!(rest("/", "/x"), Some("x"));
        assert_eq!(rest("//a//b", "/a/b/c"), Some("/c"));
        assert_eq!(rest("/é", "/é/x"), Some("/x"));
    }

    #[test]
    fn an_expression_is_found_anywhere_and_leaves_the_whole_path() {
        let pattern = Pattern::Matching(Expression(Regex::new("\\.gif$").unwrap()));
        assert_eq!(pattern.rest(b"/a/b.gif"), Some(&b"/a/b.gif"[..]));
        assert!(!pattern.has(b"/a/b.gif/c"));
        assert_eq!(pattern, pattern.clone());
        assert_eq!(format!("{pattern} {pattern:?}"), r#"\.gif$ Matching("\\.gif$")"#);
    }

    #[test]
    fn every_path_is_below_the_root() {
        let all = Pattern::Below("/".into());
        assert!(all.has(b"/") && all.has(b"/a//b") && !all.has(b"*"));
    }
}
