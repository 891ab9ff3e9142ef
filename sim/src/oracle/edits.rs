//! What heads bear once they are edited, by a reading of the configuration that is simple enough to be believed: it
//! knows no more than scenarios draw, which are values without blanks, and expressions that are what they find.

use std::collections::BTreeMap;

use crate::party::is_edited;
use crate::plan::Ask;

/// The edits of a plan.
#[derive(Debug)]
pub(super) struct Edits {
    /// Each line by its words, with the path that it is about; those about every path come first.
    lines: Vec<(String, Vec<String>)>,
}

/// Fields, their names in lower case.
type Fields = Vec<(String, String)>;
/// The variables of a request.
type Vars<'a> = BTreeMap<&'a str, &'a str>;

impl Edits {
    /// Those of that configuration.
    pub(super) fn of(config: &[String]) -> Self {
        let (mut lines, mut place) = (Vec::new(), String::new());
        for line in config {
            let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
            match words.first().map(String::as_str) {
                Some("<Location") => words[1].trim_end_matches('>').clone_into(&mut place),
                Some("</Location>") => place.clear(),
                Some(_) => lines.push((place.clone(), words)),
                None => {}
            }
        }
        lines.sort_by_key(|(place, _)| !place.is_empty());
        Self { lines }
    }

    /// What a backend finds in that request.
    pub(super) fn request(&self, ask: &Ask) -> Vec<String> {
        let named: Vec<_> = ask.says("Connection").flat_map(|list| list.split(", ")).collect();
        let mut fields = parsed(&ask.fields);
        fields.retain(|(name, _)| !named.iter().any(|own| own.eq_ignore_ascii_case(name)));
        let vars = self.vars(ask);
        for words in self.on(ask, "RequestHeader") {
            edit(&words[1..], &vars, &mut fields);
        }
        told(fields)
    }

    /// What the client finds in the answer to it: the backend's, or one of the proxy's own.
    pub(super) fn response(&self, ask: &Ask, own: bool) -> Vec<String> {
        let mut fields = if own { Fields::new() } else { parsed(&ask.reply.fields) };
        fields.iter_mut().for_each(|field| self.map(ask, field));
        let vars = self.vars(ask);
        for words in self.on(ask, "Header") {
            let always = words[1] == "always";
            if always || !own {
                let said = always || words[1] == "onsuccess";
                edit(&words[1 + usize::from(said)..], &vars, &mut fields);
            }
        }
        told(fields)
    }

    /// The lines of that directive that are about what is asked.
    fn on<'a>(&'a self, ask: &Ask, directive: &'a str) -> impl Iterator<Item = &'a [String]> {
        let path = format!("/{}/", ask.to);
        let lines = self.lines.iter().filter(move |(place, _)| path.starts_with(place.as_str()));
        lines.map(|(_, words)| &words[..]).filter(move |words| words[0] == directive)
    }

    fn vars<'a>(&'a self, ask: &'a Ask) -> Vars<'a> {
        let mut vars = Vars::new();
        for words in self.on(ask, "SetEnvIf") {
            let [_, name, like, set] = words else { continue };
            if ask.says(name).any(|value| format!("^{value}$") == *like) {
                vars.extend([set.split_once('=').unwrap_or((set, "1"))]);
            }
        }
        vars
    }

    /// Puts our names in the place of the backend's.
    fn map(&self, ask: &Ask, (name, value): &mut (String, String)) {
        for words in self.on(ask, "ProxyPassReverse").filter(|_| name == "location") {
            if let Some(rest) = value.strip_prefix(&words[2]) {
                *value = format!("http://h{}{rest}", words[1]);
            }
        }
        for (directive, attribute) in
            [("ProxyPassReverseCookieDomain", "Domain="), ("ProxyPassReverseCookiePath", "Path=")]
        {
            for words in self.on(ask, directive).filter(|_| name == "set-cookie") {
                let before = format!("; {attribute}{}", words[1]);
                *value = value.replacen(&before, &format!("; {attribute}{}", words[2]), 1);
            }
        }
    }
}

/// What the head of that request, or of its answer, bore as it was sent.
pub(super) fn came(fields: &[String]) -> Vec<String> {
    told(parsed(fields))
}

fn parsed(fields: &[String]) -> Fields {
    let pairs = fields.iter().filter_map(|field| field.split_once(": "));
    pairs.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect()
}

fn told(mut fields: Fields) -> Vec<String> {
    fields.retain(|(name, _)| is_edited(name));
    fields.sort_by(|one, other| one.0.cmp(&other.0));
    fields.into_iter().map(|(name, value)| format!("{name}: {value}")).collect()
}

/// Does `action name [value [replacement]] [env=[!]variable]`.
fn edit(words: &[String], vars: &Vars<'_>, fields: &mut Fields) {
    let action = words[0].as_str();
    let (words, when) = words.split_at(match action {
        "unset" => 2,
        "edit" | "edit*" => 4,
        _ => 3,
    });
    if !is_due(when, vars) {
        return;
    }
    let name = words[1].to_ascii_lowercase();
    let value = filled(&words[words.len() - 1], vars);
    let listed = fields.iter().filter(|field| field.0 == name);
    let listed = listed.flat_map(|field| field.1.split(", ")).any(|known| known == value);
    let mut named = fields.iter_mut().filter(|field| field.0 == name);
    match action {
        "unset" => fields.retain(|field| field.0 != name),
        "edit" => named.for_each(|field| field.1 = field.1.replacen(&words[2], &value, 1)),
        "edit*" => named.for_each(|field| field.1 = field.1.replace(&words[2], &value)),
        "add" => fields.push((name, value)),
        _ => match (action, named.next_back()) {
            (_, None) => fields.push((name, value)),
            ("set", Some(_)) => set(fields, &name, value),
            ("merge", Some(_)) if listed => {}
            ("append" | "merge", Some(last)) => last.1 += &format!(", {value}"),
            (_, Some(_)) => {}
        },
    }
}

/// The first of that name gets the value, and the others go.
fn set(fields: &mut Fields, name: &str, value: String) {
    let at = fields.iter().position(|field| field.0 == name).unwrap_or_default();
    fields[at].1 = value;
    let mut number = 0;
    fields.retain(|field| {
        number += 1;
        field.0 != name || number == at + 1
    });
}

fn is_due(when: &[String], vars: &Vars<'_>) -> bool {
    let Some(variable) = when.first().and_then(|word| word.strip_prefix("env=")) else {
        return true;
    };
    match variable.strip_prefix('!') {
        Some(variable) => !vars.contains_key(variable),
        None => vars.contains_key(variable),
    }
}

/// A text, or the value of the variable in `%{variable}e`.
fn filled(word: &str, vars: &Vars<'_>) -> String {
    let hole = word.strip_prefix("%{").and_then(|rest| rest.strip_suffix("}e"));
    hole.map_or(word, |variable| vars.get(variable).copied().unwrap_or_default()).to_owned()
}
