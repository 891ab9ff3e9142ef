//! `${VAR}` → what it stands for, before a line is split into words, as in httpd.

use super::lines::Letter;
use super::problem::{Flaw, Place};

/// Letters of one line once its variables are expanded: definitions of definitions grow fast.
pub(super) const LINE_MOST: usize = 64 * 1024;

/// The line with every `${VAR}` replaced by what `variable` says of it.
///
/// An undefined one is an error, where httpd warns and leaves it as it stands.
pub(super) fn expand(
    line: &[Letter],
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Vec<Letter>, Vec<Flaw>> {
    let (mut out, mut flaws, mut rest) = (Vec::new(), Vec::new(), line);
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        if first.char != '$' || behind.first().is_none_or(|letter| letter.char != '{') {
            out.push(first);
            continue;
        }
        let Some(reference) = Reference::read(first, behind) else {
            flaws.push(first.place.to(behind[0].place).flaw("`${` is never closed by a `}`"));
            break;
        };
        rest = reference.rest;
        match reference.value(&variable) {
            Ok(value) => out.extend(value),
            Err(flaw) => flaws.push(flaw),
        }
        if out.len() > LINE_MOST {
            flaws.push(reference.place.flaw(format!("the line grows beyond {LINE_MOST} letters")));
            break;
        }
    }
    if flaws.is_empty() { Ok(out) } else { Err(flaws) }
}

const HELP: &str = "`Define` it above, or set it with `-D` or in the environment";

/// A `${VAR}`.
struct Reference<'l> {
    name: String,
    place: Place,
    /// What stands behind it.
    rest: &'l [Letter],
}

impl<'l> Reference<'l> {
    /// The reference that begins with `dollar`; none if it does not end. `behind` begins with `{`.
    fn read(dollar: Letter, behind: &'l [Letter]) -> Option<Self> {
        let end = behind.iter().position(|letter| letter.char == '}')?;
        Some(Self {
            name: behind[1..end].iter().map(|letter| letter.char).collect(),
            place: dollar.place.to(behind[end].place),
            rest: &behind[end + 1..],
        })
    }

    fn value(&self, variable: impl Fn(&str) -> Option<String>) -> Result<Vec<Letter>, Flaw> {
        let Some(value) = variable(&self.name) else {
            let name = &self.name;
            return Err(self.place.flaw(format!("`{name}` is not defined")).help(HELP));
        };
        Ok(value.chars().map(|char| Letter { char, place: self.place }).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::lines::lines;
    use super::super::testing::{problem, problems};
    use super::*;

    fn expanded(text: &str) -> Result<Vec<Letter>, Vec<Flaw>> {
        expand(&lines(0, text)[0], |name| (name == "A").then(|| "va lue".into()))
    }

    #[test]
    fn a_variable_is_replaced_and_points_at_its_name() {
        let line = expanded("x${A}y").expect("A is defined");
        let text: String = line.iter().map(|letter| letter.char).collect();
        assert_eq!(text, "xva luey");
        assert_eq!(line[3].place, Place { file: 0, start: 1, end: 5 });
        assert_eq!(line[7].place, Place { file: 0, start: 5, end: 6 });
    }

    #[test]
    fn a_dollar_without_a_brace_is_plain() {
        assert_eq!(expanded("a$b $").map(|line| line.len()), Ok(5));
    }

    #[test]
    fn all_undefined_variables_of_a_line_are_reported() {
        assert_eq!(
            problems("Listen 80\nProxyPass ${x} ws://${x y}"),
            [
                format!("conf:2:11: `x` is not defined ({HELP})"),
                format!("conf:2:21: `x y` is not defined ({HELP})"),
            ]
        );
    }

    #[test]
    fn an_open_reference_is_a_problem() {
        assert_eq!(problem("ServerName ${x"), "conf:1:12: `${` is never closed by a `}`");
    }

    #[test]
    fn a_value_cannot_grow_without_end() {
        let mut text = String::from("Define v0 0123456789\n");
        for level in 1..6 {
            text += &format!("Define v{level} {}\n", format!("${{v{}}}", level - 1).repeat(10));
        }
        assert!(problems(&text)[0].ends_with("the line grows beyond 65536 letters"));
    }

    #[test]
    fn a_line_may_grow_to_its_bound() {
        let grown = |length: usize| expand(&lines(0, "${A}")[0], |_| Some("x".repeat(length)));
        assert_eq!(grown(LINE_MOST).map(|line| line.len()), Ok(LINE_MOST));
        assert!(grown(LINE_MOST + 1).is_err());
    }
}
