//! `ProxyWebsocketOrigin`: whose pages may ask for an upgrade.

use super::problem::Flaw;
use super::words::Word;
use crate::route::{Origin, Origins, Pages};

/// `[missing=allow|deny] origin...|*|same|null`; nothing if that lets everybody in.
pub(super) fn origins(args: &[Word]) -> Result<Option<Origins>, Flaw> {
    let first = args[0].split_once('=').filter(|(name, _)| name.is("missing"));
    let (missing, listed) = match &first {
        Some((_, value)) => (Some(is_allowed(value)?), &args[1..]),
        None => (None, args),
    };
    if listed.is_empty() {
        return Err(args[0].flaw("no page is named that may").help(HELP));
    }
    let pages: Vec<_> = listed.iter().map(pages).collect::<Result<_, _>>()?;
    if let (Some(all), 2..) = (listed.iter().find(|word| word.text() == "*"), listed.len()) {
        return Err(all.flaw("`*` stands alone, not in a list"));
    }
    // All pages are no reason to keep out programs that have none, unless that is said.
    let all = pages == [Pages::All];
    let missing = missing.unwrap_or(all);
    Ok((!(all && missing)).then_some(Origins { missing, pages }))
}

fn is_allowed(word: &Word) -> Result<bool, Flaw> {
    match (word.is("allow"), word.is("deny")) {
        (true, _) => Ok(true),
        (_, true) => Ok(false),
        _ => Err(word.flaw(format!("`{word}` is neither `allow` nor `deny`"))),
    }
}

fn pages(word: &Word) -> Result<Pages, Flaw> {
    match word.text() {
        "*" => Ok(Pages::All),
        _ if word.is("null") => Ok(Pages::Opaque),
        _ if word.is("same") => Ok(Pages::Same),
        text if text.contains('*') => {
            Err(word.flaw(format!("`{word}` names no one origin")).help(WILDCARD))
        }
        text => {
            let no_origin = || word.flaw(format!("`{word}` is not an origin")).help(HELP);
            Origin::parse(text).map(Pages::Of).ok_or_else(no_origin)
        }
    }
}

const HELP: &str = "write `scheme://host[:port]` as browsers send it, with nothing behind it, or `same`, `null` or `*`";

const WILDCARD: &str = "there are no wildcards, because a page of any subdomain could then speak for its \
                        users: name each origin";

#[cfg(test)]
mod tests {
    use super::super::testing::{failure, word};
    use super::*;

    fn said(text: &str) -> Result<Option<Origins>, Flaw> {
        origins(&text.split(' ').map(word).collect::<Vec<_>>())
    }

    fn of(text: &str) -> Pages {
        Pages::Of(Origin::parse(text).expect("it is one"))
    }

    #[test]
    fn pages_are_named_by_their_origins() {
        let some = |missing, pages: &[Pages]| Ok(Some(Origins { missing, pages: pages.into() }));
        let two = [of("https://a"), of("http://b:81")];
        assert_eq!(said("https://A:443 http://b:81"), some(false, &two));
        assert_eq!(said("missing=deny same"), some(false, &[Pages::Same]));
        assert_eq!(said("Missing=Allow SAME NULL"), some(true, &[Pages::Same, Pages::Opaque]));
    }

    #[test]
    fn all_pages_are_as_if_nothing_were_said() {
        assert_eq!((said("*"), said("missing=allow *")), (Ok(None), Ok(None)));
        let deny = Origins { missing: false, pages: vec![Pages::All] };
        assert_eq!(said("missing=deny *"), Ok(Some(deny)));
    }

    #[test]
    fn what_names_no_page_is_a_problem() {
        for text in ["a.example", "https://a/", "https://a/b", "https://é", "https://a:0"] {
            assert_eq!(failure(said(text)), format!("1:1: `{text}` is not an origin ({HELP})"));
        }
        let wild = "https://*.a.example";
        assert_eq!(failure(said(wild)), format!("1:1: `{wild}` names no one origin ({WILDCARD})"));
        let none = format!("1:1: no page is named that may ({HELP})");
        assert_eq!(failure(said("missing=allow")), none);
        assert_eq!(failure(said("https://a *")), "1:1: `*` stands alone, not in a list");
        assert_eq!(failure(said("missing=x a")), "1:9: `x` is neither `allow` nor `deny`");
    }
}
