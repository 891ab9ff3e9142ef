//! The demo: the proxy in front of a WebSocket echo server and a page to try it on.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use tungstenite::Message;

const PAGE: &str = include_str!("page.html");

/// Starts the backend, and gives the directives of a proxy in front of it.
pub(crate) fn start(listen: SocketAddr) -> io::Result<Vec<String>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let backend = listener.local_addr()?;
    thread::Builder::new().name("demo backend".into()).spawn(move || serve(&listener))?;
    Ok(vec![
        format!("Listen {listen}"),
        "ServerName demo".to_owned(),
        format!("ProxyPass \"/echo\" \"ws://{backend}/echo\""),
        format!("ProxyPass \"/\" \"http://{backend}/\""),
    ])
}

/// Says what runs, and where to go.
pub(crate) fn invite(directives: &[String], addresses: &[SocketAddr]) {
    let mut text = "The demo runs this configuration:\n\n".to_owned();
    for directive in directives {
        text.push_str(&format!("    {directive}\n"));
    }
    for at in addresses {
        text.push_str(&format!("\nOpen http://{at}/ and type, or connect to ws://{at}/echo\n"));
    }
    // A demo that nobody watches runs all the same.
    let _ = io::stdout().write_all(text.as_bytes());
}

fn serve(listener: &TcpListener) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        let name = "demo connection".to_owned();
        if let Err(error) = thread::Builder::new().name(name).spawn(move || answer(stream)) {
            tracing::warn!(%error, "the demo is full");
        }
    }
}

/// Answers one connection. It is only a demo: an error ends the connection, and is told to who listens.
fn answer(stream: TcpStream) {
    let answered = match is_echo(&stream) {
        Ok(true) => echo(stream),
        Ok(false) => page(stream),
        Err(error) => Err(error),
    };
    if let Err(error) = answered {
        tracing::debug!(%error, "a demo connection ends");
    }
}

/// Looks at the request line without taking it.
fn is_echo(stream: &TcpStream) -> io::Result<bool> {
    const LINE: &[u8] = b"GET /echo";
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut start = [0; LINE.len()];
    let mut got = 0;
    while got < LINE.len() {
        let more = stream.peek(&mut start)?;
        if more <= got {
            return Ok(false);
        }
        got = more;
    }
    stream.set_read_timeout(None)?;
    Ok(start == LINE)
}

fn echo(stream: TcpStream) -> io::Result<()> {
    let mut socket = tungstenite::accept(stream).map_err(io::Error::other)?;
    loop {
        match socket.read() {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => {
                socket.send(message).map_err(io::Error::other)?;
            }
            Ok(_) => {}
            Err(tungstenite::Error::ConnectionClosed) => return Ok(()),
            Err(error) => return Err(io::Error::other(error)),
        }
    }
}

fn page(mut stream: TcpStream) -> io::Result<()> {
    let mut head = Vec::new();
    let mut room = [0; 4096];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut room)? {
            0 => return Ok(()),
            count => head.extend_from_slice(&room[..count]),
        }
        if head.len() > 64 * 1024 {
            return Ok(());
        }
    }
    let is_root = head.starts_with(b"GET / ") || head.starts_with(b"HEAD / ");
    let (status, body) = if is_root { ("200 OK", PAGE) } else { ("404 Not Found", "not here\n") };
    let kind = if is_root { "text/html" } else { "text/plain" };
    let length = body.len();
    let body = if head.starts_with(b"HEAD") { "" } else { body };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}
