//! Stage 3 of 6 · one edit of the fields of a head: `RequestHeader`, `Header`.

use std::borrow::Cow;

use regex::bytes::{Captures, Regex};

use super::value::{Now, Value};
use super::vars::Vars;
use crate::head::fields::trim;
use crate::route::Expression;

/// A field: borrowed from the head that came, but for a value that was changed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Field<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its value.
    pub value: Cow<'a, [u8]>,
}

impl<'a> Field<'a> {
    /// A field with a value that nobody has changed.
    pub fn new((name, value): (&'a str, &'a [u8])) -> Self {
        Self { name, value: value.into() }
    }

    /// The field as one of a parsed head.
    pub fn parsed(&self) -> httparse::Header<'_> {
        httparse::Header { name: self.name, value: &self.value }
    }
}

/// One edit.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Edit {
    /// The name of the fields that it is about: never one that belongs to a connection or to its framing.
    pub name: String,
    /// What is done to them.
    pub action: Action,
    /// What is written by that, if anything is.
    pub value: Value,
    /// When it is done; always if it does not say.
    pub when: Option<When>,
    /// Whether it is done to answers of our own too (`Header always`).
    pub always: bool,
}

/// What is done to the fields of a name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Action {
    /// One more with that value.
    Add,
    /// The value becomes the last element of the list.
    Append,
    /// The first place where that is found in each is written anew.
    EditFirst(Expression),
    /// Every place is.
    EditAll(Expression),
    /// The value becomes the last element of the list, unless it is one already.
    Merge,
    /// One field with that value takes their place.
    Set,
    /// So it does if there is none.
    SetIfEmpty,
    /// They are left out.
    Unset,
}

/// When an edit is done (`env=[!]NAME`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct When {
    /// The variable that it depends on.
    pub name: String,
    /// Whether it must be set, or must not.
    pub is_set: bool,
}

impl Edit {
    /// Whether it is done to a request with those variables.
    pub fn is_due(&self, vars: &Vars) -> bool {
        self.when.as_ref().is_none_or(|when| vars.get(&when.name).is_some() == when.is_set)
    }

    /// Whether it is about fields of that name.
    pub fn is_of(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Does it to those fields, with its value [filled in](Value::filled), so long after the request began.
    pub fn apply<'a>(&'a self, value: &Value, now: Now<'_>, fields: &mut Vec<Field<'a>>) {
        let is_named = |field: &Field<'_>| self.is_of(field.name);
        let whole = || trim(&value.bytes(now, |_| b"")).to_vec();
        let last = fields.iter().rposition(is_named);
        match (&self.action, last) {
            (Action::Unset, _) => fields.retain(|field| !is_named(field)),
            (Action::EditFirst(like), _) => self.replace(&like.0, 1, value, now, fields),
            (Action::EditAll(like), _) => self.replace(&like.0, 0, value, now, fields),
            (Action::SetIfEmpty, Some(_)) => {}
            (Action::Merge, Some(_)) if self.lists(&whole(), fields) => {}
            (Action::Append | Action::Merge, Some(last)) => append(&mut fields[last], &whole()),
            (Action::Set, Some(_)) => self.put(whole(), fields),
            (Action::Add, _)
            | (Action::Append | Action::Merge | Action::Set | Action::SetIfEmpty, None) => {
                fields.push(Field { name: &self.name, value: whole().into() });
            }
        }
    }

    /// The first field of the name gets the value, and the others are left out.
    fn put(&self, value: Vec<u8>, fields: &mut Vec<Field<'_>>) {
        let mut value = Some(value);
        fields.retain_mut(|field| {
            if !self.is_of(field.name) {
                return true;
            }
            value.take().map(|value| field.value = value.into()).is_some()
        });
    }

    fn lists(&self, element: &[u8], fields: &[Field<'_>]) -> bool {
        let named = fields.iter().filter(|field| self.is_of(field.name));
        let mut elements = named.flat_map(|field| field.value.split(|&byte| byte == b','));
        elements.any(|known| trim(known) == element)
    }

    /// Writes anew what is found in each field of the name: at so many places, at all of them if 0.
    fn replace(
        &self,
        like: &Regex,
        most: usize,
        value: &Value,
        now: Now<'_>,
        fields: &mut [Field<'_>],
    ) {
        for field in fields.iter_mut().filter(|field| self.is_of(field.name)) {
            let anew = |found: &Captures<'_>| {
                value.bytes(now, |number| found.get(number).map_or(b"", |group| group.as_bytes()))
            };
            if let Cow::Owned(changed) = like.replacen(&field.value, most, anew) {
                field.value = Cow::Owned(trim(&changed).to_vec());
            }
        }
    }
}

/// Appends an element to a list (RFC 9110 §5.6.1).
fn append(field: &mut Field<'_>, element: &[u8]) {
    let list = field.value.to_mut();
    if !list.is_empty() && !element.is_empty() {
        list.extend(b", ");
    }
    list.extend(element);
}

#[cfg(test)]
mod tests {
    use super::super::value::Part;
    use super::*;

