//! `ProxyPassReverse` and the like: whose names are put in the place of a backend's.

use super::loader::Loader;
use super::paths::below;
use super::problem::Flaw;
use super::url;
use super::words::Word;
use crate::edit::{Cookie, Origin, Real, Reverse};
use crate::route::{Pattern, Target};

/// `[path] url`: in a `<Location>` its path is meant. That of a balancer is the URLs of its members.
pub(super) fn reverse(loader: &mut Loader<'_>, args: &[Word]) -> Result<(), Flaw> {
    let (public, url) = public_and_url(loader, args)?;
    if starts_with(url, "balancer://") {
        let target = url::target(url)?;
        loader.draft.mirror(Mirror { public, word: url.clone(), target });
        return Ok(());
    }
    let reverse = real(url).map(|real| Reverse { public, real });
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
}

impl Mirror {
    /// The line that one of the balancer's members would have.
    pub(super) fn of(&self, member: &Target) -> Reverse {
        let origin = Origin { secure: false, host: bracketed(&member.host), port: member.port };
        let start = member.path.strip_suffix('/').unwrap_or(&member.path);
        let path = match self.target.path.as_str() {
            "" => member.path.clone(),
            path => format!("{start}{path}"),
        };
        Reverse { public: self.public.clone(), real: Real { origin: Some(origin), path } }
    }
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.into() }
}

fn public_and_url<'w>(loader: &Loader<'_>, args: &'w [Word]) -> Result<(String, &'w Word), Flaw> {
    let args = without_flag(args)?;
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
    let [internal, public] = both(args)?;
    Ok(Cookie::Domain { internal, public })
}

/// The two paths of a line.
pub(super) fn cookie_path(args: &[Word]) -> Result<Cookie, Flaw> {
    let [internal, public] = both(args)?;
    Ok(Cookie::Path { internal, public })
}

fn both(args: &[Word]) -> Result<[String; 2], Flaw> {
    let args = without_flag(args)?;
    Ok([attribute(&args[0])?, attribute(&args[1])?])
}

/// RFC 6265 §4.1.1: what the value of an attribute is made of.
fn attribute(word: &Word) -> Result<String, Flaw> {
    let is_good = |byte: u8| byte.is_ascii_graphic() && byte != b';';
    if !word.text().is_empty() && word.text().bytes().all(is_good) {
        return Ok(word.text().into());
    }
    Err(word.flaw(format!("`{word}` cannot stand in a cookie")))
}

/// The arguments, two at the most: `interpolate` behind them is not built.
fn without_flag(args: &[Word]) -> Result<&[Word], Flaw> {
    if let Some(flag) = args.iter().find(|word| word.is("interpolate")) {
        return Err(flag.flaw(INTERPOLATE).help(NO_INTERPOLATE));
    }
    args.get(2).map_or(Ok(args), |surplus| Err(surplus.flaw("too many arguments")))
}

/// Why there is no interpolation.
pub(super) const INTERPOLATE: &str = "variables of a request in a URL are not built";
/// What to do without it.
pub(super) const NO_INTERPOLATE: &str =
    "a `${NAME}` is replaced when the configuration is read; write a line for each value";

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
