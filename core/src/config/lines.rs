//! Text → lines of letters: continuations are joined, and each letter knows where it is written.

use super::problem::Place;

/// One character, and where it is written: a letter of a variable's value stands at its `${VAR}`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Letter {
    /// The character.
    pub(super) char: char,
    /// Where it is written.
    pub(super) place: Place,
}

/// The lines of `text`, without blanks before them, without comments and without empty ones.
///
/// A `\` at the end of a line joins the next one to it, also in a comment, as in httpd.
pub(super) fn lines(file: usize, text: &str) -> Vec<Vec<Letter>> {
    let (mut lines, mut line, mut start) = (Vec::new(), Vec::new(), 0);
    for piece in text.split_inclusive('\n') {
        let body = without_end(piece);
        let joined = body.strip_suffix('\\').filter(|_| body.len() < piece.len());
        line.extend(letters(file, start, joined.unwrap_or(body)));
        start += piece.len();
        if joined.is_none() {
            lines.push(core::mem::take(&mut line));
        }
    }
    lines.push(line);
    lines.into_iter().map(trimmed).filter(|line| is_directive(line)).collect()
}

fn without_end(piece: &str) -> &str {
    let body = piece.strip_suffix('\n').unwrap_or(piece);
    body.strip_suffix('\r').unwrap_or(body)
}

fn letters(file: usize, start: usize, text: &str) -> impl Iterator<Item = Letter> {
    text.char_indices().map(move |(at, char)| {
        let start = start + at;
        Letter { char, place: Place { file, start, end: start + char.len_utf8() } }
    })
}

fn trimmed(mut line: Vec<Letter>) -> Vec<Letter> {
    let blanks = line.iter().take_while(|letter| letter.char.is_ascii_whitespace()).count();
    line.drain(..blanks);
    line
}

fn is_directive(line: &[Letter]) -> bool {
    line.first().is_some_and(|letter| letter.char != '#')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        lines(0, text).iter().map(|line| line.iter().map(|letter| letter.char).collect()).collect()
    }

    #[test]
    fn comments_and_empty_lines_are_left_out() {
        assert_eq!(texts("# a\n\n  b # c\r\n \t# d"), ["b # c"]);
    }

    #[test]
    fn a_backslash_joins_the_next_line() {
        assert_eq!(texts("a \\\n b\\\r\nc\nd"), ["a  bc", "d"]);
        assert_eq!(texts("# a \\\n still a comment\nb"), ["b"]);
        assert_eq!(texts("a\\"), ["a\\"]);
        assert_eq!(texts("a\\\n"), ["a"]);
    }

    #[test]
    fn a_letter_knows_its_bytes_behind_a_continuation() {
        let line = &lines(3, "é\\\nü")[0];
        assert_eq!(line[1], Letter { char: 'ü', place: Place { file: 3, start: 4, end: 6 } });
    }
}
