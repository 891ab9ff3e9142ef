//! Heads that are good, and what becomes of them on their way.

/// The fields of a WebSocket handshake (RFC 6455 §1.3).
pub(crate) const HANDSHAKE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\n\
     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// The fields of its answer.
pub(crate) const PROOF: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\n\
     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

/// What is added to every request of our one client, who asked for `Host: h`.
pub(crate) const FORWARDED: &str = "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Host: h\r\n\
     X-Forwarded-Server: proxy.example\r\nX-Forwarded-Proto: http\r\n";

/// A good WebSocket handshake, with further fields.
pub(crate) fn ask(fields: &str) -> String {
    format!("GET /ws/chat HTTP/1.1\r\nHost: h\r\n{HANDSHAKE}{fields}\r\n")
}

/// What the backend hears of it, with the further fields that go on.
pub(crate) fn asked(fields: &str) -> String {
    format!(
        "GET /chat HTTP/1.1\r\nHost: backend:9000\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{fields}{FORWARDED}\
         Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    )
}

/// An ordinary request to a rule without upgrades, with further fields.
pub(crate) fn get(fields: &str) -> String {
    format!("GET /page HTTP/1.1\r\nHost: h\r\n{fields}\r\n")
}

/// What the backend hears of an ordinary request: `fields` go on, `framing` is written anew.
pub(crate) fn got(fields: &str, framing: &str) -> String {
    format!("GET /page HTTP/1.1\r\nHost: backend:9000\r\n{fields}{FORWARDED}{framing}\r\n")
}

/// A verified 101, with further fields.
pub(crate) fn switch(fields: &str) -> String {
    format!("HTTP/1.1 101 Switching Protocols\r\n{PROOF}{fields}\r\n")
}

/// What the client hears of it, with the further fields that go on.
pub(crate) fn switched(fields: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
         {fields}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    )
}

/// The statuses and the body of what a peer heard: the interim heads' and the final one's, and what
/// stands behind that; none of it if the final head is not whole.
pub(crate) fn split(heard: &[u8]) -> (Vec<u16>, Option<&[u8]>) {
    let (mut statuses, mut rest) = (Vec::new(), heard);
    while let Some(end) = rest.windows(4).position(|four| four == b"\r\n\r\n") {
        let status = rest.strip_prefix(b"HTTP/1.1 ").and_then(|line| line.get(..3));
        let status = status.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        let status = status.unwrap_or(0);
        statuses.push(status);
        rest = &rest[end + 4..];
        if !(100..200).contains(&status) || status == 101 {
            return (statuses, Some(rest));
        }
    }
    (statuses, None)
}
