//! Values with holes: what `RequestHeader` and `Header` write, and what `SetEnvIf` sets.

use super::problem::Flaw;
use super::words::Word;
use crate::edit::value::is_writable;
use crate::edit::{Fact, Part, Value};

/// What a field is to say: text with `%{NAME}e`, `%D` and `%%`, or an expression of text and `%{NAME}`
/// behind `expr=`. In what an `edit` writes, `$1` is a group too.
pub(super) fn value(word: &Word, groups: bool) -> Result<Value, Flaw> {
    let (start, read): (_, fn(&Word) -> Hole) =
        if word.text().starts_with("expr=") { (5, asked) } else { (0, formatted) };
    let rest = word.part(start..word.text().len());
    with_holes(&rest, |rest| match rest.text().as_bytes() {
        [b'%', ..] => Some(read(rest)),
        [b'$', b'0'..=b'9', ..] if groups => Some(Ok(group(rest))),
        _ => None,
    })
}

/// What a variable is set to: text with `$1`.
pub(super) fn with_groups(word: &Word) -> Result<Value, Flaw> {
    with_holes(word, |rest| match rest.text().as_bytes() {
        [b'$', b'0'..=b'9', ..] => Some(Ok(group(rest))),
        _ => None,
    })
}

/// Text that a field can hold.
pub(super) fn literal(word: &Word) -> Result<Value, Flaw> {
    with_holes(word, |_| None)
}

/// A part of a value, and what stands behind it.
type Hole = Result<(Part, Word), Flaw>;

/// A value of which `hole` reads what is no text, and says what stands behind it.
fn with_holes(word: &Word, hole: impl Fn(&Word) -> Option<Hole>) -> Result<Value, Flaw> {
    let (mut parts, mut rest) = (Vec::new(), word.clone());
    while let Some(char) = rest.text().chars().next() {
        let part;
        (part, rest) = match hole(&rest) {
            Some(read) => read?,
            None => {
                let (letter, behind) = rest.split_at(char.len_utf8());
                (Part::Text(writable(&letter)?), behind)
            }
        };
        push(&mut parts, part);
    }
    Ok(Value(parts))
}

/// Text behind text is one part.
fn push(parts: &mut Vec<Part>, part: Part) {
    match (parts.last_mut(), part) {
        (Some(Part::Text(text)), Part::Text(more)) => text.extend(more),
        (_, part) => parts.push(part),
    }
}

fn writable(letter: &Word) -> Result<Vec<u8>, Flaw> {
    if is_writable(letter.text().as_bytes()) {
        Ok(letter.text().into())
    } else {
        Err(letter.flaw("a control character cannot stand in a field"))
    }
}

fn group(rest: &Word) -> (Part, Word) {
    let (digit, behind) = rest.split_at(2);
    (Part::Group(usize::from(digit.text().as_bytes()[1] - b'0')), behind)
}

/// What `%` begins in the format of a field.
fn formatted(rest: &Word) -> Hole {
    let (sign, behind) = rest.split_at(rest.text().chars().take(2).map(char::len_utf8).sum());
    match sign.text() {
        "%%" => Ok((Part::Text(b"%".to_vec()), behind)),
        "%D" => Ok((Part::Elapsed, behind)),
        "%t" => Err(sign.flaw("the time of day is not known here").help("`%D` is the time taken")),
        "%{" => braced(rest),
        "%l" | "%i" | "%b" => Err(sign.flaw("the load of the machine is not known here")),
        _ => Err(sign.flaw(format!("`{sign}` is no part of a format")).help(FORMAT)),
    }
}

const FORMAT: &str = "`%%` is a percent sign, `%{NAME}e` a variable, `%D` the time taken";

/// `%{NAME}e`
fn braced(rest: &Word) -> Hole {
    let (name, behind) = name(rest)?;
    let (kind, behind) = behind.split_at(behind.text().chars().next().map_or(0, char::len_utf8));
    match kind.text() {
        "e" => Ok((Part::Variable(name.text().into()), behind)),
        "s" => Err(name
            .flaw("variables of TLS are not built yet")
            .help("`expr=%{REMOTE_ADDR}`, `expr=%{REQUEST_SCHEME}` and their like need none")),
        _ => Err(name.flaw(format!("`%{{{name}}}` has no `e` behind it")).help(FORMAT)),
    }
}

