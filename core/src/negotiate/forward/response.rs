//! Stage 3 of 6 · the response heads that go to the client.

use super::{After, Lines, passes, via};
use crate::edit::{Editor, Field};
use crate::head::{Buf, Buffers, Fields, Framing, Response};
use crate::negotiate::offer::is_http;

/// Fields that describe a body, which a 101 has not (R16, D16).
const CONTENT: [&str; 4] =
    ["content-type", "content-encoding", "content-range", "content-location"];

/// The interim response by which we tell a client that its body may come (RFC 9110 §15.2.1).
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Writes the head of a verified 101 to the client: made anew, with what is end-to-end (R16).
pub fn switch(
    response: &Response<'_, '_>,
    token: &str,
    editor: Editor<'_>,
    out: &mut Buf,
    buffers: &mut Buffers,
) {
    let mut lines = Lines { out, buffers };
    lines.line(&[b"HTTP/1.1 101 Switching Protocols"]);
    edited(&mut lines, response, editor, |name| {
        CONTENT.iter().any(|known| name.eq_ignore_ascii_case(known))
    });
    let spelled = response.fields.list("upgrade").next().unwrap_or(token.as_bytes());
    lines.upgrade(spelled);
    lines.line(&[]);
}

/// Writes an interim response to the client (R37); its `Via` goes on as it came.
pub fn interim(response: &Response<'_, '_>, out: &mut Buf, buffers: &mut Buffers) {
    let mut lines = Lines { out, buffers };
    status_line(&mut lines, response);
    end_to_end(&mut lines, &response.fields, |_| false);
    lines.line(&[]);
}

/// Writes a final response head to the client; its body follows as it comes, framed as `framing`
/// says, and then the connection is closed or kept as `after` says.
pub fn response(
    response: &Response<'_, '_>,
    framing: Framing,
    after: After,
    editor: Editor<'_>,
    out: &mut Buf,
    buffers: &mut Buffers,
) {
    let mut lines = Lines { out, buffers };
    status_line(&mut lines, response);
    edited(&mut lines, response, editor, |_| false);
    lines.framing(framing);
    if framing == Framing::None && response.status != 204 {
        // It may still say how long a body would be (HEAD, 304), or that there is none; a 204 must
        // not (RFC 9110 §8.6).
        for length in response.fields.all("content-length") {
            lines.field("Content-Length", length);
        }
    }
    lines.protocols(&wanted(response), after);
    lines.line(&[]);
}

/// The protocols that a 426 asks for, but never those of HTTP itself (R8); nothing for another status.
pub(in crate::negotiate) fn wanted(response: &Response<'_, '_>) -> Vec<u8> {
    if response.status != 426 {
        return Vec::new();
    }
    let protocols = response.fields.list("upgrade").filter(|token| !is_http(token));
    protocols.collect::<Vec<_>>().join(&b", "[..])
}

fn status_line(lines: &mut Lines<'_>, response: &Response<'_, '_>) {
    let status = response.status.to_string();
    lines.line(&[b"HTTP/1.1 ", status.as_bytes(), b" ", response.reason.as_bytes()]);
}

/// Writes the fields that go on as the configuration makes them, except those that are `left_out`, and our hop.
fn edited(
    lines: &mut Lines<'_>,
    response: &Response<'_, '_>,
    editor: Editor<'_>,
    left_out: impl Fn(&str) -> bool,
) {
    let (host, version) = (editor.host, response.version);
    let mut write = |fields: Fields<'_, '_>| {
        end_to_end(lines, &fields, |name| left_out(name) || via::is_via(name, host));
        via::via(lines, &fields, version, host);
    };
    let passing = response.fields.iter().filter(|field| passes(&response.fields, field.0));
    match editor.response(passing) {
        Some(fields) => {
            let fields: Vec<_> = fields.iter().map(Field::parsed).collect();
            write(response.with_fields(&fields).fields);
        }
        None => write(response.fields),
    }
}

