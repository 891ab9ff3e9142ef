//! `ProxyPassReverse` and the like: whose names are put in the place of a backend's.

use super::loader::Loader;
use super::paths::below;
use super::problem::Flaw;
use super::substitution::variables_in_the_path;
use super::url;
use super::words::Word;
use crate::edit::cookie::Part;
use crate::edit::{Cookie, Origin, Real, Reverse};
use crate::route::{Pattern, Target};

/// `[path] url`: in a `<Location>` its path is meant. That of a balancer is the URLs of its members.
pub(super) fn reverse(loader: &mut Loader<'_>, args: &[Word]) -> Result<(), Flaw> {
    let (args, interpolates) = without_flag(args)?;
    let (public, url) = public_and_url(loader, args)?;
    if interpolates {
        variables_in_the_path(url)?;
    }
    if starts_with(url, "balancer://") {
        let target = url::target(url)?;
        loader.draft.mirror(Mirror { public, word: url.clone(), target, interpolates });
        return Ok(());
    }
    let reverse = real(url).map(|real| Reverse { public, real, interpolates });
    loader.draft.amend(reverse, |heads| &mut heads.reverse)
}

/// A line with the URL of a balancer.
#[derive(Clone, Debug)]
pub(super) struct Mirror {
    /// The path that clients know.
    pub(super) public: String,
    /// Its URL as it is written.
    pub(super) word: Word,
    /// Its URL.
    pub(super) target: Target,
    /// Whether the path of that has variables of a request in it.
    pub(super) interpolates: bool,
}

impl Mirror {
    /// The line that one of the balancer's members would have.
    pub(super) fn of(&self, member: &Target) -> Reverse {
        let secure = member.scheme.is_secure();
        let origin = Origin { secure, host: bracketed(&member.host), port: member.port };
        let start = member.path.strip_suffix('/').unwrap_or(&member.path);
        let path = match self.target.path.as_str() {
            "" => member.path.clone(),
            path => format!("{start}{path}"),
        };
        let (public, interpolates) = (self.public.clone(), self.interpolates);
        Reverse { public, real: Real { origin: Some(origin), path }, interpolates }
    }
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.into() }
}

fn public_and_url<'w>(loader: &Loader<'_>, args: &'w [Word]) -> Result<(String, &'w Word), Flaw> {
    let (public, url) = match (loader.draft.paths(), args) {
        (None, [path, url]) => (below(path)?, url),
        (Some(paths), [url]) => (paths.clone(), url),
        (None, _) => {
            return Err(args[0].flaw("outside of `<Location>` there is a path and a URL"));
        }
        (Some(_), _) => {
            return Err(args[0].flaw("the path is that of the section").help("leave it out"));
        }
    };
    let Pattern::Below(public) = public else {
        return Err(url.flaw("an expression or a wildcard has no path that could be written"));
    };
    Ok((public, url))
}

/// The two domains of a line.
pub(super) fn cookie_domain(args: &[Word]) -> Result<Cookie, Flaw> {
    cookie(Part::Domain, args)
}

/// The two paths of a line.
pub(super) fn cookie_path(args: &[Word]) -> Result<Cookie, Flaw> {
    cookie(Part::Path, args)
}

fn cookie(part: Part, args: &[Word]) -> Result<Cookie, Flaw> {
    let (args, interpolates) = without_flag(args)?;
    let [internal, public] = args else {
        return Err(args[0].flaw("what the backend says is followed by what clients are told"));
    };
    let (internal, public) = (attribute(internal)?, attribute(public)?);
    Ok(Cookie { part, internal, public, interpolates })
}

/// RFC 6265 §4.1.1: what the value of an attribute is made of.
fn attribute(word: &Word) -> Result<String, Flaw> {
    let is_good = |byte: u8| byte.is_ascii_graphic() && byte != b';';
    if !word.text().is_empty() && word.text().bytes().all(is_good) {
        return Ok(word.text().into());
    }
    Err(word.flaw(format!("`{word}` cannot stand in a cookie")))
}

/// The arguments, two at the most, and whether `interpolate` stands behind them.
fn without_flag(args: &[Word]) -> Result<(&[Word], bool), Flaw> {
    let (args, interpolates) = match args {
        [args @ .., flag] if flag.is("interpolate") && !args.is_empty() => (args, true),
        _ => (args, false),
    };
    let surplus = args.get(2).map(|surplus| surplus.flaw("too many arguments"));
    surplus.map_or(Ok((args, interpolates)), Err)
}

/// The URL, or the path, that a backend says.
fn real(word: &Word) -> Result<Real, Flaw> {
    if word.text().starts_with('/') {
        return Ok(Real { origin: None, path: url::url_path(word)? });
    }
    let secure = ["https://", "wss://"].iter().find(|scheme| starts_with(word, scheme));
    let plain = ["http://", "ws://"].iter().find(|scheme| starts_with(word, scheme));
    let Some(scheme) = secure.or(plain) else {
        let flaw = word.flaw(format!("`{word}` is neither a URL nor a path"));
        return Err(flaw.help(
            "accepted are `http://`, `https://`, `ws://`, `wss://`, `balancer://` and paths",
        ));
    };
    let rest = word.part(scheme.len()..word.text().len());
    let (authority, path) =
        rest.split_at(rest.text().find(['/', '?', '#']).unwrap_or(rest.text().len()));
    let (host, port) = url::host_and_port(&authority)?;
    let port = port.unwrap_or(if secure.is_some() { 443 } else { 80 });
    let origin = Some(Origin { secure: secure.is_some(), host: bracketed(&host), port });
    Ok(Real { origin, path: url::url_path(&path)? })
}

fn starts_with(word: &Word, scheme: &str) -> bool {
    word.text().get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}
