//! `RequestHeader` and `Header`: one edit of the fields of a head.

use super::paths::regular;
use super::problem::Flaw;
use super::suggest::suggest;
use super::value::value;
use super::words::Word;
use crate::edit::{Action, Edit, Part, Value, When};
use crate::head::fields::is_token;
use crate::head::request::authority;
use crate::negotiate::forward::goes_on;

/// `action name [value [replacement]] [early|env=[!]VARIABLE]` of a request.
pub(super) fn of_request(args: &[Word]) -> Result<Edit, Flaw> {
    let edit = edit(args)?;
    check_host(&edit, args)?;
    check_name(&args[1], &edit, &REQUEST_ONLY)?;
    Ok(edit)
}

/// `[always|onsuccess] action name [value [replacement]] [env=[!]VARIABLE]` of a response.
pub(super) fn of_response(args: &[Word]) -> Result<Edit, Flaw> {
    let always = args[0].is("always");
    let rest = if always || args[0].is("onsuccess") { &args[1..] } else { args };
    let edit = edit(rest)?;
    check_name(&rest[1], &edit, &RESPONSE_ONLY)?;
    Ok(Edit { always, ..edit })
}

/// Fields of a request that are not for edits, and why.
const REQUEST_ONLY: [(&str, &str); 2] = [
    ("Expect", "`Proxy100Continue` says whether the backend is asked"),
    ("Max-Forwards", "`ProxyMaxForwards` says it"),
];

/// Fields of a response that are not for edits, and why.
const RESPONSE_ONLY: [(&str, &str); 3] = [
    ("Host", "a response has none"),
    ("Sec-WebSocket-Extensions", SAME),
    ("Sec-WebSocket-Protocol", SAME),
];

/// Fields of a handshake by which it is judged.
const HANDSHAKE: [&str; 3] = ["Sec-WebSocket-Key", "Sec-WebSocket-Accept", "Sec-WebSocket-Version"];

/// Fields by which a client offers what it can do: they may be left out, but nothing may be added.
const OFFERS: [&str; 2] = ["Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol"];

const SAME: &str = "both ends of a handshake must see the same one";

/// The edit of a line with at least an action.
fn edit(args: &[Word]) -> Result<Edit, Flaw> {
    let (word, rest) = (&args[0], &args[1..]);
    let wanted = arguments(word)?;
    let Some((name, values)) = rest.split_first() else {
        return Err(word.flaw("the name of a field is missing"));
    };
    if values.len() < wanted {
        let missing = ["", "a value", "an expression and what takes its place"][wanted];
        return Err(name.flaw(format!("`{word}` needs {missing}")));
    }
    let (values, more) = values.split_at(wanted);
    let action = action(word, values)?;
    let groups = matches!(action, Action::EditFirst(_) | Action::EditAll(_));
    let value = values.last().map_or(Ok(Value::default()), |word| value(word, groups))?;
    let name = name.text().strip_suffix(':').unwrap_or(name.text()).into();
    let mut edit = Edit { name, action, value, when: None, always: false };
    edit.when = when(&edit, more)?;
    Ok(edit)
}

const ACTIONS: [&str; 8] =
    ["add", "append", "edit", "edit*", "merge", "set", "setifempty", "unset"];

/// How many arguments the action has behind the name.
fn arguments(word: &Word) -> Result<usize, Flaw> {
    match word.text().to_ascii_lowercase().as_str() {
        "unset" => Ok(0),
        "add" | "append" | "merge" | "set" | "setifempty" => Ok(1),
        "edit" | "edit*" => Ok(2),
        "echo" => Err(word
            .flaw("`echo` is not built, because what a client says of itself proves nothing")
            .help("write `Header set name expr=%{HTTP:name}`")),
        "note" => Err(word.flaw("`note` is not built, because there are no notes")),
        _ => {
            let flaw = word.flaw(format!("`{word}` is not what can be done to a field"));
            Err(flaw.help(
                suggest(word.text(), ACTIONS.into_iter()).unwrap_or_else(|| ACTIONS.join(", ")),
            ))
        }
    }
}

