//! Heads that tests send and expect.

/// The fields of a WebSocket handshake (RFC 6455 §1.3).
pub(crate) const HANDSHAKE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\n\
     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// Its answer, as a backend gives it and as the daemon passes it on.
pub(crate) const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\n\
     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
     Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

/// The answer to [`ask_foo`].
pub(crate) const SWITCH_FOO: &str =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n";

/// A good WebSocket handshake for `/chat`, with further fields.
pub(crate) fn ask(fields: &str) -> String {
    get("/chat", &format!("{HANDSHAKE}{fields}"))
}

/// A request to switch to the protocol `foo`, with further fields.
pub(crate) fn ask_foo(fields: &str) -> String {
    get("/raw", &format!("Connection: Upgrade\r\nUpgrade: foo\r\n{fields}"))
}

/// A request for that path, with further fields.
pub(crate) fn get(path: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: app.example\r\n{fields}\r\n")
}

/// The body of a response that is whole by its `Content-Length`.
pub(crate) fn fine(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// The status of a response.
pub(crate) fn status(response: &str) -> &str {
    response.get(..12).and_then(|start| start.strip_prefix("HTTP/1.1 ")).unwrap_or(response)
}

/// What stands behind the head of a response.
pub(crate) fn body(response: &str) -> &str {
    response.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

/// Whether the head of a message has that line.
pub(crate) fn has(message: &str, line: &str) -> bool {
    message.split("\r\n").take_while(|line| !line.is_empty()).any(|own| own == line)
}
