//! `{%{REQUEST_STATUS} =~ /^[23]/}`: what `ProxyHCExpr` says of a status.

use super::paths::regular;
use super::problem::Flaw;
use super::values::number;
use super::words::Word;
use crate::route::check::Test;

const BUILT: &str = "built are `%{REQUEST_STATUS}` behind which stand =~ or !~ and /expression/, ==, !=, -eq, -ne, -lt, \
                     -le, -gt or -ge and a status, or -in and {'status', ...}";

/// What stands in braces.
pub(super) fn condition(word: &Word) -> Result<Test, Flaw> {
    let unbuilt = || word.flaw("this is no comparison of a status").help(BUILT);
    let inner = inside(word, '{', '}').ok_or_else(unbuilt)?;
    let behind = after(&inner, "%{REQUEST_STATUS}").ok_or_else(unbuilt)?;
    let text = behind.text();
    let end = text.find(|char: char| " \t/'\"{".contains(char)).unwrap_or(text.len());
    let (sign, rest) = behind.split_at(end);
    let operand = trimmed(&rest);
    let not = |test| Test::Not(Box::new(test));
    let is = |word| status(word).map(|status| Test::Within(status, status));
    // httpd knows these names with and without a hyphen.
    match sign.text().strip_prefix('-').unwrap_or(sign.text()) {
        "=~" => matches(&operand),
        "!~" => matches(&operand).map(not),
        "==" | "=" | "eq" => is(&operand),
        "!=" | "ne" => is(&operand).map(not),
        "lt" => status(&operand).map(|bound| not(Test::Within(bound, u16::MAX))),
        "ge" => status(&operand).map(|bound| Test::Within(bound, u16::MAX)),
        "le" => status(&operand).map(|bound| Test::Within(0, bound)),
        "gt" => status(&operand).map(|bound| not(Test::Within(0, bound))),
        "in" => one_of(&operand),
        _ => Err(sign.flaw(format!("`{sign}` is no comparison that is built")).help(BUILT)),
    }
}

fn matches(word: &Word) -> Result<Test, Flaw> {
    let text = word.text();
    // A status has no letters: `i` asks for nothing.
    let bare = word.part(0..text.strip_suffix('i').unwrap_or(text).len());
    let expression = inside(&bare, '/', '/')
        .ok_or_else(|| word.flaw("an expression stands between slashes").help(BUILT))?;
    regular(&expression, expression.text(), false).map(Test::Matches)
}

fn one_of(word: &Word) -> Result<Test, Flaw> {
    let list =
        inside(word, '{', '}').ok_or_else(|| word.flaw("a list stands in braces").help(BUILT))?;
    let statuses = list.split(',').into_iter().map(|word| status(&trimmed(&word)));
    statuses.collect::<Result<_, _>>().map(Test::OneOf)
}

/// A status, with or without quotes.
fn status(word: &Word) -> Result<u16, Flaw> {
    let quoted = inside(word, '\'', '\'').or_else(|| inside(word, '"', '"'));
    number(quoted.as_ref().unwrap_or(word), 100..=599)
}

/// What stands between those letters, if it does.
fn inside(word: &Word, open: char, close: char) -> Option<Word> {
    let text = word.text();
    let holds = text.len() >= 2 && text.starts_with(open) && text.ends_with(close);
    holds.then(|| trimmed(&word.part(1..text.len() - 1)))
}

/// What stands behind that beginning, if it is one.
fn after(word: &Word, start: &str) -> Option<Word> {
    word.text().starts_with(start).then(|| trimmed(&word.split_at(start.len()).1))
}

fn trimmed(word: &Word) -> Word {
    let text = word.text();
    let start = text.len() - text.trim_start().len();
    word.part(start..start.max(text.trim_end().len()))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{failure, word};
    use super::*;

    fn good(text: &str) -> Vec<u16> {
        let test = condition(&word(text)).expect("it is one");
        [100, 200, 204, 399, 404, 503].into_iter().filter(|status| test.holds(*status)).collect()
    }

    #[test]
    fn a_status_is_compared_as_httpd_compares_it() {
        for (text, statuses) in [
            ("{%{REQUEST_STATUS} =~ /^[23]/}", vec![200, 204, 399]),
            ("{ %{REQUEST_STATUS} !~ /4$/i }", vec![100, 200, 399, 503]),
            ("{%{REQUEST_STATUS} -eq 200}", vec![200]),
            ("{%{REQUEST_STATUS} == '200'}", vec![200]),
            ("{%{REQUEST_STATUS} != \"200\"}", vec![100, 204, 399, 404, 503]),
            ("{%{REQUEST_STATUS} lt 204}", vec![100, 200]),
            ("{%{REQUEST_STATUS} -le 204}", vec![100, 200, 204]),
            ("{%{REQUEST_STATUS} -gt 399}", vec![404, 503]),
            ("{%{REQUEST_STATUS} ge 399}", vec![399, 404, 503]),
            ("{%{REQUEST_STATUS} -in {'200', 404}}", vec![200, 404]),
            ("{%{REQUEST_STATUS} in {'200','204'}}", vec![200, 204]),
        ] {
            assert_eq!(good(text), statuses, "{text}");
        }
    }

    #[test]
    fn any_other_expression_says_what_is_built() {
        for (text, message) in [
            ("{hc('body') !~ /down/}", "1:1: this is no comparison of a status"),
            ("%{REQUEST_STATUS} == 200", "1:1: this is no comparison of a status"),
            ("{%{REQUEST_STATUS} -ipmatch 9}", "1:20: `-ipmatch` is no comparison that is built"),
            ("{%{REQUEST_STATUS} =~ 200}", "1:23: an expression stands between slashes"),
            ("{%{REQUEST_STATUS} =~ 2/}", "1:23: an expression stands between slashes"),
            ("{%{REQUEST_STATUS} =~ /}", "1:23: an expression stands between slashes"),
            ("{%{REQUEST_STATUS} -in '200'}", "1:24: a list stands in braces"),
        ] {
            assert_eq!(failure(condition(&word(text))), format!("{message} ({BUILT})"), "{text}");
        }
        let all = failure(condition(&word("{%{REQUEST_STATUS} -eq 2x}")));
        assert_eq!(all, "1:24: `2x` is not a whole number");
    }
}
