//! The URL of a rule whose paths are a regular expression: `$1` in it is what the first group has found.

use super::problem::Flaw;
use super::url;
use super::words::Word;
use crate::route::mapping::{Piece, pieces};
use crate::route::path::may_lead_up;
use crate::route::{Pattern, Target};

/// The URL of a rule for those paths.
pub(super) fn target(word: &Word, paths: Option<&Pattern>) -> Result<Target, Flaw> {
    let Some(Pattern::Matching(expression)) = paths else { return url::target(word) };
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
    if may_lead_up(target.path.as_bytes()) {
        return Err(word.flaw("the URL of an expression has no `..`").help("write where it leads"));
    }
    Ok(target)
}

/// Where a `$` and a digit stand before the path of a URL.
fn group_before_the_path(url: &str) -> Option<usize> {
    let start = url.find("://")? + 3;
    let end = url[start..].find('/').map_or(url.len(), |at| start + at);
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
        target(&word(url), Some(&paths)).map(|target| target.to_string())
    }

    #[test]
    fn groups_stand_in_the_path_only() {
        assert_eq!(made("ws://h:1/$2/$1$0$$\\$9"), Ok("ws://h:1/$2/$1$0$$\\$9".into()));
        let known = "a group cannot be in the host or port: backends are known beforehand \
                     (write a `/` before it, or a rule for each backend)";
        assert_eq!(failure(made("ws://$1/x")), format!("1:6: {known}"));
        assert_eq!(failure(made("ws://h:$2/x")), format!("1:8: {known}"));
        assert_eq!(failure(made("ws://h/$3")), "1:1: the expression has no group 3");
        let up = "1:1: the URL of an expression has no `..` (write where it leads)";
        assert_eq!(failure(made("ws://h/a/../$1")), up);
    }

    #[test]
    fn a_path_has_no_groups() {
        let paths = Pattern::Below("/".into());
        let made = target(&word("ws://h/$1/.."), Some(&paths)).map(|target| target.path);
        assert_eq!(made, Ok("/$1/..".into()));
    }
}
