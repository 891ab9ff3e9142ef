//! The corpus: `requests.txt` and `responses.txt`, whose heads say how they are written.

use std::collections::BTreeSet;

/// One case of the corpus.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// What it is called, there and in every list of exceptions.
    pub(crate) name: &'static str,
    /// What must come of it.
    pub(crate) verdict: &'static str,
    /// The bytes that come.
    pub(crate) bytes: Vec<u8>,
}

/// What clients say.
pub(crate) fn requests() -> Vec<Case> {
    cases(include_str!("requests.txt"))
}

/// What backends say.
pub(crate) fn responses() -> Vec<Case> {
    cases(include_str!("responses.txt"))
}

fn cases(text: &'static str) -> Vec<Case> {
    let blocks = text.split("\n\n").map(str::trim_start);
    let cases: Vec<_> = blocks.filter(|block| !is_comment(block)).map(case).collect();
    let names: BTreeSet<_> = cases.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), cases.len(), "two cases have one name");
    cases
}

fn is_comment(block: &str) -> bool {
    block.lines().all(|line| line.starts_with('#'))
}

fn case(block: &'static str) -> Case {
    let (first, rest) = block.split_once('\n').unwrap_or((block, ""));
    let (name, verdict) = first.split_once(": ").expect("a case begins with `name: verdict`");
    let lines: Vec<_> = rest.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(lines.len() < rest.lines().count(), "{name} does not say what it is about");
    let bytes = lines.iter().map(|line| line.strip_prefix("    ").expect(name));
    Case { name, verdict, bytes: bytes.flat_map(unescape).collect() }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut parts = text.split('\\');
    bytes.extend(parts.next().unwrap_or("").bytes());
    while let Some(part) = parts.next() {
        let (byte, rest) = match part.chars().next() {
            Some('r') => (b'\r', &part[1..]),
            Some('n') => (b'\n', &part[1..]),
            Some('t') => (b'\t', &part[1..]),
            Some('x') => (u8::from_str_radix(&part[1..3], 16).expect(text), &part[3..]),
            // What stands between two backslashes is nothing: the second one is meant.
            None => (b'\\', parts.next().unwrap_or("")),
            Some('{') => {
                // The repeated text may have escapes of its own: take all up to the brace.
                let mut inner = part[1..].to_owned();
                while !inner.contains('}') {
                    inner = [&inner, "\\", parts.next().expect(text)].concat();
                }
                let (inner, rest) = inner.split_once('}').expect(text);
                let (count, repeated) = inner.split_once(' ').expect(text);
                bytes.extend(unescape(repeated).repeat(count.parse().expect(text)));
                bytes.extend(rest.bytes());
                continue;
            }
            _ => panic!("an unknown escape in {text:?}"),
        };
        bytes.push(byte);
        bytes.extend(rest.bytes());
    }
    bytes
}
