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
    let (mut bytes, mut rest) = (Vec::new(), text);
    while let Some((before, behind)) = rest.split_once('\\') {
        bytes.extend(before.bytes());
        rest = escaped(behind, &mut bytes);
    }
    bytes.extend(rest.bytes());
    bytes
}

/// Adds what the escape stands for; what stands behind it is left.
fn escaped<'t>(text: &'t str, bytes: &mut Vec<u8>) -> &'t str {
    let (kind, rest) = text.split_at(1);
    match kind {
        "r" => bytes.push(b'\r'),
        "n" => bytes.push(b'\n'),
        "t" => bytes.push(b'\t'),
        "\\" => bytes.push(b'\\'),
        "x" => {
            let (digits, behind) = rest.split_at(2);
            bytes.push(u8::from_str_radix(digits, 16).expect(text));
            return behind;
        }
        "{" => {
            let (inner, behind) = rest.split_once('}').expect(text);
            let (count, repeated) = inner.split_once(' ').expect(text);
            bytes.extend(unescape(repeated).repeat(count.parse().expect(text)));
            return behind;
        }
        _ => panic!("an unknown escape: {text:?}"),
    }
    rest
}
