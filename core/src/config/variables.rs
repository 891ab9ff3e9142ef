//! `SetEnvIf`, `BrowserMatch`, `SetEnv`, `PassEnv`, `UnsetEnv`: the variables of requests.

use super::context::Context;
use super::loader::Loader;
use super::paths::regular;
use super::problem::Flaw;
use super::value::{literal, with_groups};
use super::words::Word;
use crate::edit::vars::NO_PROXY;
use crate::edit::{Assign, Attribute, Condition, Fact, SetVars, Value};

/// `attribute expression [!]variable[=value]...`
pub(super) fn set_if(loader: &mut Loader<'_>, args: &[Word], any_case: bool) -> Result<(), Flaw> {
    let of = attribute(&args[0])?;
    set_where(loader, of, &args[1..], any_case)
}

/// `expression [!]variable[=value]...`, for what the client calls itself.
pub(super) fn browser(loader: &mut Loader<'_>, args: &[Word], any_case: bool) -> Result<(), Flaw> {
    set_where(loader, Attribute::Named("User-Agent".into()), args, any_case)
}

fn set_where(
    loader: &mut Loader<'_>,
    of: Attribute,
    args: &[Word],
    any_case: bool,
) -> Result<(), Flaw> {
    let like = regular(&args[0], args[0].text(), any_case)?;
    let routes = loader.context() != Context::Location;
    let assigns: Result<_, _> = args[1..].iter().map(|word| assign(word, routes)).collect();
    let when = Some(Condition { of, like });
    let line = assigns.map(|assigns| SetVars { when, assigns });
    loader.draft.amend(line, |heads| &mut heads.conditional)
}

/// `variable [value]`, for every request.
pub(super) fn set(loader: &mut Loader<'_>, args: &[Word]) -> Result<(), Flaw> {
    let name = variable(&args[0], false)?;
    let value = args.get(1).map_or(Ok(Value::default()), literal)?;
    let assigns = vec![Assign { name, value: Some(value) }];
    loader.draft.amend(Ok(SetVars { when: None, assigns }), |heads| &mut heads.fixed)
}

/// `variable...`, which no request has any more.
pub(super) fn unset(loader: &mut Loader<'_>, args: &[Word]) -> Result<(), Flaw> {
    let assigns: Result<_, _> = args.iter().map(|word| forget(word, false)).collect();
    let line = assigns.map(|assigns| SetVars { when: None, assigns });
    loader.draft.amend(line, |heads| &mut heads.fixed)
}

/// `variable...` of our own environment, which every request gets.
///
/// The transcript says by `SetEnv` what they are now.
pub(super) fn pass(loader: &mut Loader<'_>, args: &[Word]) -> Result<(), Flaw> {
    for word in args {
        let name = variable(word, false)?;
        let Some(text) = loader.variable_outside(&name) else {
            return Err(word.flaw(format!("`{name}` is not set in the environment")));
        };
        if text.contains("${") || text.chars().any(char::is_control) {
            return Err(word.flaw(format!("`{name}` has a `${{` or a control character in it")));
        }
        let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
        loader.transcript.push(format!("SetEnv {name} \"{quoted}\""));
        let assigns = vec![Assign { name, value: Some(Value::text(text)) }];
        let line = Ok(SetVars { when: None, assigns });
        loader.draft.amend(line, |heads| &mut heads.fixed)?;
    }
    Ok(())
}

/// `variable`, `variable=value` or `!variable`; one that decides of the routing only where it is set in time.
fn assign(word: &Word, routes: bool) -> Result<Assign, Flaw> {
    if word.text().starts_with('!') {
        return forget(&word.split_at(1).1, routes);
    }
    let Some((name, value)) = word.split_once('=') else {
        return Ok(Assign { name: variable(word, routes)?, value: Some(Value::text("1")) });
    };
    Ok(Assign { name: variable(&name, routes)?, value: Some(with_groups(&value)?) })
}

/// Whatever it would do, a variable can be forgotten, in time.
fn forget(name: &Word, routes: bool) -> Result<Assign, Flaw> {
    match name.text() {
        "" => Err(name.flaw("the variable has no name")),
        _ if name.is(NO_PROXY) && !routes => Err(too_late(name)),
        text => Ok(Assign { name: text.into(), value: None }),
    }
}

/// A name that a variable may have here: what it says is done, or it is free.
fn variable(word: &Word, routes: bool) -> Result<String, Flaw> {
    let name = word.text();
    if name.is_empty() || name.contains(|char: char| char.is_whitespace() || "{}=!".contains(char))
    {
        return Err(word.flaw(format!("`{name}` is not a name for a variable")));
    }
    if word.is(NO_PROXY) && !routes {
        return Err(too_late(word));
    }
    let undone = UNDONE.iter().find(|(names, _)| names.iter().any(|name| word.is(name)));
    match undone {
        Some((_, why)) => Err(word.flaw(format!("`{name}` does nothing here")).help(*why)),
        None => Ok(name.into()),
    }
}

fn too_late(word: &Word) -> Flaw {
    let flaw =
        word.flaw(format!("`{NO_PROXY}` comes too late here, the request is routed already"));
    flaw.help("write `SetEnvIf` outside of `<Location>`; `SetEnvIf Request_URI` looks at the path")
}

/// httpd's variables that mean something there and nothing here, and why.
const UNDONE: [(&[&str], &str); 5] = [
    (
        &["force-proxy-request-1.0"],
        "backends are spoken to in HTTP/1.1, without which there is no upgrade",
    ),
    (
        &["proxy-sendcl", "proxy-sendchunked", "proxy-sendchunks"],
        "a body goes on as it came, by its length or in chunks",
    ),
    (
        &["proxy-initial-not-pooled"],
        "leave it out: only what may be sent twice goes out on a pooled connection",
    ),
    (
        &[
            "proxy-sendextracrlf",
            "proxy-interim-response",
            "proxy-prefetch-nonblocking",
            "proxy-chain-auth",
        ],
        "leave it out",
    ),
    (
        &[
            "nokeepalive",
            "downgrade-1.0",
            "force-response-1.0",
            "redirect-carefully",
            "no-gzip",
            "gzip-only-text/html",
            "force-no-vary",
        ],
        "leave it out: it is for clients of another age, or for compression",
    ),
];

/// What an expression is looked for in.
fn attribute(word: &Word) -> Result<Attribute, Flaw> {
    Ok(Attribute::Fact(match word.text().to_ascii_lowercase().as_str() {
        "remote_addr" | "remote_host" => Fact::Client,
        "request_method" => Fact::Method,
        "request_protocol" => Fact::Protocol,
        "request_uri" => Fact::Path,
        "server_addr" => {
            let flaw = word.flaw("the address that a client came to is not known here");
            return Err(flaw.help("write the line in a `<VirtualHost>` of that address"));
        }
        name if name.starts_with("oid(") => return Err(word.flaw("TLS is not built yet")),
        name if !name.is_empty() && name.bytes().all(is_plain) => {
            return Ok(Attribute::Named(word.text().into()));
        }
        _ => return regular(word, word.text(), true).map(Attribute::FieldsLike),
    }))
}

/// What is more than letters, digits, `-` and `_` is an expression, as in httpd.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}
