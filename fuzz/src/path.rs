//! Rules and a raw path: which rule it falls under, and what the backend is asked for (httpd's rows
//! P-PATH, and 1.4 of `reference/httpd.md`).
//!
//! ```text
//! [ whether an upgrade is asked for | arguments of ProxyPass, a line each … FF the raw path … ]
//! ```

use std::net::{IpAddr, Ipv4Addr};

use underpass_core::edit::{Changes, Editor, Vars};
use underpass_core::head::{Buf, Buffers, Request, slots};
use underpass_core::negotiate::Offer;
use underpass_core::negotiate::forward::{Way, request as write};
use underpass_core::route::path::encode;
use underpass_core::route::{Asked, CleanPath, Mapping, Pattern, Rule, Rules, Said, Scheme};
use underpass_core::time::Wait;

use crate::rules::try_load;

/// Checks that every spelling of a path falls under the rule that it should, and that what it is
/// mapped to stays below that rule's target.
pub fn check(data: &[u8]) {
    let Some((&asks, rest)) = data.split_first() else { return };
    let mut parts = rest.splitn(2, |&byte| byte == 0xFF);
    let (text, raw) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let (rules, asks) = (rules(&String::from_utf8_lossy(text), asks & 2 != 0), asks & 1 != 0);
    let clean = CleanPath::parse(raw);
    let seen = clean.as_ref().ok().map(|path| (path.as_bytes().to_vec(), path.hides()));
    assert_eq!(seen, model(raw));
    let Ok(clean) = clean else { return };
    must_be_clean(&clean);
    let asked = Asked {
        path: &clean,
        has_upgrade: asks,
        accepts: &|_| false,
        offers: &|_| false,
        vars: Vars::NONE,
    };
    let place = rules.place(0, &asked);
    let said = place.as_ref().map(|place| rules.at(place).expect("it stands there"));
    let Some(rule) = first_match(&rules, &clean, asks) else {
        return assert!(said.is_none(), "no rule should match");
    };
    match said {
        Some(said) => must_be_mapped(rule, &clean, said),
        None => must_be_refused(rule, &clean),
    }
}

/// The rules of those lines that are good; each by itself, so that one bad line costs no other.
fn rules(text: &str, falls_back: bool) -> Rules {
    let lines = text.lines().map(|line| format!("ProxyPass {line}"));
    let mut good =
        lines.filter(|line| !line.ends_with('\\') && try_load(line).is_ok()).collect::<Vec<_>>();
    good.extend((!falls_back).then(|| "ProxyWebsocketFallbackToProxyHttp Off".to_owned()));
    try_load(&good.join("\n")).expect("each line is good")
}

/// What a raw path comes to, and whether it hides a separator or an end: split, decoded, and its dots
/// resolved, in three simple steps.
fn model(raw: &[u8]) -> Option<(Vec<u8>, bool)> {
    let behind = raw.iter().position(|&byte| byte == b'/').map_or(&[][..], |at| &raw[at + 1..]);
    let parts = behind.split(|&byte| byte == b'/').map(decoded).collect::<Option<Vec<_>>>()?;
    let mut names: Vec<&[u8]> = Vec::new();
    let mut hides = false;
    for part in &parts {
        let inner: Vec<_> = part.split(|&byte| byte == b'/').collect();
        if inner.len() > 1 || part.contains(&0) {
            hides = true;
            if inner.iter().any(|name| matches!(*name, b"." | b"..")) {
                return None;
            }
        }
        match &part[..] {
            b"" | b"." => {}
            b".." => drop(names.pop()?),
            name => names.push(name),
        }
    }
    let is_folder = matches!(parts.last().map(Vec::as_slice), Some(b"" | b"." | b"..") | None);
    let mut path = names.iter().flat_map(|name| [b"/", *name].concat()).collect::<Vec<_>>();
    path.extend(is_folder.then_some(b'/'));
    path.dedup_by(|next, last| (*next, *last) == (b'/', b'/'));
    Some((path, hides))
}

/// The bytes that a segment stands for.
fn decoded(segment: &[u8]) -> Option<Vec<u8>> {
    let mut pieces = segment.split(|&byte| byte == b'%');
    let mut bytes = pieces.next().unwrap_or_default().to_vec();
    for piece in pieces {
        let digits = piece.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
        let digits = std::str::from_utf8(digits).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend(&piece[2..]);
    }
    Some(bytes)
}

