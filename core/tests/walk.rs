//! Everything that can happen to a session, in many situations: a breadth-first search that visits each
//! of its states once and takes each way out of it, until no new state is found.
//!
//! What can happen: each move that is offered (the ones before it are blocked) moves a part, moves all,
//! ends or breaks; the clock runs out; time passes almost until then; a full worker has a place free.
//! `search/laws.rs` has what must hold after each step, `search/prospects.rs` what must hold in each
//! state, `search/state.rs` which states are the same. What breaks a law is printed as the shortest list
//! of steps that leads to it.
//!
//! The bounds: each side says what `search/situations.rs` has it say, two bytes of a body or the same
//! thing for ever; reads are cut at the marks there; a leg breaks by one fault, where the fault decides
//! nothing. Within them the search is complete: no situation has more than a few thousand states, and one
//! with more than 100 000 is taken to have no end. Times, counts and what is only reported are folded.
//!
//! `stateright` 0.31 would replace the queue and the set of known states, 40 lines, and nothing else: its
//! states are cloned, which a session with its lease cannot be, so they would be words, too, and its
//! properties look at one state, not at what a step has changed.
//!
//! `walk.txt` has how much was found; `UPDATE=1 cargo test -p underpass-core --test walk` writes it anew.
//! `ONLY=chunks` searches only the situations with that word in their title; `WALK=bytes` cuts reads at
//! every byte, which takes minutes.

mod search;
mod world;

use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use search::situations::{refused_upgrade, situations};
use search::{Found, Script, table};

const COMMITTED: &str = include_str!("walk.txt");

const INTRODUCTION: &str = "\
How much there is to be found of a session; made by tests/walk.rs, whose head says how.

 states    steps  farthest   rows  situation
";

/// The laws hold; all that `table.txt` shows is found, and as much in all as ever.
#[test]
fn a_session_keeps_every_law_whatever_happens() {
    let found = search_all();
    let all = found.iter().fold(Found::default(), |all, (_, found)| all.and(found));
    let mut text = INTRODUCTION.to_owned();
    for (title, found) in found.iter().chain([&("in all", all.clone())]) {
        writeln!(text, "{found}  {title}").expect("a string");
    }
    eprintln!("{text}");
    if asked("ONLY").or(asked("WALK")).is_some() {
        return;
    }
    assert_eq!(table::missing(&all.rows), [""; 0], "in table.txt, and not found");
    if asked("UPDATE").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/walk.txt");
        return std::fs::write(path, text).expect("the folder can be written to");
    }
    assert_eq!(text, COMMITTED, "see the head of walk.rs");
}

/// The laws can be broken: here the script expects something else than what is right (R5).
#[test]
#[should_panic(expected = "the backend heard")]
fn a_search_finds_what_the_backend_must_not_hear() {
    let mut script = refused_upgrade();
    script.exchanges[0].asked[0] = "GET /other HTTP/1.1\r\n\r\n".into();
    script.search();
}

/// The same for the client.
#[test]
#[should_panic(expected = "the client heard")]
fn a_search_finds_what_the_client_must_not_hear() {
    let mut script = refused_upgrade();
    script.exchanges[0].told[0][1] = "ho".into();
    script.search();
}

/// Searches all situations, two at a time.
fn search_all() -> Vec<(&'static str, Found)> {
    let only = asked("ONLY").unwrap_or_default();
    let all: Vec<_> = situations().into_iter().filter(|(title, _)| title.contains(&only)).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mine = std::iter::from_fn(|| {
            let place = next.fetch_add(1, Ordering::Relaxed);
            Some((place, all.get(place)?))
        });
        mine.map(|(place, (title, script))| (place, *title, search(title, script))).collect()
    };
    let mut found: Vec<_> = std::thread::scope(|scope| {
        let other = scope.spawn(work);
        let mine: Vec<_> = work();
        [mine, other.join().expect("each situation keeps the laws")].concat()
    });
    found.sort_by_key(|&(place, ..)| place);
    found.into_iter().map(|(_, title, found)| (title, found)).collect()
}

fn search(title: &str, script: &Script) -> Found {
    let failing = Failing(title);
    let found = script.search();
    std::mem::forget(failing);
    found
}

/// Says, when it is dropped, in which situation a law was broken: forgotten if none was.
struct Failing<'t>(&'t str);

impl Drop for Failing<'_> {
    fn drop(&mut self) {
        eprintln!("ONLY=\"{}\" cargo test -p underpass-core --test walk", self.0);
    }
}

#[expect(clippy::disallowed_methods, reason = "a test may be told how far to go")]
fn asked(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
