//! Bytes as edits, and as two heads that they are done to.
//!
//! ```text
//! [ the edits … FF the target … FF the request's fields … FF the response's fields … ]
//! ```
//!
//! What comes out is read by httparse, and beside a model that is simple enough to be believed.

use std::collections::BTreeSet;

use arbitrary::{Arbitrary, Unstructured};
use underpass_core::report::Close;

use crate::heads::must_be_strict;
use crate::rules::try_load;
use crate::session;
use crate::wires::{Wires, head_of};

/// One edit of a request, or of a response.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct Line {
    of_response: bool,
    action: u8,
    name: u8,
    value: u8,
}

const ACTIONS: [&str; 8] =
    ["set", "add", "append", "merge", "setifempty", "unset", "edit a", "edit* a"];
const NAMES: [&str; 5] = ["X-A", "X-B", "Cookie", "Set-Cookie", "X-In"];
/// The values, of which the last two are what the client says.
const VALUES: [&str; 5] = ["v", "a", "a, v", "%{path}e", "%{in}e"];

/// Checks that no edit makes a bad head, or another message of it, and that each does what it says.
pub fn check(data: &[u8]) {
    let mut parts = data.splitn(4, |&byte| byte == 0xFF);
    let mut part = || parts.next().unwrap_or_default();
    let lines = Vec::<Line>::arbitrary_take_rest(Unstructured::new(part())).unwrap_or_default();
    let lines = &lines[..lines.len().min(LINES_MOST)];
    let text: String = lines.iter().map(|line| line.text() + "\n").collect();
    let rules = try_load(&(FIRST.to_owned() + &text)).unwrap_or_else(|bad| panic!("{}", bad[0]));
    let asked = [b"GET /", part(), b" HTTP/1.1\r\nHost: h\r\n", part(), b"\r\n"].concat();
    let told = [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", part(), b"\r\n"].concat();
    session::play_by(&rules, [&asked, &told], &[], 64, |wires, _| {
        judge(lines, wires, [&asked, &told]);
    });
}

/// What every configuration begins with.
const FIRST: &str = "ProxyPass / http://b/\nSetEnvIf Request_URI (?s)(.*) path=$1\n\
                     SetEnvIf X-In (.*) in=$1\n";
const LINES_MOST: usize = 12;

impl Line {
    fn text(self) -> String {
        let directive = if self.of_response { "Header" } else { "RequestHeader" };
        let value = if self.action() == "unset" { "" } else { self.value() };
        let (action, word) = self.action().split_once(' ').unwrap_or((self.action(), ""));
        format!("{directive} {action} {} {word} \"{value}\"", self.name()).replace(" \"\"", "")
    }

    fn action(self) -> &'static str {
        ACTIONS[usize::from(self.action) % ACTIONS.len()]
    }

    fn name(self) -> &'static str {
        NAMES[usize::from(self.name) % NAMES.len()]
    }

    fn value(self) -> &'static str {
        VALUES[usize::from(self.value) % VALUES.len()]
    }
}

/// Judges the first request and its answer.
fn judge(lines: &[Line], wires: &Wires<'_>, [asked, told]: [&[u8]; 2]) {
    let Some(first) = wires.told.first() else { return };
    let peer = first.backend.as_ref().map(|(peer, _)| peer);
    if let Some(end) = peer.and_then(|peer| head_of(&peer.got)) {
        let got = &peer.expect("it got a head").got[..end];
        is_one_message(got, &["connection", "upgrade"]);
        compare(lines, false, asked, got);
    }
    let Some(end) = head_of(&wires.client.got) else { return };
    let got = &wires.client.got[..end];
    is_one_message(got, &["connection", "upgrade", "proxy-authenticate"]);
    if first.report.close == Close::Answered {
        compare(lines, true, told, got);
    }
}

/// One head with one framing; nothing hop-by-hop but ours.
fn is_one_message(head: &[u8], ours: &[&str]) {
    must_be_strict(head);
    let fields = fields(head).expect("httparse takes what we write");
    let count = |name: &str| fields.iter().filter(|field| field.0 == name).count();
    assert!(count("content-length") + count("transfer-encoding") <= 1, "two framings");
    for hop in ["connection", "keep-alive", "te", "trailer", "proxy-connection", "upgrade"] {
        let most = usize::from(ours.contains(&hop));
        assert!(count(hop) <= most, "{hop} went on: {}", head.escape_ascii());
    }
}

