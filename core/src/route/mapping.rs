//! Stage 2 of 6 · what a rule makes of a path for its backend, and in which spelling it looks at it.

use regex::bytes::Captures;

use super::path::{CleanPath, encode, may_lead_up, without_parameters};
use super::pattern::Pattern;

/// How a rule looks at paths, and spells them to its backend.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Mapping {
    /// It looks at the decoded path, and encodes anew what goes on.
    #[default]
    Decoded,
    /// It looks at the encoded path (`mapping=encoded`), which goes on as it is: so `%2F` and `%00` pass.
    Encoded,
    /// As that, but the parameters of segments (`;a=b`), which go on, say nothing (`mapping=servlet`).
    Servlet,
    /// It looks at the decoded path, but what goes on is spelled as it came (`nocanon`), if the backend cannot
    /// take that for a path elsewhere; else it is encoded anew.
    Verbatim,
}

impl Mapping {
    /// Whether a rule for those paths is one for this.
    pub fn has(self, paths: &Pattern, path: &CleanPath<'_>) -> bool {
        match self {
            Self::Decoded | Self::Verbatim => paths.has(path.as_bytes()),
            Self::Encoded => paths.has(&path.encoded()),
            Self::Servlet => paths.has(&bare(&path.encoded_for_servlets())),
        }
    }

    /// The path that the backend takes this one for, if that may be another one: that without parameters.
    pub fn taken_for(self, path: &CleanPath<'_>) -> Option<Vec<u8>> {
        let differs = self == Self::Servlet && path.raw().contains(&b';');
        differs.then(|| bare(&path.encoded_for_servlets()))
    }

    /// The path that the backend sees under a rule for those paths with that URL's path; nothing if the rule
    /// does not take it, as it hides a separator, or an expression would have it lead elsewhere.
    pub fn onward(self, paths: &Pattern, url: &str, path: &CleanPath<'_>) -> Option<Vec<u8>> {
        match self {
            Self::Decoded | Self::Verbatim if path.hides() => None,
            Self::Decoded => made(paths, url, path.as_bytes(), encode),
            Self::Encoded => made(paths, url, &path.encoded(), as_it_is),
            Self::Servlet => {
                let whole = path.encoded_for_servlets();
                let bare = bare(&whole);
                let rest = paths.rest(&bare)?;
                let taken = bare.len() - rest.len();
                Some(absolute([url.as_bytes(), behind(&whole, taken)].concat()))
            }
            Self::Verbatim => {
                verbatim(paths, url, path).or_else(|| made(paths, url, path.as_bytes(), encode))
            }
        }
    }
}

/// What goes on of a path as it came, if it is below the rule's own prefix in that spelling too, and has no
/// `..`, by whose other reading it might leave that.
fn verbatim(paths: &Pattern, url: &str, path: &CleanPath<'_>) -> Option<Vec<u8>> {
    let taken = |path| Some(path_before(path, paths.rest(path)?));
    if taken(path.raw())? != taken(path.as_bytes())? {
        return None;
    }
    made(paths, url, path.raw(), as_it_is).filter(|made| !may_lead_up(made))
}

fn path_before<'p>(path: &'p [u8], rest: &[u8]) -> &'p [u8] {
    &path[..path.len() - rest.len()]
}

type Write = fn(&[u8], &mut Vec<u8>);

fn as_it_is(path: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(path);
}

/// The URL's path with what is left of the path behind it, or with what an expression found in it.
///
/// Pieces of a path may be put together to `..` by an expression: such a path goes nowhere.
fn made(paths: &Pattern, url: &str, path: &[u8], write: Write) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(url.len() + path.len());
    match paths.captures(path) {
        Some(found) if has_groups(url) => substitute(url, &found, write, &mut out),
        _ => {
            out.extend_from_slice(url.as_bytes());
            write(paths.rest(path)?, &mut out);
        }
    }
    let leads_up = paths.is_expression() && may_lead_up(&out);
    (!leads_up).then(|| absolute(out))
}

fn absolute(mut path: Vec<u8>) -> Vec<u8> {
    if path.first() != Some(&b'/') {
        path.insert(0, b'/');
    }
    path
}

/// The path without the parameters of its segments.
fn bare(path: &[u8]) -> Vec<u8> {
    let names: Vec<_> = path.split(|&byte| byte == b'/').map(without_parameters).collect();
    names.join(&b'/')
}

