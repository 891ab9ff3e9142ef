//! Stage 3 of 6 · `${NAME}` in a line that says `interpolate`: what a variable of the request says.

use std::borrow::Cow;

use super::vars::Vars;
use crate::route::path::encode;

/// A piece of a text with variables.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Piece<'t> {
    /// What stands there.
    Text(&'t str),
    /// What the variable of that name says.
    Variable(&'t str),
}

/// The pieces of a text; a `${` that is never closed is text.
pub fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let piece;
        (piece, rest) = split(rest)?;
        Some(piece)
    })
}

/// The first piece of a text, and what is left behind it.
fn split(text: &str) -> Option<(Piece<'_>, &str)> {
    let begins = text.find("${").filter(|begins| text[*begins..].contains('}'));
    match begins {
        Some(0) => {
            let (name, rest) = text[2..].split_once('}')?;
            Some((Piece::Variable(name), rest))
        }
        _ => {
            let (piece, rest) = text.split_at(begins.unwrap_or(text.len()));
            (!piece.is_empty()).then_some((Piece::Text(piece), rest))
        }
    }
}

/// The path of a URL with the variables of a request in it. A value is text, of which nothing means more
/// than it says: it is encoded, but for its slashes, and a variable that is not set is nothing.
///
/// None, if a value has a control character in it: no path has one.
pub fn path<'t>(text: &'t str, vars: &Vars) -> Option<Cow<'t, str>> {
    filled(text, vars, |value, out| {
        let mut path = Vec::with_capacity(value.len());
        encode(value, &mut path);
        // A `$` would be taken for a group of the rule's expression.
        let path = String::from_utf8(path).ok()?.replace('$', "%24");
        out.push_str(&path);
        (!value.iter().any(u8::is_ascii_control)).then_some(())
    })
}

/// A part of a URL or of a cookie with the variables of a request in it, each as it is.
///
/// None, if a value is not visible ASCII, or ends an attribute (RFC 6265 §4.1.1).
pub fn verbatim<'t>(text: &'t str, vars: &Vars) -> Option<Cow<'t, str>> {
    filled(text, vars, |value, out| {
        let value = std::str::from_utf8(value).ok()?;
        out.push_str(value);
        value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';').then_some(())
    })
}

fn filled<'t>(
    text: &'t str,
    vars: &Vars,
    write: impl Fn(&[u8], &mut String) -> Option<()>,
) -> Option<Cow<'t, str>> {
    if !text.contains("${") {
        return Some(text.into());
    }
    let mut out = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Variable(name) => write(vars.get(name).unwrap_or_default(), &mut out)?,
        }
    }
    Some(out.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(value: &str) -> Vars {
        let mut vars = Vars::default();
        vars.set("V", value.into());
        vars
    }

    #[test]
    fn a_text_falls_into_its_pieces() {
        use Piece::{Text, Variable};
        let all = |text| pieces(text).collect::<Vec<_>>();
        assert_eq!(all("a${B}${C}d"), [Text("a"), Variable("B"), Variable("C"), Text("d")]);
        assert_eq!(all("$a}{${"), [Text("$a}{${")]);
        assert_eq!(all("${}"), [Variable("")]);
        assert!(all("").is_empty());
    }

    #[test]
    fn a_value_in_a_path_means_nothing_more_than_it_says() {
        let path = |value: &str| path("/a/${v}-${NONE}b", &vars(value)).map(Cow::into_owned);
        assert_eq!(path("x/y"), Some("/a/x/y-b".into()));
        assert_eq!(path("?#% $1\\é"), Some("/a/%3F%23%25%20%241%5C%C3%A9-b".into()));
        assert_eq!(path(""), Some("/a/-b".into()));
        for bad in ["\0", "\r\n", "\x7f"] {
            assert_eq!(path(bad), None);
        }
    }

    #[test]
    fn a_value_elsewhere_is_as_it_is_or_there_is_none() {
        let verbatim = |value: &str| verbatim("/${V}/", &vars(value)).map(Cow::into_owned);
        assert_eq!(verbatim("a%20b$1"), Some("/a%20b$1/".into()));
        for bad in [" ", ";", "\n", "é"] {
            assert_eq!(verbatim(bad), None);
        }
    }
}
