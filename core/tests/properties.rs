//! Laws that hold for all inputs, tried on many: paths, chunks, heads, and the buffers between them.

use proptest::collection::vec;
use proptest::prelude::*;
use underpass_core::edit::{Changes, Editor};
use underpass_core::exchange::{Body, Chunks, Run};
use underpass_core::head::{Buf, Buffers, Request, Scan, slots};
use underpass_core::limits::Limits;
use underpass_core::negotiate::{Offer, forward, hops};
use underpass_core::route::{
    BalancerId, CleanPath, Forward, Host, Rules, Said, Scheme, Scope, Target, Via, path::encode,
};
use underpass_core::time::Wait;

/// Pieces that paths are made of, the nasty ones first.
fn segment() -> impl Strategy<Value = String> {
    const NASTY: [&str; 13] =
        ["", ".", "..", "%2e", "%2E%2e", "%zz", "%", "%2F", "%00", "a%20b", "~", "é", "|"];
    let any = (any::<bool>(), prop::sample::select(&NASTY[..]), "[a-z;=]{0,4}");
    any.prop_map(|(is_nasty, nasty, plain)| if is_nasty { nasty.to_owned() } else { plain })
}

/// A chunked body of those pieces, with that behind each size and before the end.
fn chunked(pieces: &[Vec<u8>], extension: &str, trailer: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
        body.extend(format!("{:x}{extension}\r\n", piece.len()).bytes());
        body.extend(piece);
        body.extend(b"\r\n");
    }
    body.extend(format!("0{extension}\r\n{trailer}\r\n").bytes());
    body
}

/// The value of the one field of that name in the head that goes on, if there is one.
fn sent(fields: &str, name: &str) -> Option<String> {
    let head = format!("GET / HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
    let (mut out, mut buffers, mut room) = (Buf::default(), Buffers::default(), slots());
    let asked = Request::parse(head.as_bytes(), &mut room).expect("the head is good");
    let target = Target { path: "/".into(), ..Target::new(Scheme::Http, "b", 80) };
    let host = &Host { via: Via::On, ..Host::default() };
    let scope = &Scope { add_forwarded: true, ..Scope::DEFAULT };
    let hops = hops::onward(&asked, host.max_forwards).expect("there is a next hop");
    let said = Said { host, scope, forward: &Forward::new(target, BalancerId(0)), path: b"/" };
    let (client, scheme, offer) = ([192, 0, 2, 7].into(), "http", &Offer::None);
    let (rules, changes) = (Rules::of(host.clone(), Vec::new()), Changes::none(0));
    let editor = Editor::new(&rules, &changes, Wait::ZERO);
    let target = &said.forward.target;
    let way = forward::Way { said, target, editor, client, scheme, hops, offer, reuses: true };
    forward::request(&asked, way, &mut out, &mut buffers);
    let mut room = slots();
    let sent = Request::parse(out.bytes(), &mut room).expect("we write good heads");
    let value = sent.fields.one(name).expect("it stands there once");
    value.map(|value| String::from_utf8_lossy(value).into_owned())
}

/// The elements of a list, read as loosely as can be: any quote begins a string.
fn elements(list: &str) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = list.split(move |char| {
        quoted ^= char == '"' && !escaped;
        escaped = quoted && !escaped && char == '\\';
        char == ',' && !quoted
    });
    parts.map(str::trim).collect()
}

