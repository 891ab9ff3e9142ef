//! Whether we read HTTP/1.1 as tiny_http does, whose parser shares nothing with ours nor with hyper's: the
//! corpus of core's own `differential.rs`, played in memory and then read by tiny_http from a socket.

#[path = "../../core/tests/http11/mod.rs"]
mod http11;
#[path = "../../core/tests/world/mod.rs"]
mod world;

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, channel};

use http11::{Findings, Reading, Request, play, requests};
use world::{CONF, rules};

/// Where it refuses what it should not: an empty line before a request (RFC 9112 §2.2), obs-text, which
/// RFC 9110 §5.5 has recipients take as opaque, and trailers, which RFC 9112 §7.1.2 has them take or drop.
const REFUSES: [&str; 9] = [
    "line-endings/leading-crlf",
    "valid/pipeline-with-an-empty-line-between",
    "smuggling/trailer-auth",
    "smuggling/trailer-cl",
    "smuggling/trailer-content-type",
    "smuggling/trailer-host",
    "smuggling/trailer-te",
    "valid/trailers",
    OBS_TEXT,
];
const OBS_TEXT: &str = "valid/obs-text";

/// Where it takes a chunk that was cut for a whole one, against RFC 9112 §8.
const CUT: &str = "rules/R23-the-greatest-chunk";

/// What it does not survive: it allocates what a cut body had still to come.
const FATAL: &str = "rules/R21-greatest-length";

/// What a backend hears, it reads as exactly the requests that we counted.
#[test]
fn tiny_http_reads_what_went_on_as_we_counted_it() {
    let (rules, peer) = (rules(CONF), Peer::start());
    let mut findings = Findings::of("tiny_http", &[OBS_TEXT, CUT]);
    for case in requests().into_iter().filter(|case| case.name != FATAL) {
        for size in [1, usize::MAX] {
            let played = play(&rules, case.bytes.chunks(size));
            findings.forwarded(case.name, &played, |bytes| peer.requests(bytes));
        }
    }
    findings.assert_none();
}

/// What it refuses, or reads as another request, does not go on.
#[test]
fn nothing_goes_on_that_tiny_http_refuses() {
    let (rules, peer) = (rules(CONF), Peer::start());
    let mut findings = Findings::of("tiny_http", &REFUSES);
    for case in requests() {
        let played = play(&rules, [&case.bytes[..]]);
        findings.said(&case, &played, |bytes| peer.requests(bytes));
    }
    findings.assert_none();
}

/// A server that notes what it was asked.
struct Peer {
    address: SocketAddr,
    asked: Receiver<Result<Request, String>>,
}

impl Peer {
    fn start() -> Self {
        let server = tiny_http::Server::http("127.0.0.1:0").expect("a free port");
        let address = server.server_addr().to_ip().expect("it listens on TCP");
        let (sender, asked) = channel();
        std::thread::spawn(move || {
            for mut request in server.incoming_requests() {
                let noted = note(&mut request);
                let status = if noted.is_ok() { 200 } else { 400 };
                // Noted before it is answered: who has heard the end of all answers knows all.
                if sender.send(noted).is_err() {
                    return;
                }
                // Whether the answer arrives is the other end's business.
                request.respond(tiny_http::Response::empty(status)).ok();
            }
        });
        Self { address, asked }
    }

    /// How it reads a connection of those bytes.
    fn requests(&self, bytes: &[u8]) -> Reading {
        let stream = TcpStream::connect(self.address).expect("it listens");
        let mut answers = Vec::new();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // Where it refuses, it may close before it has read all.
                let wrote = (&stream).write_all(bytes);
                wrote.and_then(|()| stream.shutdown(Shutdown::Write)).ok();
            });
            (&stream).read_to_end(&mut answers).ok();
        });
        let answers = String::from_utf8_lossy(&answers).into_owned();
        let refusal = answers.split("HTTP/1.").skip(1).find(|answer| answer[2..].starts_with('4'));
        let mut reading = Reading { requests: Vec::new(), refused: refusal.map(str::to_owned) };
        for asked in self.asked.try_iter() {
            match asked {
                Ok(request) => reading.requests.push(request),
                Err(why) => reading.refused = Some(why),
            }
        }
        reading
    }
}

/// The request as it understood it, or why there is none.
fn note(request: &mut tiny_http::Request) -> Result<Request, String> {
    let (method, target) = (request.method().to_string(), request.url().to_owned());
    let mut body = Vec::new();
    let read = request.as_reader().read_to_end(&mut body);
    read.map_err(|error| error.to_string())?;
    match request.body_length() {
        Some(length) if length != body.len() => Err(format!("{} of {length} bytes", body.len())),
        _ => Ok(Request { method, target, body }),
    }
}
