//! Stage 3 of 6 · what the configuration makes of the heads of one request: worked out once, done to each.

use super::Of;
use super::cookie::Part;
use super::field::{Edit, Field};
use super::known::Known;
use super::value::{BadValue, Now, Value};
use super::vars::{Vars, is_of_balancer};
use crate::head::Request;
use crate::head::request::authority;
use crate::route::{Host, Rules};
use crate::time::Wait;

/// What becomes of the heads of one request and of its responses. It is nothing but a null pointer where the
/// configuration says nothing of heads.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// The number of the host that says so.
    host: usize,
    made: Option<Box<Made>>,
}

/// What was worked out.
#[derive(Clone, Debug)]
struct Made {
    vars: Vars,
    request: Vec<Change>,
    response: Vec<Change>,
    /// What URLs and cookies are mapped by; nothing is mapped if none.
    asked: Option<Asked>,
}

/// One edit that is due.
#[derive(Clone, Debug)]
struct Change {
    /// Its number in the list of the host.
    edit: usize,
    /// Its value, filled in.
    value: Value,
}

/// How the client asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// For which path, cleaned.
    pub path: Vec<u8>,
    /// By which scheme, host and port.
    pub origin: String,
    /// Whether variables are put into the lines that ask for it.
    pub interpolates: bool,
}

impl Changes {
    /// Those of the host of that number, of which nothing is worked out.
    pub fn none(host: usize) -> Self {
        Self { host, made: None }
    }

    /// Those that `host`, of that number, makes of a request.
    ///
    /// # Errors
    ///
    /// A field would get a value that it cannot hold, or `Host` one that is no host.
    pub fn of(number: usize, host: &Host, known: &Known<'_>) -> Result<Self, BadValue> {
        let heads = &host.heads;
        let path = known.path();
        let vars = heads.vars(known);
        let request = due(&heads.request, known, &vars, |_| false)?;
        let response = due(&heads.response, known, &vars, is_of_balancer)?;
        let asked = || Asked {
            path: path.to_vec(),
            origin: known.origin(),
            interpolates: host.inner_scope(path).as_deref().unwrap_or(&host.scope).interpolates,
        };
        let asked = (!heads.maps_nothing()).then(asked);
        Ok(Self { host: number, made: Some(Box::new(Made { vars, request, response, asked })) })
    }

    /// A member of a balancer was elected, perhaps in the place of another one: what that sets is known now.
    pub fn elected<'v>(&mut self, says: impl IntoIterator<Item = (&'v str, Option<Vec<u8>>)>) {
        let Some(made) = &mut self.made else { return };
        for (name, value) in says {
            match value {
                Some(value) => made.vars.set(name, value),
                None => made.vars.unset(name),
            }
        }
    }

    /// The number of the host that says so.
    pub fn host(&self) -> usize {
        self.host
    }

    /// The variables of the request.
    pub fn vars(&self) -> &Vars {
        self.made.as_ref().map_or(Vars::NONE, |made| &made.vars)
    }

    /// Whether that variable is set.
    pub fn is_set(&self, variable: &str) -> bool {
        self.vars().get(variable).is_some()
    }
}

/// The edits that are done to that request, each with its value, and those of which that depends on what
/// comes later.
fn due(
    edits: &[Of<Edit>],
    known: &Known<'_>,
    vars: &Vars,
    comes_later: fn(&str) -> bool,
) -> Result<Vec<Change>, BadValue> {
    let here = edits
        .iter()
        .enumerate()
        .filter_map(|(number, edit)| Some((number, edit.on(known.path())?)));
    let depends = |edit: &Edit| edit.when.as_ref().is_some_and(|when| comes_later(&when.name));
    let due = here.filter(|(_, edit)| depends(edit) || edit.is_due(vars));
    due.map(|(number, edit)| {
        let value = edit.value.filled(known, vars, comes_later)?;
        let host = || value.bytes(Now::at_first(vars), |_| b"");
        if edit.is_of("host") && authority(&host()).is_err() {
            return Err(BadValue);
        }
        Ok(Change { edit: number, value })
    })
    .collect()
}