fn action(word: &Word, values: &[Word]) -> Result<Action, Flaw> {
    Ok(match word.text().to_ascii_lowercase().as_str() {
        "add" => Action::Add,
        "append" => Action::Append,
        "edit" => Action::EditFirst(regular(&values[0], values[0].text(), false)?),
        "edit*" => Action::EditAll(regular(&values[0], values[0].text(), false)?),
        "merge" => Action::Merge,
        "set" => Action::Set,
        "setifempty" => Action::SetIfEmpty,
        _ => Action::Unset,
    })
}

/// What stands behind the values.
fn when(edit: &Edit, words: &[Word]) -> Result<Option<When>, Flaw> {
    if let Some(surplus) = words.get(1) {
        return Err(surplus
            .flaw("too many arguments")
            .help("a value with blanks stands in quotes"));
    }
    let Some(word) = words.first() else { return Ok(None) };
    if word.is("early") {
        return early(edit, word);
    }
    match word.split_once('=') {
        Some((kind, name)) if kind.is("env") => {
            let is_set = !name.text().starts_with('!');
            let name = name.part(usize::from(!is_set)..name.text().len());
            if name.text().is_empty() {
                return Err(word.flaw("the variable has no name"));
            }
            Ok(Some(When { name: name.text().into(), is_set }))
        }
        Some((kind, _)) if kind.is("expr") => {
            let flaw = word.flaw("conditions by expression are not built yet");
            Err(flaw.help("set a variable by `SetEnvIf`, and write `env=VARIABLE`"))
        }
        _ => {
            let flaw = word.flaw(format!("`{word}` is no condition"));
            Err(flaw.help(
                "write `env=VARIABLE` or `env=!VARIABLE`; a value with blanks stands in quotes",
            ))
        }
    }
}

/// What is left out at last was never there, whenever that is; other edits would be seen by what comes between.
fn early(edit: &Edit, word: &Word) -> Result<Option<When>, Flaw> {
    let routes = ["Host", "Origin", "Sec-WebSocket-Protocol"].iter().any(|name| edit.is_of(name));
    if edit.action == Action::Unset && !routes {
        return Ok(None);
    }
    let flaw = word.flaw("`early` is not built: requests are routed by what the client says");
    Err(flaw.help("leave it out"))
}

/// `Host` gets one value, which must be a host (R33).
fn check_host(edit: &Edit, args: &[Word]) -> Result<(), Flaw> {
    if !edit.is_of("host") {
        return Ok(());
    }
    let flaw = match edit.value.0.as_slice() {
        _ if edit.action != Action::Set => args[0].flaw("`Host` can only be `set`"),
        [Part::Text(text)] if authority(text).is_err() => {
            args[2].flaw(format!("`{}` is not a host", args[2]))
        }
        _ => return Ok(()),
    };
    Err(flaw)
}

/// No edit touches a field that belongs to a connection, its framing or the handshake.
fn check_name(word: &Word, edit: &Edit, kept: &[(&str, &str)]) -> Result<(), Flaw> {
    if !is_token(edit.name.as_bytes()) {
        return Err(word.flaw(format!("`{word}` is not the name of a field")));
    }
    let kept = kept.iter().find(|(name, _)| edit.is_of(name));
    let offers = OFFERS.iter().any(|name| edit.is_of(name)) && edit.action != Action::Unset;
    let proves = HANDSHAKE.iter().any(|name| edit.is_of(name));
    let why = match kept {
        _ if !goes_on(&edit.name) => "it belongs to one connection, and is written anew for each",
        Some((_, why)) => why,
        None if proves => SAME,
        None if offers => "the client would get what it has not offered",
        None => return Ok(()),
    };
    Err(word.flaw(format!("`{}` cannot be edited", edit.name)).help(why))
}
