//! Stage 3 of 6 · a value that is written into a field or a variable: text with holes.

use std::fmt;

use super::known::{Fact, Known};
use super::vars::Vars;
use crate::time::Wait;

/// A value: its parts stand one behind the other.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Value(pub Vec<Part>);

/// What is known when a value is written.
#[derive(Clone, Copy, Debug)]
pub struct Now<'a> {
    /// The variables of the request.
    pub vars: &'a Vars,
    /// How long ago it began.
    pub elapsed: Wait,
}

impl<'a> Now<'a> {
    /// The beginning of a request with those variables.
    pub fn at_first(vars: &'a Vars) -> Self {
        Self { vars, elapsed: Wait::ZERO }
    }
}

/// A part of a value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Part {
    /// These bytes, which a field can hold.
    Text(Vec<u8>),
    /// What that variable of the request says (`%{NAME}e`); nothing if it is not set.
    Variable(String),
    /// What is known of the request (`expr=%{NAME}`).
    Fact(Fact),
    /// How many microseconds ago the request began (`%D`), as `D=…`.
    Elapsed,
    /// What the group of that number has found (`$1`): all that was found if it is 0.
    Group(usize),
}

impl Value {
    /// A value without holes.
    pub fn text(text: impl Into<Vec<u8>>) -> Self {
        Self(vec![Part::Text(text.into())])
    }

    /// The value with all filled in that is known of a request, but for variables that come later; what is left is [text](Part::Text), the time
    /// and the groups.
    ///
    /// # Errors
    ///
    /// What is filled in has a byte that no field can hold: a line end above all, which would begin another
    /// field. A path that was decoded may have one.
    pub fn filled(
        &self,
        known: &Known<'_>,
        vars: &Vars,
        comes_later: fn(&str) -> bool,
    ) -> Result<Self, BadValue> {
        let fill = |part: &Part| match part {
            Part::Variable(name) if comes_later(name) => Ok(part.clone()),
            Part::Variable(name) => text(vars.get(name).unwrap_or_default()),
            Part::Fact(fact) => text(&known.say(fact)),
            Part::Text(_) | Part::Elapsed | Part::Group(_) => Ok(part.clone()),
        };
        self.0.iter().map(fill).collect::<Result<_, _>>().map(Self)
    }

    /// The bytes of a value that is filled in; a variable that came later is what it is now, or nothing if a
    /// field cannot hold that; `group` says what each group has found.
    pub fn bytes<'g>(&self, now: Now<'_>, group: impl Fn(usize) -> &'g [u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => bytes.extend(text),
                Part::Group(number) => bytes.extend(group(*number)),
                Part::Elapsed => bytes.extend(format!("D={}", now.elapsed.as_micros()).bytes()),
                Part::Variable(name) => {
                    let value = now.vars.get(name).filter(|value| is_writable(value));
                    bytes.extend(value.unwrap_or_default());
                }
                Part::Fact(_) => debug_assert!(false, "a hole is left"),
            }
        }
        bytes
    }
}

fn text(bytes: &[u8]) -> Result<Part, BadValue> {
    if is_writable(bytes) { Ok(Part::Text(bytes.to_vec())) } else { Err(BadValue) }
}

/// Whether a field can hold these bytes (RFC 9110 §5.5): no control character but the tab.
pub fn is_writable(bytes: &[u8]) -> bool {
    !bytes.iter().any(|&byte| byte.is_ascii_control() && byte != b'\t')
}

/// A value has a byte that no field can hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BadValue;

impl fmt::Display for BadValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a control character in a value that a field is to hold")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::Host;

    #[test]
    fn holes_are_filled_in_turn() {
        let host = Host::default();
        let known = Known::of(None, [192, 0, 2, 7].into(), &host);
        let mut vars = Vars::default();
        vars.set("V", b"v".to_vec());
        let variable = |name: &str| Part::Variable(name.into());
        let parts = vec![
            Part::Text(b"<".to_vec()),
            variable("v"),
            variable("none"),
            Part::Fact(Fact::Client),
            Part::Group(1),
            Part::Elapsed,
        ];
        let filled =
            Value(parts).filled(&known, &vars, |_| false).expect("all of it can be written");
        let bytes = filled.bytes(Now { vars: &vars, elapsed: Wait::from_millis(2) }, |number| {
            if number == 1 { b"one" } else { b"" }
        });
        assert_eq!(String::from_utf8(bytes).unwrap(), "<v192.0.2.7oneD=2000");
    }

    #[test]
    fn no_value_begins_another_field() {
        let host = Host::default();
        let known = Known::of(None, [192, 0, 2, 7].into(), &host);
        for bad in ["\r\nX: y", "\n", "\0", "\x7f"] {
            let mut vars = Vars::default();
            vars.set("V", bad.into());
            assert_eq!(
                Value(vec![Part::Variable("V".into())]).filled(&known, &vars, |_| false),
                Err(BadValue)
            );
        }
    }
}
