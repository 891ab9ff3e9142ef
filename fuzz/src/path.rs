//! Rules and a raw path: which rule it falls under, and what the backend is asked for (httpd's rows
//! P-PATH, and 1.4 of `reference/httpd.md`).
//!
//! ```text
//! [ whether an upgrade is asked for | arguments of ProxyPass, a line each … FF the raw path … ]
//! ```

use std::net::{IpAddr, Ipv4Addr};

use underpass_core::head::{Buf, Buffers, Request, slots};
use underpass_core::negotiate::Offer;
use underpass_core::negotiate::forward::{Way, request as write};
use underpass_core::route::path::encode;
use underpass_core::route::{Action, CleanPath, Fallback, Forward, Rule, Rules};

use crate::rules::try_load;

/// Checks that every spelling of a path falls under the rule that it should, and that what it is
/// mapped to stays below that rule's target.
pub fn check(data: &[u8]) {
    let Some((&asks, rest)) = data.split_first() else { return };
    let mut parts = rest.splitn(2, |&byte| byte == 0xFF);
    let (text, raw) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let (rules, asks) = (rules(&String::from_utf8_lossy(text), asks & 2 != 0), asks & 1 != 0);
    let clean = CleanPath::parse(raw);
    assert_eq!(clean.as_ref().ok().map(CleanPath::as_bytes), model(raw).as_deref());
    let Ok(clean) = clean else { return };
    must_be_clean(clean.as_bytes());
    let found = rules.find(clean.as_bytes(), asks);
    assert_eq!(found, first_match(&rules, clean.as_bytes(), asks), "another rule should match");
    let spelled = respelled(clean.as_bytes());
    assert_eq!(CleanPath::parse(&spelled).as_ref(), Ok(&clean), "another spelling, another path");
    if let Some((number, rest)) = found
        && let Some(forward) = rules.forward(number)
    {
        must_stay_below(forward, rest, &mapped(&rules, forward, rest));
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

/// What a raw path comes to: split, decoded, and its dots resolved, in three simple steps.
fn model(raw: &[u8]) -> Option<Vec<u8>> {
    let behind = raw.iter().position(|&byte| byte == b'/').map_or(&[][..], |at| &raw[at + 1..]);
    let parts = behind.split(|&byte| byte == b'/').map(decoded).collect::<Option<Vec<_>>>()?;
    let mut names: Vec<&[u8]> = Vec::new();
    for part in &parts {
        match &part[..] {
            b"" | b"." => {}
            b".." => drop(names.pop()?),
            name => names.push(name),
        }
    }
    let is_folder = matches!(parts.last().map(Vec::as_slice), Some(b"" | b"." | b"..") | None);
    let path = names.iter().flat_map(|name| [b"/", *name].concat()).collect::<Vec<_>>();
    Some(if is_folder { [&path[..], b"/"].concat() } else { path })
}

/// The bytes that a segment stands for, none of which is a separator or an end.
fn decoded(segment: &[u8]) -> Option<Vec<u8>> {
    let mut pieces = segment.split(|&byte| byte == b'%');
    let mut bytes = pieces.next().unwrap_or_default().to_vec();
    for piece in pieces {
        let digits = piece.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
        let digits = std::str::from_utf8(digits).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend(&piece[2..]);
    }
    Some(bytes).filter(|bytes| !bytes.contains(&0) && !bytes.contains(&b'/'))
}

/// A clean path stays what it is, and hides no segment.
fn must_be_clean(path: &[u8]) {
    assert!(path.starts_with(b"/"), "{}", path.escape_ascii());
    let mut written = Vec::new();
    encode(path, &mut written);
    assert!(written.iter().all(u8::is_ascii_graphic), "{}", written.escape_ascii());
    let again = CleanPath::parse(&written).expect("we write good paths");
    assert_eq!(again.as_bytes(), path, "it is cleaned twice");
}

/// The same path in other letters, with segments that are none.
fn respelled(path: &[u8]) -> Vec<u8> {
    let spelled = path.iter().map(|&byte| match byte {
        b'/' => "/.//x/%2e./".to_owned(),
        byte => format!("%{byte:02x}"),
    });
    spelled.collect::<String>().into_bytes()
}

/// The first rule that matches, as httpd's manual has it, by comparing whole segments.
fn first_match<'p>(rules: &Rules, path: &'p [u8], asks: bool) -> Option<(usize, &'p [u8])> {
    let skipped = |rule: &Rule| match &rule.action {
        Action::Forward(forward) => forward.fallback == Fallback::Skip && !asks,
        Action::Exclude => false,
    };
    let rules = rules.rules.iter().enumerate().filter(|(_, rule)| !skipped(rule));
    rules.filter_map(|(number, rule)| Some((number, rest(&rule.prefix, path)?))).next()
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

/// What the backend is asked for.
fn mapped(rules: &Rules, forward: &Forward, rest: &[u8]) -> Vec<u8> {
    let mut asked = slots();
    let head = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    let asked = Request::parse(head, &mut asked).expect("it is good");
    let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let (scheme, hops, offer, reuses) = ("http", None, &Offer::None, true);
    let way = Way { rules, forward, rest, client, scheme, hops, offer, reuses };
    let (mut out, mut buffers, mut slots) = (Buf::default(), Buffers::default(), slots());
    write(&asked, way, &mut out, &mut buffers);
    let sent = Request::parse(out.bytes(), &mut slots);
    let sent = sent.unwrap_or_else(|bad| panic!("{bad}: {}", out.bytes().escape_ascii()));
    assert_eq!(sent.query, b"", "the path has become a query");
    sent.path.to_vec()
}

/// The target's own path, then the rest; and no dots lead from there to above the target's folder.
fn must_stay_below(forward: &Forward, rest: &[u8], mapped: &[u8]) {
    let mut expected = forward.target.path.clone().into_bytes();
    encode(rest, &mut expected);
    let behind = expected.strip_prefix(b"/").unwrap_or(&expected);
    assert_eq!(mapped.strip_prefix(b"/"), Some(behind), "it is mapped elsewhere");
    // A target that hides a slash or leads above its own root is the operator's wish.
    if let Ok(target) = CleanPath::parse(forward.target.path.as_bytes()) {
        let target = target.as_bytes();
        let folder =
            target.iter().rposition(|&byte| byte == b'/').map_or(&[][..], |at| &target[..=at]);
        let clean = CleanPath::parse(mapped).expect("the rest is good, and so is the target");
        let below = clean.as_bytes().starts_with(folder);
        assert!(below, "{} leads out of the target", mapped.escape_ascii());
    }
}
