//! The same bytes, read by hyper: over a connection in memory, polled by hand. Shared with the fuzz
//! target `exchange`.

use std::future::Future;
use std::io::{Error, ErrorKind};
use std::pin::{Pin, pin};
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};

use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::service::service_fn;
use hyper::{client, server};

use super::message::{Reading, Request};

/// How a connection ends behind its bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    /// In an orderly way.
    Fin,
    /// By a reset.
    Reset,
}

/// One end of a connection: what comes is known, what goes is of no interest.
struct Wire<'b> {
    to_come: &'b [u8],
    end: End,
    /// A server says nothing before it was asked.
    is_asked: bool,
}

/// A response as hyper's client understood it.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    /// What stands behind it.
    pub(crate) behind: Vec<u8>,
}

/// The requests of a connection.
pub(crate) fn requests(bytes: &[u8]) -> Reading {
    let (sender, taken) = mpsc::channel();
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let sender = sender.clone();
        async move {
            let (head, body) = request.into_parts();
            let target = head.uri.to_string();
            let method = head.method.to_string();
            let body = body.collect().await?.to_bytes().to_vec();
            let request = Request { method, target, body };
            sender.send(request).expect("the receiver lives longer");
            Ok::<_, hyper::Error>(hyper::Response::new(Empty::<Bytes>::new()))
        }
    });
    let mut server = server::conn::http1::Builder::new();
    let wire = Wire { to_come: bytes, end: End::Fin, is_asked: true };
    server.half_close(true).max_headers(FIELDS_MOST);
    let ended = driven(server.serve_connection(wire, service));
    Reading {
        requests: taken.try_iter().collect(),
        refused: ended.err().map(|error| format!("{error:?}")),
    }
}

/// The response to a request with that method.
pub(crate) fn response(method: &str, bytes: &[u8], end: End) -> Result<Answer, hyper::Error> {
    let wire = Wire { to_come: bytes, end, is_asked: false };
    let mut client = client::conn::http1::Builder::new();
    let handshake = client.max_headers(FIELDS_MOST).handshake(wire);
    let (mut sender, mut connection) = driven(handshake)?;
    let request = hyper::Request::builder().method(method).uri("/").header("Host", "h");
    let request = request.body(Empty::<Bytes>::new()).expect("a good request");
    let response = async {
        let response = sender.send_request(request).await?;
        let (status, body) = (response.status().as_u16(), response.into_body());
        Ok::<_, hyper::Error>((status, body.collect().await?.to_bytes().to_vec()))
    };
    let mut response = pin!(response);
    let mut ended = false;
    let (status, body) = driven(std::future::poll_fn(|cx| {
        ended = ended || connection.poll_without_shutdown(cx).is_ready();
        response.as_mut().poll(cx)
    }))?;
    let parts = connection.into_parts();
    let behind = [&parts.read_buf[..], parts.io.to_come].concat();
    Ok(Answer { status, body, behind })
}

/// More fields than a head of ours can have: their number is no matter of grammar.
const FIELDS_MOST: usize = 300;

/// Polls until it is ready: nothing here waits for anything but to be polled again.
fn driven<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..100_000 {
        if let Poll::Ready(value) = future.as_mut().poll(&mut cx) {
            return value;
        }
    }
    panic!("hyper stands still")
}

impl Read for Wire<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut room: ReadBufCursor<'_>,
    ) -> Poll<Result<(), Error>> {
        if !self.is_asked {
            return Poll::Pending;
        }
        if self.to_come.is_empty() && self.end == End::Reset {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        let (now, rest) = self.to_come.split_at(room.remaining().min(self.to_come.len()));
        room.put_slice(now);
        self.to_come = rest;
        Poll::Ready(Ok(()))
    }
}

impl Write for Wire<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, Error>> {
        self.is_asked = true;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }
}