/// A clean path stays what it is, however it is spelled, and hides no segment of dots.
fn must_be_clean(path: &CleanPath<'_>) {
    let again = |spelled: &[u8]| {
        let again = CleanPath::parse(spelled).map(|path| path.as_bytes().to_vec());
        assert_eq!(again.as_deref(), Ok(path.as_bytes()), "{}", spelled.escape_ascii());
    };
    assert!(path.as_bytes().starts_with(b"/"), "{}", path.as_bytes().escape_ascii());
    again(&path.encoded());
    if path.hides() {
        return;
    }
    let mut written = Vec::new();
    encode(path.as_bytes(), &mut written);
    assert!(written.iter().all(u8::is_ascii_graphic), "{}", written.escape_ascii());
    again(&written);
    again(&respelled(path.as_bytes()));
}

/// The same path in other letters, with segments that are none.
fn respelled(path: &[u8]) -> Vec<u8> {
    let spelled = path.iter().map(|&byte| match byte {
        b'/' => "/.//x/%2e./".to_owned(),
        byte => format!("%{byte:02x}"),
    });
    spelled.collect::<String>().into_bytes()
}

/// The first rule that matches, as httpd's manual has it, by comparing whole segments; but a rule for
/// upgrades leaves what is none to another for the same paths.
fn first_match<'r>(rules: &'r Rules, path: &CleanPath<'_>, asks: bool) -> Option<&'r Rule> {
    let host = rules.main();
    let is_ws = |rule: &&Rule| {
        rule.action.forward().is_some_and(|forward| forward.target.scheme.inner() == Scheme::Ws)
    };
    let skipped = |rule: &&Rule| is_ws(rule) && !host.scope.falls_back && !asks;
    let mut matching = host.rules.iter().filter(|rule| !skipped(rule) && has(rule, path));
    let first = matching.next()?;
    let is_plain = |rule: &&Rule| rule.action.forward().is_some() && !is_ws(rule);
    let plain = matching.find(|rule| rule.paths == first.paths && is_plain(rule));
    plain.filter(|_| is_ws(&first)).or(Some(first))
}

fn mapping(rule: &Rule) -> Mapping {
    rule.action.forward().map_or(Mapping::Decoded, |forward| forward.mapping)
}

fn has(rule: &Rule, path: &CleanPath<'_>) -> bool {
    let spelled = match mapping(rule) {
        Mapping::Decoded | Mapping::Verbatim => path.as_bytes().to_vec(),
        Mapping::Encoded => path.encoded(),
        Mapping::Servlet => bare(&path.encoded_for_servlets()),
    };
    match &rule.paths {
        Pattern::Below(prefix) => rest(prefix, &spelled).is_some(),
        Pattern::Matching(_) | Pattern::Wild(_) => rule.paths.has(&spelled),
    }
}

/// What is left of a path without the parameters of its segments.
fn bare(path: &[u8]) -> Vec<u8> {
    let mut is_parameter = false;
    let stays = path.iter().filter(|byte| {
        is_parameter = **byte == b';' || is_parameter && **byte != b'/';
        !is_parameter
    });
    stays.copied().collect()
}

fn rest<'p>(prefix: &str, path: &'p [u8]) -> Option<&'p [u8]> {
    let names = prefix.split('/').filter(|name| !name.is_empty());
    let mut rest = path;
    for name in names {
        rest = rest.strip_prefix(b"/")?.strip_prefix(name.as_bytes())?;
        if !matches!(rest.first(), None | Some(b'/')) {
            return None;
        }
    }
    if prefix.ends_with('/') { rest.strip_prefix(b"/") } else { Some(rest) }
}

/// Only what is excluded, hides something from the rule, or would be put together to a way up is refused.
fn must_be_refused(rule: &Rule, path: &CleanPath<'_>) {
    let hides = matches!(mapping(rule), Mapping::Decoded | Mapping::Verbatim) && path.hides();
    let excluded = rule.action.forward().is_none();
    // The path that a servlet takes it for may be another rule's.
    let servlet = mapping(rule) == Mapping::Servlet;
    assert!(hides || excluded || servlet || rule.paths.is_expression(), "a rule takes it");
}