/// `%{NAME}` in an expression.
fn asked(rest: &Word) -> Hole {
    if !rest.text().starts_with("%{") {
        let (sign, behind) = rest.split_at(1);
        return Ok((Part::Text(sign.text().into()), behind));
    }
    let (name, behind) = name(rest)?;
    let variable = ["ENV:", "REQENV:", "env:", "reqenv:"]
        .iter()
        .find_map(|prefix| name.text().strip_prefix(prefix));
    if let Some(variable) = variable {
        return Ok((Part::Variable(variable.into()), behind));
    }
    let fact = Fact::named(name.text())
        .ok_or_else(|| name.flaw(format!("`%{{{name}}}` is not known of a request")).help(FACTS));
    Ok((Part::Fact(fact?), behind))
}

const FACTS: &str = "known are REQUEST_SCHEME, REQUEST_METHOD, REQUEST_URI, QUERY_STRING, HTTP_HOST, SERVER_NAME, \
                     SERVER_PORT, SERVER_PROTOCOL, REMOTE_ADDR, HTTPS, HTTP:name and ENV:name";

/// The name in braces, and what stands behind them.
fn name(rest: &Word) -> Result<(Word, Word), Flaw> {
    match rest.text().find('}') {
        Some(end) if end > 2 => Ok((rest.part(2..end), rest.part(end + 1..rest.text().len()))),
        Some(_) => Err(rest.part(0..3).flaw("`%{}` names nothing")),
        None => Err(rest.part(0..2).flaw("`%{` is never closed by a `}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{failure, word};
    use super::*;

    fn text(text: &str) -> Part {
        Part::Text(text.into())
    }

    #[test]
    fn a_format_has_text_and_holes() {
        let parts = |text| value(&word(text), false).map(|value| value.0);
        let variable = Part::Variable("V".into());
        assert_eq!(parts("a%%$1 %{V}e%D"), Ok(vec![text("a%$1 "), variable, Part::Elapsed]));
        assert_eq!(parts(""), Ok(vec![]));
        assert_eq!(
            value(&word("é$1$10"), true).map(|value| value.0),
            Ok(vec![text("é"), Part::Group(1), Part::Group(1), text("0")])
        );
        assert_eq!(
            with_groups(&word("%D$2$")).map(|v| v.0),
            Ok(vec![text("%D"), Part::Group(2), text("$")])
        );
    }

    #[test]
    fn an_expression_asks_for_what_is_known() {
        let parts = value(&word("expr=%{REQUEST_SCHEME}:50%%{env:V}"), false).map(|value| value.0);
        let variable = Part::Variable("V".into());
        assert_eq!(parts, Ok(vec![Part::Fact(Fact::Scheme), text(":50%"), variable]));
    }

    #[test]
    fn what_no_value_can_have_is_a_problem() {
        for (bad, message) in [
            ("a%t", "1:2: the time of day is not known here (`%D` is the time taken)"),
            (
                "%{V}s",
                "1:3: variables of TLS are not built yet (`expr=%{REMOTE_ADDR}`, \
                       `expr=%{REQUEST_SCHEME}` and their like need none)",
            ),
            ("%i", "1:1: the load of the machine is not known here"),
            ("%{V}", &format!("1:3: `%{{V}}` has no `e` behind it ({FORMAT})")),
            ("5%", &format!("1:2: `%` is no part of a format ({FORMAT})")),
            ("%{V", "1:1: `%{` is never closed by a `}`"),
            ("%{}e", "1:1: `%{}` names nothing"),
            (
                "expr=%{UNIQUE_ID}",
                &format!("1:8: `%{{UNIQUE_ID}}` is not known of a request ({FACTS})"),
            ),
            ("a\u{7}", "1:2: a control character cannot stand in a field"),
        ] {
            assert_eq!(failure(value(&word(bad), false)), message, "{bad}");
        }
    }
}