/// Writes the fields that go on, except those that are `left_out`.
fn end_to_end(lines: &mut Lines<'_>, fields: &Fields<'_, '_>, left_out: impl Fn(&str) -> bool) {
    for (name, value) in fields.iter() {
        if !left_out(name) && passes(fields, name) {
            lines.field(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit::Changes;
    use crate::head::slots;
    use crate::route::{Host, Rules, Via};
    use crate::time::Wait;

    type Ruled = fn(&Response<'_, '_>, Editor<'_>, &mut Buf, &mut Buffers);

    /// Calls with the editor of a host that edits nothing.
    fn by<T>(host: Host, call: impl FnOnce(Editor<'_>) -> T) -> T {
        let (rules, changes) = (Rules::of(host, Vec::new()), Changes::none(0));
        call(Editor::new(&rules, &changes, Wait::ZERO))
    }

    fn written(head: &str, write: impl Fn(&Response<'_, '_>, &mut Buf, &mut Buffers)) -> String {
        let (mut out, mut buffers, mut slots) = (Buf::default(), Buffers::default(), slots());
        let parsed = Response::parse(head.as_bytes(), &mut slots).unwrap();
        write(&parsed, &mut out, &mut buffers);
        String::from_utf8(out.bytes().to_vec()).unwrap()
    }

    fn as_final(parsed: &Response<'_, '_>, out: &mut Buf, buffers: &mut Buffers) {
        by(Host::default(), |editor| {
            response(parsed, parsed.framing(false), After::Close, editor, out, buffers);
        });
    }

    /// R16, D16, and P-10 of `reference/httpd.md`.
    #[test]
    fn a_101_is_made_anew() {
        let head = "HTTP/1.1 101 Anything\r\nConnection: Upgrade, X-Hop\r\nupgrade: WebSocket\r\nX-Hop: 1\r\n\
                    Keep-Alive: 5\r\nTrailer: x\r\nContent-Length: 5\r\nContent-Type: a/b\r\n\
                    Set-Cookie: c=d\r\nSec-WebSocket-Accept: xyz\r\n\r\n";
        let switched = |parsed: &Response<'_, '_>, out: &mut Buf, buffers: &mut Buffers| {
            by(Host::default(), |editor| switch(parsed, "websocket", editor, out, buffers));
        };
        let expected = "HTTP/1.1 101 Switching Protocols\r\nSet-Cookie: c=d\r\nSec-WebSocket-Accept: xyz\r\n\
                        Connection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n";
        assert_eq!(written(head, switched), expected);
    }

    #[test]
    fn a_response_keeps_its_framing_and_closes() {
        let head =
            "HTTP/1.1 200 Fine\r\nConnection: keep-alive\r\nContent-Length: 5\r\nA: b\r\n\r\n";
        let expected =
            "HTTP/1.1 200 Fine\r\nA: b\r\nContent-Length: 5\r\nConnection: close\r\n\r\n";
        assert_eq!(written(head, as_final), expected);
        let chunked = "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n";
        assert!(written(chunked, as_final).contains("\r\nTransfer-Encoding: chunked\r\n"));
        let unchanged = "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n";
        assert!(written(unchanged, as_final).contains("\r\nContent-Length: 5\r\n"));
        let empty = "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n";
        assert!(!written(empty, as_final).contains("Content-Length"));
    }

    /// A backend's 426 reaches the client with the protocols that it wants, but never with HTTP's own (R8).
    #[test]
    fn a_426_says_what_is_wanted() {
        let head =
            "HTTP/1.1 426 Upgrade Required\r\nUpgrade: h2c, websocket\r\nContent-Length: 0\r\n\r\n";
        let text = written(head, as_final);
        assert!(
            text.contains("\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n"),
            "{text}"
        );
        let plain = head.replace("426", "200");
        assert!(!written(&plain, as_final).contains("Upgrade: "), "only a 426 says so");
    }

    /// RFC 9110 §7.6.3: the number is that of the message that we received.
    #[test]
    fn a_final_response_and_a_101_name_our_hop() {
        let head = "HTTP/1.0 404 No\r\nVia: 1.1 a\r\nVia: 1.1 b\r\n\r\n";
        let hops = |via: Via, write: Ruled| {
            let host = Host { via, ..Host::default() };
            let text = by(host, |editor| {
                written(head, |parsed, out, buffers| write(parsed, editor, out, buffers))
            });
            let hops = text.lines().filter_map(|line| line.strip_prefix("Via: "));
            hops.map(str::to_owned).collect::<Vec<_>>()
        };
        let last: Ruled = |parsed, editor, out, buffers| {
            response(parsed, Framing::Close, After::Close, editor, out, buffers);
        };
        let switched: Ruled =
            |parsed, editor, out, buffers| switch(parsed, "foo", editor, out, buffers);
        for write in [last, switched] {
            assert_eq!(hops(Via::On, write), ["1.1 a, 1.1 b, 1.0 underpass"]);
            assert_eq!(hops(Via::Off, write), ["1.1 a", "1.1 b"]);
            assert_eq!(hops(Via::Block, write), ["1.1 a", "1.1 b"]);
        }
        let as_it_came: Ruled = |parsed, _, out, buffers| interim(parsed, out, buffers);
        assert_eq!(hops(Via::On, as_it_came), ["1.1 a", "1.1 b"]);
    }

    #[test]
    fn an_interim_response_has_no_connection_of_its_own() {
        let head = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: close\r\n\r\n";
        assert_eq!(written(head, interim), "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
    }
}
