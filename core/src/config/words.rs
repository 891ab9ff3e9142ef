//! A line → its words: blanks split, quotes and braces hold together, a backslash escapes.

use core::fmt;
use core::ops::Range;

use super::lines::Letter;
use super::problem::{Flaw, Place};

/// A word, or a part of one, that knows where each of its bytes is written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Word {
    text: String,
    /// Where each byte of `text` is written.
    places: Vec<Place>,
    /// Where all of it is written, quotes included.
    place: Place,
}

impl Word {
    fn new(place: Place) -> Self {
        Self { text: String::new(), places: Vec::new(), place }
    }

    fn push(&mut self, letter: Letter) {
        self.text.push(letter.char);
        self.places.resize(self.text.len(), letter.place);
        self.place = self.place.to(letter.place);
    }

    /// What it says.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is `other`, in whatever case.
    pub(super) fn is(&self, other: &str) -> bool {
        self.text.eq_ignore_ascii_case(other)
    }

    /// Something wrong with it.
    pub(super) fn flaw(&self, message: impl Into<String>) -> Flaw {
        self.place.flaw(message)
    }

    /// The part in `range`, whose ends are character boundaries of the text.
    pub(super) fn part(&self, range: Range<usize>) -> Self {
        let places = &self.places[range.clone()];
        let place = match (places, self.places.get(range.start)) {
            ([first, .., last], _) => first.to(*last),
            ([only], _) => *only,
            ([], Some(next)) => next.before(),
            ([], None) => self.places.last().copied().unwrap_or(self.place).behind(),
        };
        Self { text: self.text[range].into(), places: places.into(), place }
    }

    /// The parts before `at`, and from there.
    pub(super) fn split_at(&self, at: usize) -> (Self, Self) {
        (self.part(0..at), self.part(at..self.text.len()))
    }

    /// The parts before and behind the first `separator`.
    pub(super) fn split_once(&self, separator: char) -> Option<(Self, Self)> {
        self.text.find(separator).map(|at| self.split_around(at, separator))
    }

    /// The parts before and behind the last `separator`.
    pub(super) fn rsplit_once(&self, separator: char) -> Option<(Self, Self)> {
        self.text.rfind(separator).map(|at| self.split_around(at, separator))
    }

    /// The parts between the `separator`s: one more than there are of them.
    pub(super) fn split(&self, separator: char) -> Vec<Self> {
        let (mut parts, mut start) = (Vec::new(), 0);
        for (at, found) in self.text.match_indices(separator) {
            parts.push(self.part(start..at));
            start = at + found.len();
        }
        parts.push(self.part(start..self.text.len()));
        parts
    }

