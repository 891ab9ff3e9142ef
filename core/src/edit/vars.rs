//! Stage 3 of 6 · the variables of a request (httpd's environment), and the lines that set them.

use std::borrow::Cow;

use super::known::{Fact, Known};
use super::value::{Now, Value};
use crate::route::Expression;

/// What a request is not forwarded under: it is answered as if no rule were for it.
pub const NO_PROXY: &str = "no-proxy";
/// Under which no half of a tunnel outlives the other.
pub const NO_HALF_CLOSE: &str = "proxy-nohalfclose";
/// Under which the connection to the backend serves once.
pub const NO_KEEP_ALIVE: &str = "proxy-nokeepalive";

/// The URL of the balancer that serves a request; this and what follows is set once a member is elected.
pub const BALANCER_NAME: &str = "BALANCER_NAME";
/// The URL of the member.
pub const BALANCER_WORKER_NAME: &str = "BALANCER_WORKER_NAME";
/// The route of the member.
pub const BALANCER_WORKER_ROUTE: &str = "BALANCER_WORKER_ROUTE";
/// What a client says its route by (`stickysession=`).
pub const BALANCER_SESSION_STICKY: &str = "BALANCER_SESSION_STICKY";
/// The route that the client said.
pub const BALANCER_SESSION_ROUTE: &str = "BALANCER_SESSION_ROUTE";
/// Set if the client belongs to another member from now on, or for the first time.
pub const BALANCER_ROUTE_CHANGED: &str = "BALANCER_ROUTE_CHANGED";

/// Whether a variable is set when a member of a balancer is elected, and by nobody else.
pub fn is_of_balancer(name: &str) -> bool {
    name.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("BALANCER_"))
}

/// The variables of a request, in the order in which they were set first. The case of a name does not matter.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Vars(Vec<(String, Vec<u8>)>);

impl Vars {
    /// None at all.
    pub const NONE: &Self = &Self(Vec::new());

    /// The value of that variable, if it is set.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.at(name).map(|at| self.0[at].1.as_slice())
    }

    /// Sets that variable, over what it was before.
    pub fn set(&mut self, name: &str, value: Vec<u8>) {
        match self.at(name) {
            Some(at) => self.0[at].1 = value,
            None => self.0.push((name.into(), value)),
        }
    }

    /// Forgets that variable.
    pub fn unset(&mut self, name: &str) {
        self.0.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    fn at(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|(known, _)| known.eq_ignore_ascii_case(name))
    }
}

/// One line that sets variables: `SetEnvIf`, `SetEnv` and their like.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SetVars {
    /// When it does; always if it does not say.
    pub when: Option<Condition>,
    /// What it does, in its order.
    pub assigns: Vec<Assign>,
}

impl SetVars {
    /// Does what the line says to the variables of a request.
    pub fn apply(&self, known: &Known<'_>, vars: &mut Vars) {
        let Some(when) = &self.when else {
            return self.assign(vars, |_| b"");
        };
        let Some(value) = when.found(known, vars) else { return };
        let Some(found) = when.like.0.captures(&value) else { return };
        self.assign(vars, |number| found.get(number).map_or(b"", |group| group.as_bytes()));
    }

    fn assign<'g>(&self, vars: &mut Vars, group: impl Fn(usize) -> &'g [u8]) {
        for assign in &self.assigns {
            match &assign.value {
                Some(value) => {
                    let value = value.bytes(Now::at_first(vars), &group);
                    vars.set(&assign.name, value);
                }
                None => vars.unset(&assign.name),
            }
        }
    }
}

/// When a line counts: if that expression is found in that.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Condition {
    /// What is looked at.
    pub of: Attribute,
    /// What must be found in it.
    pub like: Expression,
}

impl Condition {
    /// The value in which the expression is found, if it is. What is missing is an empty text, so that `^$`
    /// is found in it.
    fn found<'a>(&self, known: &'a Known<'_>, vars: &Vars) -> Option<Cow<'a, [u8]>> {
        let mut values = match &self.of {
            Attribute::Fact(fact) => vec![known.say(fact)],
            Attribute::Named(name) => vec![named(name, known, vars)],
            Attribute::FieldsLike(names) => {
                let fields = known.fields().filter(|field| names.0.is_match(field.0.as_bytes()));
                fields.map(|field| field.1.into()).collect()
            }
        };
        values.retain(|value| self.like.0.is_match(value));
        values.into_iter().next()
    }
}

/// The field of that name, or the variable if there is no such field.
fn named<'a>(name: &str, known: &'a Known<'_>, vars: &Vars) -> Cow<'a, [u8]> {
    known.field(name).unwrap_or_else(|| vars.get(name).unwrap_or_default().to_vec().into())
}

/// What a condition looks at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Attribute {
    /// A part of the request.
    Fact(Fact),
    /// The field of that name, or the variable, if there is no such field.
    Named(String),
    /// Every field whose name is like that.
    FieldsLike(Expression),
}

impl Attribute {
    /// What that is, if the URL and the upgrade that a request asks for do not say it.
    pub fn unsaid(&self) -> Option<String> {
        match self {
            Self::Fact(Fact::Client) => Some("the client's address".into()),
            Self::Fact(Fact::Field(name)) | Self::Named(name) => {
                let is_said = ["host", "connection", "upgrade"]
                    .iter()
                    .any(|said| name.eq_ignore_ascii_case(said));
                (!is_said).then(|| name.clone())
            }
            Self::FieldsLike(names) => Some(format!("fields like {}", names.0)),
            Self::Fact(_) => None,
        }
    }
}

/// What is done to one variable.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Assign {
    /// Its name.
    pub name: String,
    /// What it is set to, of [text](super::Part::Text) and [groups](super::Part::Group); it is forgotten if none.
    pub value: Option<Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_balancer_sets_goes_by_its_name() {
        assert!(is_of_balancer(BALANCER_NAME) && is_of_balancer("balancer_x"));
        assert!(!is_of_balancer("BALANCER") && !is_of_balancer("PATH_OF_BALANCER_"));
    }
}