/// What is left of a path when so much of it without parameters is taken: those of the last segment taken
/// are taken too.
fn behind(path: &[u8], mut taken: usize) -> &[u8] {
    let mut is_parameter = false;
    let end = path.iter().position(|&byte| {
        is_parameter = byte == b';' || is_parameter && byte != b'/';
        let is_taken = is_parameter || taken > 0;
        taken -= usize::from(is_taken && !is_parameter);
        !is_taken
    });
    &path[end.unwrap_or(path.len())..]
}

/// One piece of the path of a regular expression's URL.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Piece {
    /// This letter.
    Letter(char),
    /// What the group of that number has found, `$0` the whole expression.
    Group(usize),
}

/// The pieces of a URL's path: `$` and a digit is a group; a backslash before a `$` or a backslash takes its
/// meaning away (httpd's `ap_pregsub`).
pub fn pieces(url: &str) -> impl Iterator<Item = Piece> {
    let mut rest = url.chars().peekable();
    std::iter::from_fn(move || {
        let letter = rest.next()?;
        let next = rest.peek().copied();
        let group = next.filter(|_| letter == '$').and_then(|digit| digit.to_digit(10));
        let escaped = next.filter(|next| letter == '\\' && matches!(next, '$' | '\\'));
        if group.is_some() || escaped.is_some() {
            rest.next();
        }
        let letter = Piece::Letter(escaped.unwrap_or(letter));
        Some(group.map_or(letter, |group| Piece::Group(group as usize)))
    })
}

fn has_groups(url: &str) -> bool {
    pieces(url).any(|piece| matches!(piece, Piece::Group(_)))
}