    fn split_around(&self, at: usize, separator: char) -> (Self, Self) {
        (self.part(0..at), self.part(at + separator.len_utf8()..self.text.len()))
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The words of a line.
pub(super) fn split(line: &[Letter]) -> Result<Vec<Word>, Flaw> {
    let (mut words, mut rest) = (Vec::new(), line);
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        if is_blank(&first) {
            continue;
        }
        let word;
        (word, rest) = match first.char {
            '"' | '\'' => quoted(first, behind)?,
            '{' => braced(first, behind)?,
            _ => bare(first, behind),
        };
        words.push(word);
    }
    Ok(words)
}

fn is_blank(letter: &Letter) -> bool {
    letter.char.is_ascii_whitespace()
}

/// The word between `quote` and its like. What follows it must be apart from it.
fn quoted(quote: Letter, behind: &[Letter]) -> Result<(Word, &[Letter]), Flaw> {
    let (mut word, mut rest) = (Word::new(quote.place), behind);
    while let Some((&first, behind)) = rest.split_first() {
        if first.char == quote.char {
            word.place = quote.place.to(first.place);
            return match behind.first() {
                Some(next) if !is_blank(next) => {
                    Err(next.place.flaw("a blank must follow the closing quote"))
                }
                _ => Ok((word, behind)),
            };
        }
        let letter;
        (letter, rest) = unescaped(first, behind, Some(quote.char));
        word.push(letter);
    }
    Err(quote.place.flaw("the quote is never closed"))
}

/// The word between a brace and its like, braces and quotes included, as it stands (httpd's `ap_getword_conf2`).
fn braced(brace: Letter, behind: &[Letter]) -> Result<(Word, &[Letter]), Flaw> {
    let (mut word, mut rest, mut depth) = (Word::new(brace.place), behind, 1);
    word.push(brace);
    while let Some((&letter, behind)) = rest.split_first() {
        rest = behind;
        word.push(letter);
        match letter.char {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return match behind.first() {
                Some(next) if !is_blank(next) => {
                    Err(next.place.flaw("a blank must follow the closing brace"))
                }
                _ => Ok((word, behind)),
            };
        }
    }
    Err(brace.place.flaw("the brace is never closed"))
}

/// The word that begins with `first` and ends before a blank.
fn bare(first: Letter, behind: &[Letter]) -> (Word, &[Letter]) {
    let mut word = Word::new(first.place);
    let (letter, mut rest) = unescaped(first, behind, None);
    word.push(letter);
    while let Some((&first, behind)) = rest.split_first() {
        if is_blank(&first) {
            break;
        }
        let letter;
        (letter, rest) = unescaped(first, behind, None);
        word.push(letter);
    }
    (word, rest)
}

/// `first`, or what it escapes: a backslash escapes itself and the quote, nothing else.
fn unescaped(first: Letter, behind: &[Letter], quote: Option<char>) -> (Letter, &[Letter]) {
    match behind.split_first() {
        Some((next, rest))
            if first.char == '\\' && (next.char == '\\' || Some(next.char) == quote) =>
        {
            (Letter { char: next.char, place: first.place.to(next.place) }, rest)
        }
        _ => (first, behind),
    }
}

#[cfg(test)]
mod tests {
    use super::super::lines::lines;
    use super::super::testing::{failure, problem, word};
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let words = split(&lines(0, text)[0]).expect("the line is valid");
        words.iter().map(|word| word.text.clone()).collect()
    }

    #[test]
    fn braces_hold_together_with_all_that_is_in_them() {
        let whole = words("{a {'b c'} \"d\\\\} e");
        assert_eq!(whole, ["{a {'b c'} \"d\\\\}", "e"]);
        assert_eq!(words("a{b c"), ["a{b", "c"]);
        let failed = |text: &str| failure(split(&lines(0, text)[0]));
        assert!(failed("{a {b}").ends_with("the brace is never closed"));
        assert!(failed("{a}b").ends_with("a blank must follow the closing brace"));
    }

    #[test]
    fn blanks_split_and_quotes_hold_together() {
        assert_eq!(words("a\tb  c "), ["a", "b", "c"]);
        assert_eq!(words("a \"b c\" 'd \"e' ''"), ["a", "b c", "d \"e", ""]);
        assert_eq!(words("a=\"b c\""), ["a=\"b", "c\""]);
    }

    #[test]
    fn a_backslash_escapes_itself_and_the_quote() {
        assert_eq!(
            words(r#"a\\b "a\"b\\c\d" 'a\'b' a\"b"#),
            ["a\\b", "a\"b\\c\\d", "a'b", "a\\\"b"]
        );
    }

    #[test]
    fn a_word_and_its_parts_know_where_they_are_written() {
        let words = split(&lines(0, "x \"é\\\"=z\"")[0]).expect("the line is valid");
        let place = |start, end| Place { file: 0, start, end };
        assert_eq!(words[1].place, place(2, 10));
        let (name, value) = words[1].split_once('=').expect("it has one");
        assert_eq!((name.place, value.place), (place(3, 7), place(8, 9)));
        assert_eq!(value.part(0..0).place, place(8, 8));
        assert_eq!(value.part(1..1).place, place(9, 9));
    }

    #[test]
    fn a_word_splits_at_separators() {
        let texts = |parts: Vec<Word>| parts.iter().map(Word::to_string).collect::<Vec<_>>();
        assert_eq!(texts(word("a,,b,").split(',')), ["a", "", "b", ""]);
        let (left, right) = word("a:b:c").rsplit_once(':').expect("it has two");
        assert_eq!((left.text(), right.text()), ("a:b", "c"));
    }

    #[test]
    fn quotes_must_close_and_stand_apart() {
        assert_eq!(problem("ServerName \"x"), "conf:1:12: the quote is never closed");
        let apart = "conf:1:15: a blank must follow the closing quote";
        assert_eq!(problem("ServerName \"x\"y"), apart);
    }
}