type Fields = Vec<(String, Vec<u8>)>;

/// The fields of a head, their names in lower case; none if httparse refuses it.
fn fields(head: &[u8]) -> Option<Fields> {
    let mut room = [httparse::EMPTY_HEADER; 256];
    let rest = head.iter().position(|&byte| byte == b'\n')? + 1;
    let parsed = httparse::parse_headers(&head[rest..], &mut room).ok()?;
    let httparse::Status::Complete((_, headers)) = parsed else { return None };
    let field =
        |header: &httparse::Header<'_>| (header.name.to_ascii_lowercase(), header.value.to_vec());
    Some(headers.iter().map(field).collect())
}

/// Each field that an edit may be about is there as the model has it.
fn compare(lines: &[Line], of_response: bool, came: &[u8], got: &[u8]) {
    let (Some(end), Some(got)) = (head_of(came), fields(got)) else { return };
    let Some(came) = fields(&came[..end]) else { return };
    // What a peer calls its connection's is another test's; what is said of the path is not known here.
    let named: BTreeSet<_> = came.iter().filter(|field| field.0 == "connection").collect();
    let lines = || lines.iter().filter(|line| line.of_response == of_response);
    let unknown = |line: &Line| line.value().contains('%') && line.action() != "unset";
    let mut edited = came.clone();
    lines().filter(|line| !unknown(line)).for_each(|line| edit(*line, &mut edited));
    for name in NAMES.map(str::to_ascii_lowercase) {
        let blurred = lines().any(|line| unknown(line) && line.name().eq_ignore_ascii_case(&name));
        if named.is_empty() && !blurred {
            let of = |fields: &Fields| {
                let named = fields.iter().filter(|field| field.0 == name);
                named.map(|field| field.1.clone()).collect::<Vec<_>>()
            };
            assert_eq!(of(&got), of(&edited), "{name}");
        }
    }
}

/// The model: what one edit does to fields.
fn edit(line: Line, fields: &mut Fields) {
    let (name, value) = (line.name().to_ascii_lowercase(), line.value().as_bytes());
    let is_named = |field: &(String, Vec<u8>)| field.0 == name;
    let last = fields.iter().rposition(is_named);
    match (line.action(), last) {
        ("unset", _) => fields.retain(|field| !is_named(field)),
        ("edit a", _) => fields.iter_mut().filter(|field| is_named(field)).for_each(|field| {
            if let Some(at) = field.1.iter().position(|&byte| byte == b'a') {
                field.1.splice(at..=at, value.iter().copied());
            }
        }),
        ("edit* a", _) => fields.iter_mut().filter(|field| is_named(field)).for_each(|field| {
            let pieces: Vec<_> = field.1.split(|&byte| byte == b'a').collect();
            field.1 = pieces.join(value);
        }),
        ("set", Some(_)) => {
            let first = fields.iter().position(is_named).expect("there is one");
            let (before, behind) = fields.split_at_mut(first + 1);
            before[first].1 = value.to_vec();
            let rest: Vec<_> = behind.iter().filter(|field| !is_named(field)).cloned().collect();
            fields.truncate(first + 1);
            fields.extend(rest);
        }
        ("setifempty", Some(_)) => {}
        ("merge", Some(_)) if lists(fields, &name, value) => {}
        ("append" | "merge", Some(last)) => {
            let list = &mut fields[last].1;
            *list =
                if list.is_empty() { value.to_vec() } else { [&list[..], value].join(&b", "[..]) };
        }
        _ => fields.push((name, value.to_vec())),
    }
}

fn lists(fields: &Fields, name: &str, value: &[u8]) -> bool {
    let named = fields.iter().filter(|field| field.0 == name);
    named.flat_map(|field| field.1.split(|&byte| byte == b',')).any(|one| one.trim_ascii() == value)
}