    const FIELDS: [(&str, &[u8]); 4] = [("A", b"1"), ("X", b"a, b"), ("B", b"2"), ("x", b"c")];

    fn edited(name: &str, action: Action, value: Value) -> String {
        let edit =
            Edit { name: name.into(), action, value: value.clone(), when: None, always: false };
        let mut fields: Vec<_> = FIELDS.into_iter().map(Field::new).collect();
        edit.apply(&value, Now::at_first(&Vars::default()), &mut fields);
        let line = |field: &Field<'_>| format!("{}: {}", field.name, field.value.escape_ascii());
        fields.iter().map(line).collect::<Vec<_>>().join("|")
    }

    fn with(name: &str, action: Action, value: &str) -> String {
        edited(name, action, Value::text(value))
    }

    #[test]
    fn fields_of_one_name_are_set_and_left_out_together() {
        assert_eq!(with("x", Action::Set, "n"), "A: 1|X: n|B: 2");
        assert_eq!(with("x", Action::Unset, ""), "A: 1|B: 2");
        assert_eq!(with("N", Action::Set, " n "), "A: 1|X: a, b|B: 2|x: c|N: n");
        assert_eq!(with("N", Action::Unset, ""), "A: 1|X: a, b|B: 2|x: c");
    }

    #[test]
    fn a_list_grows_at_its_end() {
        assert_eq!(with("X", Action::Append, "d"), "A: 1|X: a, b|B: 2|x: c, d");
        assert_eq!(with("X", Action::Merge, "b"), "A: 1|X: a, b|B: 2|x: c");
        assert_eq!(with("X", Action::Merge, "B"), "A: 1|X: a, b|B: 2|x: c, B");
        assert_eq!(with("X", Action::Add, "d"), "A: 1|X: a, b|B: 2|x: c|X: d");
        assert_eq!(with("N", Action::Append, "d"), "A: 1|X: a, b|B: 2|x: c|N: d");
        assert_eq!(with("N", Action::Merge, "d"), "A: 1|X: a, b|B: 2|x: c|N: d");
    }

    #[test]
    fn what_is_there_is_not_set_again() {
        assert_eq!(with("X", Action::SetIfEmpty, "n"), "A: 1|X: a, b|B: 2|x: c");
        assert_eq!(with("N", Action::SetIfEmpty, "n"), "A: 1|X: a, b|B: 2|x: c|N: n");
    }

    #[test]
    fn what_is_found_in_a_value_is_written_anew() {
        let like = |text| Expression(Regex::new(text).unwrap());
        let twice = || {
            Value(vec![Part::Group(1), Part::Text(b"-".to_vec()), Part::Group(1), Part::Group(9)])
        };
        let letters = like("([a-z])");
        assert_eq!(
            edited("X", Action::EditFirst(letters.clone()), twice()),
            "A: 1|X: a-a, b|B: 2|x: c-c"
        );
        assert_eq!(edited("X", Action::EditAll(letters), twice()), "A: 1|X: a-a, b-b|B: 2|x: c-c");
        assert_eq!(
            edited("X", Action::EditAll(like("^c$")), Value::default()),
            "A: 1|X: a, b|B: 2|x: "
        );
    }

    #[test]
    fn a_variable_says_when() {
        let edit = |is_set| Edit {
            name: "X".into(),
            action: Action::Unset,
            value: Value::default(),
            when: Some(When { name: "v".into(), is_set }),
            always: false,
        };
        let (none, mut some) = (Vars::default(), Vars::default());
        some.set("V", Vec::new());
        assert!(edit(true).is_due(&some) && !edit(true).is_due(&none));
        assert!(edit(false).is_due(&none) && !edit(false).is_due(&some));
    }

    #[test]
    fn nothing_is_no_element_of_a_list() {
        let appended = |list: &'static str, element: &str| {
            let mut field = Field::new(("x", list.as_bytes()));
            append(&mut field, element.as_bytes());
            String::from_utf8_lossy(&field.value).into_owned()
        };
        assert_eq!((appended("a", ""), appended("", "b")), ("a".into(), "b".into()));
        assert_eq!(appended("a", "b"), "a, b");
    }
}
