//! What is wrong with a configuration, and where.

use core::fmt;
use core::ops::Range;

/// How bad a problem is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can, but it hardly means what was meant.
    Warning,
}

/// Something that is wrong, with all that it takes to show it to the operator.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The file, or the name of the command line's directive.
    pub file: String,
    /// The whole text of that file.
    pub text: String,
    /// The bytes of `text` that it is about; both ends are character boundaries.
    pub span: Range<usize>,
    /// The line of the span's beginning, from 1.
    pub line: usize,
    /// The character of that line at which the span begins, from 1.
    pub column: usize,
    /// What is wrong: one clause.
    pub message: String,
    /// What would help: one clause.
    pub help: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for Problem {}

/// A problem before its place has been looked up: it knows its file by number only.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Flaw {
    severity: Severity,
    place: Place,
    message: String,
    help: Option<String>,
}

impl Flaw {
    /// The same flaw with a clause that helps.
    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// The same flaw, with which the configuration can be used.
    pub(super) fn warning(self) -> Self {
        Self { severity: Severity::Warning, ..self }
    }

    /// The flaw with its place looked up in `texts`.
    pub(super) fn locate(self, texts: &[Text]) -> Problem {
        // Without any input there is still a problem to show: that nothing is listened on.
        let (file, text) = match texts.get(self.place.file) {
            Some(text) => (text.name.as_str(), text.text.as_str()),
            None => ("configuration", ""),
        };
        let before = text.get(..self.place.start).unwrap_or_default();
        let begin = before.rfind('\n').map_or(0, |at| at + 1);
        Problem {
            severity: self.severity,
            file: file.into(),
            text: text.into(),
            span: self.place.start..self.place.end,
            line: before.matches('\n').count() + 1,
            column: before[begin..].chars().count() + 1,
            message: self.message,
            help: self.help,
        }
    }
}

/// Where something is written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Place {
    /// The number of its [`Text`].
    pub(super) file: usize,
    /// Its first byte.
    pub(super) start: usize,
    /// The byte behind its last.
    pub(super) end: usize,
}

impl Place {
    /// From the beginning of this place to the end of a later one.
    pub(super) fn to(self, last: Self) -> Self {
        Self { end: last.end, ..self }
    }

    /// No character at all, where this place begins.
    pub(super) fn before(self) -> Self {
        Self { end: self.start, ..self }
    }

    /// No character at all, where this place ends.
    pub(super) fn behind(self) -> Self {
        Self { start: self.end, ..self }
    }

    /// Something wrong here.
    pub(super) fn flaw(self, message: impl Into<String>) -> Flaw {
        Flaw { severity: Severity::Error, place: self, message: message.into(), help: None }
    }
}

/// A text that has been read.
#[derive(Clone, Debug)]
pub(super) struct Text {
    /// The path of its file, or the name of the command line's directive.
    pub(super) name: String,
    /// What it says.
    pub(super) text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_counts_characters_and_a_span_counts_bytes() {
        let texts = [Text { name: "conf".into(), text: "é\nüö x\n".into() }];
        let problem = Place { file: 0, start: 8, end: 9 }.flaw("bad").help("good").locate(&texts);
        assert_eq!(problem.to_string(), "conf:2:4: bad (good)");
        assert_eq!(&problem.text[problem.span], "x");
    }

    #[test]
    fn a_flaw_without_any_text_still_has_a_place() {
        let problem = Place::default().flaw("bad").locate(&[]);
        assert_eq!(problem.to_string(), "configuration:1:1: bad");
    }
}
