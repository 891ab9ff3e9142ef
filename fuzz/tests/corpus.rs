//! Every seed is a test: what once made a target fail, and what is hostile enough to begin from.
//!
//! So is every case of core's HTTP/1.1 corpus, every session as an exchange, and every directive:
//! `SEEDS=folder cargo test` writes them there as further seeds, in a folder for each target.

#[path = "../../core/tests/http11/case.rs"]
mod case;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::catch_unwind;
use std::path::Path;
use std::{env, fs};

use case::Case;
use underpass_core::config::{directives, parameters};
use underpass_fuzz::{
    chunks, config, edits, exchange, heartbeats, path, probe, request, response, session, sticky,
};

type Check = fn(&[u8]);

/// What each target checks.
const TARGETS: [(&str, Check); 11] = [
    ("chunked", chunks::check),
    ("config", config::check),
    ("edits", edits::check),
    ("exchange", exchange::check),
    ("heartbeats", heartbeats::check),
    ("path", path::check),
    ("probe", probe::check),
    ("request_head", request::check),
    ("response_head", response::check),
    ("session", session::check),
    ("sticky", sticky::check),
];

/// Something for a target to check.
struct Seed {
    target: &'static str,
    name: String,
    bytes: Vec<u8>,
}

/// Checks them all, and names all that fail.
fn check(seeds: impl Iterator<Item = Seed>) {
    let checks = BTreeMap::from(TARGETS);
    let fails = |seed: &Seed| catch_unwind(|| checks[seed.target](&seed.bytes)).is_err();
    let failed = seeds.filter(fails).map(|seed| format!("{}/{}", seed.target, seed.name));
    assert_eq!(failed.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn every_seed_passes_the_check_of_its_target() {
    check(TARGETS.into_iter().flat_map(|(target, _)| seeds_in(target, target)));
}

#[test]
fn every_target_is_known_here() {
    let targets: BTreeSet<_> = files("fuzz_targets").into_iter().map(|(name, _)| name).collect();
    assert_eq!(targets, TARGETS.map(|(target, _)| format!("{target}.rs")).into());
}

#[test]
fn what_stands_elsewhere_is_a_seed_too() {
    let (requests, responses) = (case::requests(), case::responses());
    let seeds = || {
        let cases =
            requests.iter().flat_map(of_request).chain(responses.iter().flat_map(of_response));
        cases.chain(seeds_in("session", "exchange")).chain([every_example()])
    };
    assert!(seeds().count() > 700, "only {}", seeds().count());
    check(seeds());
    if let Ok(folder) = env::var("SEEDS") {
        seeds().for_each(|seed| seed.write(Path::new(&folder)));
    }
}

#[test]
fn the_dictionary_of_configurations_is_whole() {
    let words = include_str!("../config.dict");
    let names =
        directives().map(|directive| format!("\"{} \"", directive.name.trim_end_matches('>')));
    let parameters =
        parameters().map(|parameter| format!("\"{}{}\"", parameter.name, parameter.sign()));
    let missing = names.chain(parameters).filter(|word| !words.lines().any(|line| line == word));
    assert_eq!(missing.collect::<Vec<_>>(), [""; 0]);
}

/// The seeds of a folder, for a target.
fn seeds_in(folder: &str, target: &'static str) -> impl Iterator<Item = Seed> + use<> {
    let files = files(&format!("corpus/{folder}")).into_iter();
    files.map(move |(name, bytes)| Seed { target, name, bytes })
}

impl Seed {
    fn write(self, folder: &Path) {
        let folder = folder.join(self.target);
        fs::create_dir_all(&folder).expect("the folder can be made");
        fs::write(folder.join(self.name), self.bytes).expect("the folder can be written to");
    }
}

/// Every file of a folder of ours.
fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(folder).expect("there is such a folder");
    let file = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().expect("a plain name");
        (name, fs::read(entry.path()).expect("a file"))
    };
    entries.map(|entry| file(entry.expect("it is there"))).collect()
}

/// Every directive, as its entry in the table shows it.
fn every_example() -> Seed {
    let lines = directives().map(|directive| {
        let name = directive.name.trim_matches(['<', '>']);
        let end = if directive.is_section() { format!("</{name}>\n") } else { String::new() };
        format!("{}\n{end}", directive.example)
    });
    let (target, name) = ("config", "every-directive".to_owned());
    Seed { target, name, bytes: lines.collect::<String>().into_bytes() }
}

/// A request as a head, and in a session whose backend answers whatever comes.
fn of_request(case: &Case) -> Vec<Seed> {
    let asks = case.bytes.to_ascii_lowercase().windows(9).any(|some| some == b"websocket");
    let answer = if asks { SWITCH.to_owned() } else { ANSWER.repeat(4) };
    let head = [&[0, 0, 255, 0], &case.bytes[..]].concat();
    seeds_of(case, session_of(&case.bytes, answer.as_bytes()), ("request_head", head))
}

/// A response as a head, and in a session whose client has asked for it.
fn of_response(case: &Case) -> Vec<Seed> {
    let (number, asked) = match case.verdict.split(' ').next() {
        Some("head") => (1, "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"),
        Some("old") => (0, "GET / HTTP/1.0\r\n\r\n"),
        Some("websocket") => (2, HANDSHAKE),
        _ => (0, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
    };
    let head = [&[0, number, 255, 0], &case.bytes[..]].concat();
    seeds_of(case, session_of(asked.as_bytes(), &case.bytes), ("response_head", head))
}

/// Both sides of a session in which nothing goes wrong.
fn session_of(client: &[u8], backend: &[u8]) -> Vec<u8> {
    [&[0xF0], client, &[0xFF], backend, &[0xFF]].concat()
}

/// A case as a session, as a head, and what stands behind its first head as chunks.
fn seeds_of(case: &Case, exchange: Vec<u8>, head: (&'static str, Vec<u8>)) -> Vec<Seed> {
    let end = case.bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let chunks = end.map(|end| ("chunked", [&[0, 0], &case.bytes[end + 4..]].concat()));
    // What tells the parts of a session from each other is in none of them.
    let parts = !case.bytes.iter().any(|byte| *byte >= 0xFE);
    let exchange = parts.then_some(("exchange", exchange));
    let all = [exchange, Some(head), chunks].into_iter().flatten();
    let short = all.filter(|(_, bytes)| bytes.len() <= LENGTH_MOST);
    let name = case.name.replace('/', "-");
    short.map(|(target, bytes)| Seed { target, name: name.clone(), bytes }).collect()
}

/// libFuzzer makes no longer inputs by itself.
const LENGTH_MOST: usize = 4_096;

const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
const HANDSHAKE: &str = "GET /ws/ HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const SWITCH: &str = "HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nfirst";
