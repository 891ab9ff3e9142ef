//! The URL of a rule with something in it that a request says: `$1` is what the first group of the rule's
//! expression has found, `${NAME}` a variable (`interpolate`).

use super::problem::Flaw;
use super::url;
use super::words::Word;
use crate::edit::interpolate;
use crate::route::mapping::{Piece, pieces};
use crate::route::path::may_lead_up;
use crate::route::pattern::Expression;
use crate::route::{Pattern, Target};

/// The URL of a rule for those paths.
pub(super) fn target(
    word: &Word,
    paths: Option<&Pattern>,
    interpolates: bool,
) -> Result<Target, Flaw> {
    if interpolates {
        variables_in_the_path(word)?;
    }
    let target = match paths {
        Some(Pattern::Matching(expression)) => of_expression(word, expression)?,
        _ if interpolates => url::target(word)?,
        _ => return url::target(word),
    };
    if may_lead_up(target.path.as_bytes()) {
        let flaw = word.flaw("a URL that a request has a say in has no `..`");
        return Err(flaw.help("write where it leads"));
    }
    Ok(target)
}

fn of_expression(word: &Word, expression: &Expression) -> Result<Target, Flaw> {
    if let Some(at) = group_before_the_path(word.text()) {
        let flaw = word
            .part(at..at + 2)
            .flaw("a group cannot be in the host or port: backends are known beforehand");
        return Err(flaw.help("write a `/` before it, or a rule for each backend"));
    }
    let target = url::target(word)?;
    let groups = expression.0.captures_len();
    for piece in pieces(&target.path) {
        match piece {
            Piece::Group(group) if group >= groups => {
                return Err(word.flaw(format!("the expression has no group {group}")));
            }
            Piece::Letter(_) | Piece::Group(_) => {}
        }
    }
    Ok(target)
}

/// Says what is wrong with the variables of a request in a URL, or in a path: they have names, and none
/// stands before the path.
pub(super) fn variables_in_the_path(word: &Word) -> Result<(), Flaw> {
    let mut at = 0;
    for piece in interpolate::pieces(word.text()) {
        let (length, name) = match piece {
            interpolate::Piece::Text(text) => (text.len(), None),
            interpolate::Piece::Variable(name) => (name.len() + 3, Some(name)),
        };
        let piece = word.part(at..at + length);
        if name.is_some_and(|name| name.is_empty() || !name.bytes().all(is_of_name)) {
            let flaw = piece.flaw(format!("`{piece}` is no variable of a request"));
            return Err(flaw.help("its name is of letters, digits, `_`, `-` and `.`"));
        }
        if name.is_some() && at < start_of_path(word.text()) {
            let flaw = piece
                .flaw("a variable cannot be in the host or port: backends are known beforehand");
            return Err(flaw.help("write a `/` before it, or a rule for each backend"));
        }
        at += length;
    }
    Ok(())
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-.".contains(&byte)
}

/// Where the path of a URL begins, at its end if it has none; at once, if it is but a path.
fn start_of_path(url: &str) -> usize {
    let authority = url.find("://").map_or(0, |end| end + 3);
    url[authority..].find('/').map_or(url.len(), |at| authority + at)
}

/// Where a `$` and a digit stand before the path of a URL.
fn group_before_the_path(url: &str) -> Option<usize> {
    let end = start_of_path(url);
    let is_group = |at: &usize| url.as_bytes().get(at + 1).is_some_and(u8::is_ascii_digit);
    url[..end].match_indices('$').map(|(at, _)| at).find(is_group)
}

#[cfg(test)]
mod tests {
    use super::super::paths::expression;
    use super::super::testing::{failure, word};
    use super::*;

    fn made(url: &str) -> Result<String, Flaw> {
        let paths = expression(&word("^/(a)/(.*)")).expect("it is good");
        target(&word(url), Some(&paths), false).map(|target| target.to_string())
    }

    #[test]
    fn groups_stand_in_the_path_only() {
        assert_eq!(made("ws://h:1/$2/$1$0$$\\$9"), Ok("ws://h:1/$2/$1$0$$\\$9".into()));
        let known = "a group cannot be in the host or port: backends are known beforehand \
                     (write a `/` before it, or a rule for each backend)";
        assert_eq!(failure(made("ws://$1/x")), format!("1:6: {known}"));
        assert_eq!(failure(made("ws://h:$2/x")), format!("1:8: {known}"));
        assert_eq!(failure(made("ws://h/$3")), "1:1: the expression has no group 3");
        let up = "1:1: a URL that a request has a say in has no `..` (write where it leads)";
        assert_eq!(failure(made("ws://h/a/../$1")), up);
    }

    #[test]
    fn variables_of_a_request_stand_in_the_path_only() {
        let made = |url: &str| {
            let paths = Pattern::Below("/".into());
            target(&word(url), Some(&paths), true).map(|target| target.to_string())
        };
        assert_eq!(made("ws://h:1/${a}/x${B_.-1}"), Ok("ws://h:1/${a}/x${B_.-1}".into()));
        let known = "a variable cannot be in the host or port: backends are known beforehand \
                     (write a `/` before it, or a rule for each backend)";
        assert_eq!(failure(made("ws://${a}/x")), format!("1:6: {known}"));
        assert_eq!(failure(made("ws://h:${a}")), format!("1:8: {known}"));
        assert_eq!(failure(made("${a}://h")), format!("1:1: {known}"));
        for bad in ["", "a/b", "a b", "é", "a${b"] {
            let says = format!(
                "1:8: `${{{bad}}}` is no variable of a request (its name is of letters, digits, `_`, `-` and `.`)"
            );
            assert_eq!(failure(made(&format!("ws://h/${{{bad}}}"))), says);
        }
        let up = "1:1: a URL that a request has a say in has no `..` (write where it leads)";
        assert_eq!(failure(made("ws://h/a/../${a}")), up);
    }

    #[test]
    fn a_path_has_no_groups() {
        let paths = Pattern::Below("/".into());
        let made = target(&word("ws://h/$1/.."), Some(&paths), false).map(|target| target.path);
        assert_eq!(made, Ok("/$1/..".into()));
    }
}