fn must_be_mapped(rule: &Rule, path: &CleanPath<'_>, said: Said<'_>) {
    let forward = rule.action.forward().expect("what is excluded goes nowhere");
    assert!(std::ptr::eq(forward, said.forward), "another rule should match");
    let base = folder(said);
    let Ok(mapped) = CleanPath::parse(said.path) else {
        return assert!(base.is_none(), "what goes on is no good path");
    };
    let below = base.is_none_or(|base| mapped.as_bytes().starts_with(&base));
    assert!(below, "{} leads out of the target", said.path.escape_ascii());
    let takes = matches!(forward.mapping, Mapping::Encoded | Mapping::Servlet);
    let target_hides = forward.target.path.contains('%');
    assert!(takes || target_hides || !mapped.hides(), "something is hidden from the backend");
    if let Pattern::Below(prefix) = &rule.paths {
        must_be_the_rest(prefix, path, &mapped, said);
    }
    // Of other bytes no request target is made (R34).
    let is_target = |byte: &u8| byte.is_ascii_graphic() && !b"\"<>`#?".contains(byte);
    if forward.mapping == Mapping::Decoded || said.path.iter().all(is_target) {
        assert_eq!(written(said), said.path, "it is written otherwise");
    }
}

/// The target's own path, then the rest: as it is encoded anew, or what means the same.
fn must_be_the_rest(prefix: &str, path: &CleanPath<'_>, mapped: &CleanPath<'_>, said: Said<'_>) {
    let forward = said.forward;
    let target = &forward.target.path;
    let mut expected = target.clone().into_bytes();
    match forward.mapping {
        Mapping::Decoded | Mapping::Verbatim => {
            encode(rest(prefix, path.as_bytes()).expect("it matches"), &mut expected);
        }
        Mapping::Encoded => {
            expected.extend(rest(prefix, &path.encoded()).expect("it matches"));
        }
        Mapping::Servlet => {
            let encoded = path.encoded_for_servlets();
            expected.extend(rest(prefix, &bare(&encoded)).expect("it matches"));
            let behind = |path: &[u8]| path.strip_prefix(b"/").unwrap_or(path).to_vec();
            let same = behind(&bare(said.path)) == behind(&bare(&expected));
            return assert!(same, "{} is another path", said.path.escape_ascii());
        }
    }
    let aligned = target.ends_with('/') == prefix.ends_with('/');
    if forward.mapping != Mapping::Verbatim {
        let behind = expected.strip_prefix(b"/").unwrap_or(&expected);
        assert_eq!(said.path.strip_prefix(b"/"), Some(behind), "it is mapped elsewhere");
    } else if aligned {
        let expected = [b"/", &expected[..]].concat();
        let expected = CleanPath::parse(&expected).map(|path| path.as_bytes().to_vec());
        assert_eq!(expected.as_deref(), Ok(mapped.as_bytes()), "it means another path");
    }
}

/// Below what a rule's paths stay, unless its target hides a slash or leads above its own root, which is the
/// operator's wish: the folder of its target, up to the first group of an expression.
fn folder(said: Said<'_>) -> Option<Vec<u8>> {
    let target = said.forward.target.path.as_str();
    let end = target.find(['$', '\\']).unwrap_or(target.len());
    let target = CleanPath::parse(&target.as_bytes()[..end]).ok()?;
    let end = target.as_bytes().iter().rposition(|&byte| byte == b'/').map_or(0, |at| at + 1);
    Some(target.as_bytes()[..end].to_vec())
}

/// What the backend is asked for.
fn written(said: Said<'_>) -> Vec<u8> {
    let mut asked = slots();
    let head = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    let asked = Request::parse(head, &mut asked).expect("it is good");
    let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let (scheme, hops, offer, reuses) = ("http", None, &Offer::None, true);
    let (rules, changes) = (Rules::default(), Changes::none(0));
    let editor = Editor::new(&rules, &changes, Wait::ZERO);
    let target = &said.forward.target;
    let way = Way { said, target, editor, client, scheme, hops, offer, reuses };
    let (mut out, mut buffers, mut slots) = (Buf::default(), Buffers::default(), slots());
    write(&asked, way, &mut out, &mut buffers);
    let sent = Request::parse(out.bytes(), &mut slots);
    let sent = sent.unwrap_or_else(|bad| panic!("{bad}: {}", out.bytes().escape_ascii()));
    assert_eq!(sent.query, b"", "the path has become a query");
    sent.path.to_vec()
}