/// Does those changes to heads, so long after the request began.
#[derive(Clone, Copy, Debug)]
pub struct Editor<'a> {
    /// The host that says them.
    pub host: &'a Host,
    changes: &'a Changes,
    elapsed: Wait,
}

impl<'a> Editor<'a> {
    /// An editor by the configuration in which the changes were worked out.
    pub fn new(rules: &'a Rules, changes: &'a Changes, elapsed: Wait) -> Self {
        let host = rules.hosts.get(changes.host).unwrap_or_else(|| rules.main());
        Self { host, changes, elapsed }
    }

    /// The fields of a request as they are to be; none if they are as they came.
    pub fn request(
        &self,
        fields: impl Iterator<Item = (&'a str, &'a [u8])>,
    ) -> Option<Vec<Field<'a>>> {
        let made = self.made().filter(|made| !made.request.is_empty())?;
        let mut fields = fields.map(Field::new).collect();
        self.edit(&self.host.heads.request, &made.request, |_| true, &mut fields);
        Some(fields)
    }

    /// The host that a request with edited fields is for: the one that was set, if one was.
    pub fn host_of<'b>(&self, edited: &Request<'_, 'b>) -> Option<&'b str> {
        let edits = &self.host.heads.request;
        let is_host =
            |change: &Change| edits.get(change.edit).is_some_and(|edit| edit.says.is_of("host"));
        let is_set = self.made().is_some_and(|made| made.request.iter().any(is_host));
        let field = edited.fields.one("host").ok().flatten().filter(|_| is_set);
        field.and_then(|host| authority(host).ok()).or(edited.authority)
    }

    /// The fields of a backend's response as they are to be; none if they are as they came.
    pub fn response(
        &self,
        fields: impl Iterator<Item = (&'a str, &'a [u8])>,
    ) -> Option<Vec<Field<'a>>> {
        let made = self.made().filter(|made| !made.response.is_empty() || made.asked.is_some())?;
        let mut fields: Vec<_> = fields.map(Field::new).collect();
        if let Some(asked) = &made.asked {
            fields.iter_mut().for_each(|field| self.map(made, asked, field));
        }
        let counts = |edit: &Edit| edit.is_due(&made.vars);
        self.edit(&self.host.heads.response, &made.response, counts, &mut fields);
        Some(fields)
    }

    /// Edits the fields of an answer of our own (`Header always`).
    pub fn answer(&self, fields: &mut Vec<Field<'a>>) {
        if let Some(made) = self.made() {
            let counts = |edit: &Edit| edit.always && edit.is_due(&made.vars);
            self.edit(&self.host.heads.response, &made.response, counts, fields);
        }
    }

    fn made(&self) -> Option<&'a Made> {
        self.changes.made.as_deref()
    }

    fn edit(
        &self,
        edits: &'a [Of<Edit>],
        changes: &[Change],
        counts: impl Fn(&Edit) -> bool,
        fields: &mut Vec<Field<'a>>,
    ) {
        let Some(made) = self.made() else { return };
        let now = Now { vars: &made.vars, elapsed: self.elapsed };
        for change in changes {
            let edit = edits.get(change.edit).map(|edit| &edit.says);
            if let Some(edit) = edit.filter(|edit| counts(edit)) {
                edit.apply(&change.value, now, fields);
            }
        }
    }

    /// Puts our names in the place of a backend's: of each kind the first line that can.
    fn map(&self, made: &Made, asked: &Asked, field: &mut Field<'a>) {
        let (heads, vars) = (&self.host.heads, asked.interpolates.then_some(&made.vars));
        let reverses = heads.reverse.iter().filter_map(|reverse| reverse.on(&asked.path));
        let _ = reverses
            .filter_map(|reverse| reverse.filled(vars))
            .any(|reverse| reverse.apply(asked, field));
        let cookies = || heads.cookies.iter().filter_map(|cookie| cookie.on(&asked.path));
        for part in [Part::Domain, Part::Path] {
            let kind = cookies().filter(|cookie| cookie.part == part);
            let _ = kind.filter_map(|cookie| cookie.filled(vars)).any(|cookie| cookie.apply(field));
        }
    }
}