proptest! {
    /// Whatever the client says of itself, what we say of it is an element of its own, and the last.
    #[test]
    fn nothing_that_a_client_says_hides_what_we_say(
        values in vec(r#"([a-c=;, "\\\\]|a="b"){0,12}"#, 0..4),
    ) {
        let fields = values.iter().map(|value| format!("Forwarded: {value}\r\n"));
        let list = sent(&fields.collect::<String>(), "forwarded").unwrap_or_default();
        let last = elements(&list).last().copied();
        prop_assert_eq!(last, Some("for=192.0.2.7;host=h;proto=http"));
        let fields = values.iter().map(|value| format!("Via: {value}\r\nConnection: via\r\n"));
        let hops = sent(&fields.collect::<String>(), "via").unwrap_or_default();
        prop_assert!(hops == "1.1 underpass" || hops.ends_with(", 1.1 underpass"));
    }

    /// A request takes no more hops than it says, whatever `Connection` says.
    #[test]
    fn every_hop_takes_one(hops in 1..=u32::MAX, named in any::<bool>()) {
        let named = if named { "Connection: max-forwards\r\n" } else { "" };
        let left = sent(&format!("{named}Max-Forwards: {hops}\r\n"), "max-forwards");
        prop_assert_eq!(left, Some((hops - 1).to_string()));
    }

    /// A cleaned path stays what it is when it is written and cleaned again, and hides no segment.
    #[test]
    fn cleaning_a_path_again_changes_nothing(segments in vec(segment(), 0..8)) {
        let raw = format!("/{}", segments.join("/"));
        if let Ok(clean) = CleanPath::parse(raw.as_bytes()) {
            let mut written = Vec::new();
            encode(clean.as_bytes(), &mut written);
            if !clean.hides() {
                let again = CleanPath::parse(&written);
                prop_assert_eq!(again.as_ref().map(CleanPath::as_bytes), Ok(clean.as_bytes()));
            }
            let mut names = clean.as_bytes().split(|&byte| byte == b'/').skip(1);
            prop_assert!(names.all(|name| name != b"." && name != b".."));
            prop_assert!(!clean.as_bytes().windows(2).any(|two| two == b"//"));
        }
    }

    /// A body is taken whole, and nothing behind it, however it is cut; what goes on is the same body
    /// without extensions and trailers (R24, R25), or the data alone.
    #[test]
    fn a_chunked_body_ends_where_it_ends(
        pieces in vec(vec(any::<u8>(), 0..40), 0..6),
        extension in prop::sample::select(&["", ";x", ";x=y;z=\"; \\\" \""][..]),
        trailer in prop::sample::select(&["", "T: v\r\n", "Host: a\r\nContent-Length:5\r\n"][..]),
        decoded in any::<bool>(),
        behind in vec(any::<u8>(), 0..20),
        cuts in vec(1_usize..30, 1..40),
    ) {
        let body = chunked(&pieces, extension, trailer);
        let all = [&body[..], &behind].concat();
        let chunks = Chunks::default();
        let mut state = Body::Chunked(if decoded { chunks.decoded() } else { chunks });
        let (mut taken, mut gone, mut come) = (0, Vec::<u8>::new(), 0);
        for cut in cuts.iter().cycle() {
            come = (come + cut).min(all.len());
            while let Run { len: len @ 1.., goes_on } = state.run(&all[taken..come]).expect("good") {
                gone.extend(all[taken..taken + len].iter().filter(|_| goes_on));
                taken += len;
            }
            if state.is_done() || come == all.len() {
                break;
            }
        }
        prop_assert!(state.is_done());
        prop_assert_eq!(taken, body.len());
        let passed = if decoded { pieces.concat() } else { chunked(&pieces, "", "") };
        prop_assert_eq!(gone, passed);
    }

    /// A head is found at the same place, or refused with the same status, however it dribbles in.
    #[test]
    fn a_head_is_found_however_it_is_cut(
        lines in vec("[ -~]{0,30}", 0..6),
        end in prop::sample::select(&["\r\n", "\n", "\r\r\n"][..]),
        cuts in vec(1_usize..20, 1..40),
    ) {
        let head = lines.iter().map(|line| format!("{line}\r\n")).collect::<String>() + end;
        let limits = Limits { line: 25, field: 20, fields: 3, ..Limits::DEFAULT };
        let whole = Scan::default().find(head.as_bytes(), &limits).map_err(|bad| bad.status());
        let (mut scan, mut seen, mut cuts) = (Scan::default(), 0, cuts.iter().cycle());
        let dribbled = loop {
            seen = (seen + cuts.next().unwrap_or(&1)).min(head.len());
            match scan.find(&head.as_bytes()[..seen], &limits).map_err(|bad| bad.status()) {
                Ok(None) if seen < head.len() => {}
                found => break found,
            }
        };
        prop_assert_eq!(dribbled, whole);
    }

    /// What goes into a buffer comes out of it, in order, and the buffer goes back.
    #[test]
    fn a_buffer_is_a_queue(moves in vec((any::<bool>(), 0_usize..5_000), 0..60)) {
        let (mut buf, mut buffers, mut model) = (Buf::default(), Buffers::default(), Vec::new());
        for (at, (comes, count)) in moves.into_iter().enumerate() {
            if comes {
                let bytes = vec![at as u8; count.min(60_000 - model.len())];
                buf.append(&bytes, &mut buffers);
                model.extend(bytes);
            } else {
                let count = count.min(model.len());
                buf.consume(count);
                model.drain(..count);
            }
            prop_assert_eq!(buf.bytes(), &model[..]);
        }
        buf.clear(&mut buffers);
        prop_assert_eq!(buffers.leased(), 0);
    }
}
