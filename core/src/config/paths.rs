//! Which paths or URLs a section or a rule is for: their beginning, a pattern, or a regular expression.

use regex::bytes::RegexBuilder;

use super::problem::Flaw;
use super::words::Word;
use crate::route::{Expression, Pattern};

/// How large a compiled expression may be, in bytes.
const EXPRESSION_MOST: usize = 1 << 20;

/// A path and all below it.
pub(super) fn below(word: &Word) -> Result<Pattern, Flaw> {
    if word.text().starts_with('/') {
        Ok(Pattern::Below(word.text().into()))
    } else {
        Err(word.flaw(format!("the path `{word}` does not begin with `/`")))
    }
}

/// The path of a `<Location>`, which may have wildcards: then nothing below it is meant.
pub(super) fn location(word: &Word) -> Result<Pattern, Flaw> {
    let paths = below(word)?;
    if !word.text().contains(['*', '?', '[']) {
        return Ok(paths);
    }
    compiled(word, &from_wildcards(word.text(), "[^/]")).map(Pattern::Wild)
}

/// The URLs that are like a pattern, whose wildcards go beyond segments.
pub(super) fn like(word: &Word) -> Result<Pattern, Flaw> {
    compiled(word, &from_wildcards(word.text(), ".")).map(Pattern::Matching)
}

/// The URLs that begin with that text.
pub(super) fn starting_with(word: &Word, text: &str) -> Result<Pattern, Flaw> {
    compiled(word, &format!("^{}", regex::escape(text))).map(Pattern::Matching)
}

/// The paths in which a regular expression is found.
pub(super) fn expression(word: &Word) -> Result<Pattern, Flaw> {
    compiled(word, word.text()).map(Pattern::Matching)
}

fn compiled(word: &Word, text: &str) -> Result<Expression, Flaw> {
    regular(word, text, false)
}

/// The regular expression that `word` says, spelled as `text`; whatever the case of letters, if that is wanted.
pub(super) fn regular(word: &Word, text: &str, any_case: bool) -> Result<Expression, Flaw> {
    let mut builder = RegexBuilder::new(text);
    builder.unicode(false).case_insensitive(any_case).size_limit(EXPRESSION_MOST);
    builder.build().map(Expression).map_err(|error| refused(word, text, &error))
}

fn refused(word: &Word, text: &str, error: &regex::Error) -> Flaw {
    let flaw = word.flaw(format!("`{word}` is not a regular expression that can be used"));
    if ["(?=", "(?!", "(?<", "\\1", "\\2"].iter().any(|part| text.contains(part)) {
        return flaw.help(
            "it must need no look-around and no back-references, lest a request make it slow",
        );
    }
    let why = error.to_string();
    let last = why.lines().last().unwrap_or_default();
    flaw.help(last.trim_start_matches("error: ").to_owned())
}

/// The expression that finds what a pattern of httpd's stands for, whose wildcards stand for `any`.
fn from_wildcards(pattern: &str, any: &str) -> String {
    let mut text = String::from("^");
    let mut rest = pattern.chars();
    while let Some(char) = rest.next() {
        match char {
            '*' => text.extend([any, "*"]),
            '?' => text.push_str(any),
            '[' => {
                text.push('[');
                let class: String = rest.by_ref().take_while(|&char| char != ']').collect();
                text.push_str(&class.replacen('!', "^", usize::from(class.starts_with('!'))));
                text.push(']');
            }
            char => text.push_str(&regex::escape(char.encode_utf8(&mut [0; 4]))),
        }
    }
    text.push('$');
    text
}

#[cfg(test)]
mod tests {
    use super::super::testing::{failure, word};
    use super::*;

    #[test]
    fn a_location_is_a_prefix_or_has_wildcards() {
        let has = |pattern: &str, path: &str| {
            location(&word(pattern)).expect("it is a path").has(path.as_bytes())
        };
        assert!(has("/a", "/a/b") && !has("/a", "/ab"));
        assert!(has("/a*", "/abc") && !has("/a*", "/abc/d") && has("/*/x", "/y/x"));
        assert!(has("/a?.[xy]", "/ab.y") && !has("/a?.[xy]", "/ab.z") && has("/[!a]", "/b"));
        assert!(!has("/a.b*", "/axb"));
        assert_eq!(failure(location(&word("a"))), "1:1: the path `a` does not begin with `/`");
    }

    #[test]
    fn an_expression_is_found_anywhere_in_the_bytes_of_a_path() {
        let paths = expression(&word("b(c|d)$")).expect("it is one");
        assert!(paths.has(b"/abd") && !paths.has(b"/abd/"));
        assert!(expression(&word("^/.$")).expect("it is one").has(b"/\xff"));
    }

    #[test]
    fn an_expression_that_could_be_slow_or_is_none_is_a_problem() {
        let bad = |text| failure(expression(&word(text)));
        let none = "is not a regular expression that can be used";
        assert_eq!(bad("(a"), format!("1:1: `(a` {none} (unclosed group)"));
        assert!(bad("^/(?!x)").contains("(it must need no look-around"), "{}", bad("^/(?!x)"));
        assert!(bad(&"(a{1000}){1000}".repeat(9)).contains("exceeds size limit"));
    }
}