fn substitute(url: &str, found: &Captures<'_>, write: Write, out: &mut Vec<u8>) {
    for piece in pieces(url) {
        match piece {
            Piece::Letter(letter) => out.extend(letter.encode_utf8(&mut [0; 4]).bytes()),
            Piece::Group(group) => {
                write(found.get(group).map_or(b"", |found| found.as_bytes()), out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use regex::bytes::Regex;

    use super::super::pattern::Expression;
    use super::Mapping::{Decoded, Encoded, Servlet, Verbatim};
    use super::*;

    fn onward(mapping: Mapping, paths: &Pattern, url: &str, raw: &str) -> Option<String> {
        let path = CleanPath::parse(raw.as_bytes()).expect("it is a good path");
        if !mapping.has(paths, &path) {
            return None;
        }
        let onward = mapping.onward(paths, url, &path)?;
        Some(String::from_utf8(onward).expect("it is ASCII"))
    }

    /// What becomes of a path below `/ws/` at `/base/`.
    fn below(mapping: Mapping, raw: &str) -> Option<String> {
        onward(mapping, &Pattern::Below("/ws/".into()), "/base/", raw)
    }

    fn found(mapping: Mapping, expression: &str, url: &str, raw: &str) -> Option<String> {
        let paths = Pattern::Matching(Expression(Regex::new(expression).expect("it is good")));
        onward(mapping, &paths, url, raw)
    }

    #[test]
    fn the_rest_goes_on_behind_the_path_of_the_url() {
        assert_eq!(below(Decoded, "/ws/a%20%7e|").as_deref(), Some("/base/a%20~%7C"));
        assert_eq!(below(Decoded, "/x"), None);
        assert_eq!(below(Decoded, "/ws/a%2Fb"), None);
    }

    /// The authority is the rule's: no path of a client's can reach into it (CVE-2021-40438).
    #[test]
    fn the_path_is_always_absolute() {
        let (root, raw) = (Pattern::Below("/".into()), "/@evil.example");
        for mapping in [Decoded, Encoded, Servlet, Verbatim] {
            assert_eq!(onward(mapping, &root, "", raw).as_deref(), Some(raw), "{mapping:?}");
        }
        assert_eq!(found(Decoded, "^/(.*)", "$1", raw).as_deref(), Some(raw));
    }

    #[test]
    fn what_goes_on_verbatim_is_spelled_as_it_came() {
        for raw in ["a|b", "%7e", "./x", "a//b", "%c3%A9", ".%2ex"] {
            let (raw, onward) = (format!("/ws/{raw}"), format!("/base/{raw}"));
            assert_eq!(below(Verbatim, &raw), Some(onward));
        }
        assert_eq!(below(Verbatim, "/ws/a%2Fb"), None);
    }

    /// A path that the backend could read otherwise than we did must not leave what the rule is for.
    #[test]
    fn nothing_goes_on_verbatim_that_may_lead_elsewhere() {
        let rows = [
            ("/%77s/a%7e", "/base/a~"),
            ("//ws/a%7e", "/base/a~"),
            ("/ws//a%7e", "/base/a~"),
            ("/x/../ws/a%7e", "/base/a~"),
            ("/ws/../ws/a%7e", "/base/a~"),
            ("/ws/b/..%2e/.%2e/a%7e", "/base/b/a~"),
        ];
        for (raw, made) in rows {
            assert_eq!(below(Verbatim, raw).as_deref(), Some(made), "{raw}");
        }
        // The URL and the rest make one segment.
        let ws = Pattern::Below("/ws/".into());
        assert_eq!(onward(Verbatim, &ws, "/b/.", "/ws/./x").as_deref(), Some("/b/.x"));
    }

    #[test]
    fn an_encoded_path_goes_on_as_it_is() {
        assert_eq!(below(Encoded, "/ws/a%2Fb%00|").as_deref(), Some("/base/a%2Fb%00|"));
        assert_eq!(below(Encoded, "/%77s/./a%2f").as_deref(), Some("/base/a%2f"));
        assert_eq!(below(Encoded, "/ws%2Fa"), None);
        assert_eq!(below(Encoded, "/ws/../x"), None);
        let spaced = Pattern::Below("/a%20b".into());
        assert_eq!(onward(Encoded, &spaced, "/c", "/a%20b/d").as_deref(), Some("/c/d"));
        assert_eq!(onward(Decoded, &spaced, "/c", "/a%20b/d"), None);
    }

    #[test]
    fn parameters_of_segments_say_nothing_to_a_servlet_rule() {
        assert_eq!(below(Servlet, "/ws;a=b/c;d/e").as_deref(), Some("/base/c;d/e"));
        assert_eq!(below(Servlet, "/x/..;y/ws/;z/a%2F").as_deref(), Some("/base/a%2F"));
        assert_eq!(below(Servlet, "/ws/..;/x"), None);
        assert_eq!(below(Encoded, "/ws;a/c"), None);
        let whole = Pattern::Below("/ws".into());
        assert_eq!(onward(Servlet, &whole, "/b", "/ws;a=b").as_deref(), Some("/b"));
        assert_eq!(onward(Servlet, &whole, "/b", "/ws;a/c;d").as_deref(), Some("/b/c;d"));
    }

    #[test]
    fn groups_stand_for_what_an_expression_has_found() {
        let found = |expression, url, raw| found(Decoded, expression, url, raw);
        assert_eq!(found("^/(a+)/(.*)$", "/$2/$1", "/aa/b%20c").as_deref(), Some("/b%20c/aa"));
        assert_eq!(found("x(y)?", "/$0-$1", "/b/x").as_deref(), Some("/x-"));
        assert_eq!(found("^/r/", "/b", "/r/d").as_deref(), Some("/b/r/d"));
        assert_eq!(found("^/(.*)", "/$$1$/\\$1\\\\$a", "/b").as_deref(), Some("/$b$/$1\\$a"));
        assert_eq!(found("^/(.*)", "/$1", "/no").as_deref(), Some("/no"));
        assert_eq!(found("^/(.*)", "/$1", "/a%2fb"), None);
    }

    #[test]
    fn groups_take_pieces_of_what_the_rule_looks_at() {
        let url = "/b/$1";
        assert_eq!(found(Verbatim, "^/ws/(.*)", url, "/ws/%7e|").as_deref(), Some("/b/%7e|"));
        assert_eq!(found(Verbatim, "^/ws/(.*)", url, "/ws/x/../~|").as_deref(), Some("/b/~%7C"));
        assert_eq!(found(Verbatim, "^/ws/(.*)", url, "/%77s/%7e").as_deref(), Some("/b/~"));
        assert_eq!(found(Encoded, "^/ws/(.*)", url, "/ws/%7e%2F").as_deref(), Some("/b/~%2F"));
    }

    #[test]
    fn no_expression_puts_a_way_up_together() {
        assert_eq!(found(Decoded, "^/(.)(.)x", "/b/$1$2/y", "/..x"), None);
        assert_eq!(found(Decoded, "^/(.)(.)x", "/b/$1$2/y", "/.ax").as_deref(), Some("/b/.a/y"));
        assert_eq!(found(Encoded, "^/(%)(.*)", "/$2$1", "/%7c"), None);
        assert_eq!(found(Encoded, "^/a(.*)$", "/%2e$1", "/a%2e"), None);
    }
}
