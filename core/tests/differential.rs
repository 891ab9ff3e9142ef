//! Whether we read HTTP/1.1 as others do: the corpus in `http11/`, played through a session, and the
//! same bytes read by hyper. We may refuse what another parser accepts, never the reverse; and what we
//! send on, it must read as exactly the messages that we counted.
//!
//! `DIFFERENTIAL=folder cargo test -p underpass-core --test differential` writes there what
//! `.ci/differential` has other parsers read.

mod http11;
mod world;

#[path = "http11/by_hyper.rs"]
mod by_hyper;

use by_hyper::{Answer, End};
use http11::{Case, Findings, Played, Relayed, message, play, relay, requests, responses};
use underpass_core::route::Rules;
use world::{CONF, rules};

/// A whole case, and the same byte by byte.
fn both_ways(rules: &Rules, case: &Case) -> [Played; 2] {
    [play(rules, [&case.bytes[..]]), play(rules, case.bytes.chunks(1))]
}

/// Where a case is cut in two: at every byte of it, but for the middle of a very long one, which is one
/// byte many times over.
fn cuts(length: usize) -> impl Iterator<Item = usize> {
    (1..length)
        .filter(move |at| length < 2_000 || *at < 100 || length - *at < 100 || *at % 997 == 0)
}

/// R20 to R35: each case gives what the corpus says, whole, byte by byte, and cut in two anywhere.
#[test]
fn requests_give_what_the_corpus_says_however_they_are_cut() {
    let (rules, cases) = (rules(CONF), requests());
    assert!(cases.len() > 250, "only {}", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let [whole, dribbled] = both_ways(&rules, case);
        if whole.verdict != case.verdict {
            wrong.push(format!("{}: {}, not {}", case.name, whole.verdict, case.verdict));
        }
        assert_eq!(dribbled.account(), whole.account(), "{} byte by byte", case.name);
        for at in cuts(case.bytes.len()) {
            let (one, two) = case.bytes.split_at(at);
            let cut = play(&rules, [one, two]);
            assert_eq!(cut.account(), whole.account(), "{} cut at {at}", case.name);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// R24, R25: of a chunked body nothing goes on but its chunks.
#[test]
fn neither_extensions_nor_trailers_go_on() {
    let rules = rules(CONF);
    let goes_on = |case: &&Case| {
        let [whole, dribbled] = both_ways(&rules, case);
        !whole.connections.iter().chain(&dribbled.connections).all(|it| it.is_bare)
    };
    let cases = requests();
    let wrong: Vec<_> = cases.iter().filter(goes_on).map(|case| case.name).collect();
    assert_eq!(wrong, [""; 0]);
}

/// What a backend hears, hyper reads as exactly the requests that we counted.
#[test]
fn hyper_reads_what_went_on_as_we_counted_it() {
    let (rules, mut findings) = (rules(CONF), Findings::of("hyper", &[]));
    for case in requests() {
        for played in both_ways(&rules, &case) {
            findings.forwarded(case.name, &played, by_hyper::requests);
        }
    }
    findings.assert_none();
}

/// What hyper refuses, or reads as another request, does not go on.
#[test]
fn nothing_goes_on_that_hyper_refuses() {
    let (rules, mut findings) = (rules(CONF), Findings::of("hyper", &[]));
    for case in requests() {
        let played = play(&rules, [&case.bytes[..]]);
        findings.said(&case, &played, by_hyper::requests);
    }
    findings.assert_none();
}

/// The cases, as `.ci/differential` has other parsers read them: written to `cases.txt` in the folder that
/// `DIFFERENTIAL` names, if it names one.
#[test]
fn the_cases_can_be_given_to_other_parsers() {
    let (rules, mut text) = (rules(CONF), String::new());
    for case in requests() {
        for played in both_ways(&rules, &case) {
            text += &played.told(&case);
        }
    }
    let told = text.lines().filter(|line| line.starts_with("case ")).count();
    assert_eq!(told, 2 * requests().len(), "each is told in both ways");
    if let Some(folder) = folder() {
        let file = std::path::Path::new(&folder).join("cases.txt");
        std::fs::write(file, text).expect("the folder can be written to");
    }
}

#[expect(clippy::disallowed_methods, reason = "a test may be told where to write its cases")]
fn folder() -> Option<String> {
    std::env::var("DIFFERENTIAL").ok()
}

/// What hyper's client reads of what ours heard; nothing if it refuses that.
fn read(case: &Case, relayed: &Relayed) -> Option<Answer> {
    let end = if relayed.is_reset { End::Reset } else { End::Fin };
    by_hyper::response(relay::asked(case).0, &relayed.heard, end).ok()
}

/// R20 to R25, R27 to R32, R34 to R37: each response gives what the corpus says, whole, byte by byte, and
/// cut in two anywhere, and the client can read it, or see that it is broken.
#[test]
fn responses_give_what_the_corpus_says_however_they_are_cut() {
    let (rules, cases) = (rules(CONF), responses());
    assert!(cases.len() > 100, "only {}", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let whole = relay(&rules, case, [&case.bytes[..]]);
        let answer = read(case, &whole);
        if !whole.is_as_said(case) {
            wrong.push(format!("{}: {}, not {}", case.name, whole.verdict, case.verdict));
            continue;
        }
        let mut also = |how: &str, cut: &Relayed| {
            let same = read(case, cut) == answer && cut.verdict == whole.verdict;
            let broken = case.verdict.ends_with("broken") && cut.is_as_said(case);
            if !same && !broken {
                wrong.push(format!("{} {how}: {cut:?}", case.name));
            }
        };
        also("byte by byte", &relay(&rules, case, case.bytes.chunks(1)));
        for at in cuts(case.bytes.len()) {
            let (one, two) = case.bytes.split_at(at);
            also(&format!("cut at {at}"), &relay(&rules, case, [one, two]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// R27, R36: the client gets exactly one response, and it is the backend's as hyper reads that; what hyper
/// refuses does not reach the client as if it were whole.
#[test]
fn hyper_reads_from_us_what_it_reads_from_the_backend() {
    let rules = rules(CONF);
    let mut wrong = Vec::new();
    for case in responses() {
        let theirs = by_hyper::response(relay::asked(&case).0, &case.bytes, End::Fin);
        for pieces in [1, usize::MAX] {
            let pieces = case.bytes.chunks(pieces.min(case.bytes.len().max(1)));
            let relayed = relay(&rules, &case, pieces);
            if let Err(why) = compare(&relayed, read(&case, &relayed), theirs.as_ref().ok()) {
                wrong.push(format!("{}: {}: {why}; it: {theirs:?}", case.name, relayed.verdict));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What hyper reads from us, beside what it reads from the backend.
fn compare(relayed: &Relayed, ours: Option<Answer>, theirs: Option<&Answer>) -> Result<(), String> {
    let outcome = relayed.verdict.split(' ').nth(1).unwrap_or_default();
    let is_good = match (outcome, &ours, theirs) {
        ("passed", Some(ours), Some(theirs)) => {
            (ours.status, &ours.body) == (theirs.status, &theirs.body) && ours.behind.is_empty()
        }
        ("switched", Some(ours), Some(theirs)) => ours == theirs,
        ("refused", Some(ours), _) => ours.status == 502 && ours.behind.is_empty(),
        ("broken", None, _) => true,
        _ => false,
    };
    if is_good { Ok(()) } else { Err(format!("from us: {ours:?}")) }
}
