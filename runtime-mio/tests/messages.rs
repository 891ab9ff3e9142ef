//! WebSockets through the daemon, with a real library at both ends.

mod house;

use std::thread;

use house::{House, Wire, pattern};
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Error, Message, WebSocket};

const MIB: usize = 1024 * 1024;
/// Around each length at which a frame's header changes its shape (RFC 6455 §5.2), and far beyond.
const SIZES: [usize; 8] = [0, 1, 125, 126, 65_535, 65_536, MIB, 16 * MIB];

#[test]
fn messages_of_every_size_come_back_as_they_went() {
    let house = House::new("ProxyPass / ws://BACKEND/");
    let (mut client, backend) = house.websocket();
    thread::scope(|scope| {
        scope.spawn(|| echo(backend));
        for message in SIZES.into_iter().flat_map(|size| [binary(size), text(size)]) {
            client.send(message.clone()).expect("the message goes out");
            let echoed = client.read().expect("the message comes back");
            assert!(echoed == message, "a message of {} bytes has changed", message.len());
        }
        bid_farewell(client);
    });
}

#[test]
fn frames_go_through_as_they_are_cut() {
    let house = House::new("ProxyPass / ws://BACKEND/");
    let (mut client, mut backend) = house.websocket();
    client.send(Message::Ping("are you there?".into())).expect("the ping goes out");
    assert_eq!(backend.read().expect("the ping comes"), Message::Ping("are you there?".into()));
    backend.flush().expect("the pong goes out");
    assert_eq!(client.read().expect("the pong comes"), Message::Pong("are you there?".into()));
    let reason = CloseFrame { code: CloseCode::Library(4001), reason: "enough".into() };
    backend.close(Some(reason.clone())).expect("the close goes out");
    assert_eq!(client.read().expect("the close comes"), Message::Close(Some(reason)));
}

#[test]
fn many_small_messages_keep_their_order() {
    let house = House::new("ProxyPass / ws://BACKEND/");
    let (mut client, mut backend) = house.websocket();
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..5_000 {
                backend.write(Message::text(number.to_string())).expect("it goes out");
            }
            backend.flush().expect("all have gone out");
        });
        for number in 0..5_000 {
            assert_eq!(client.read().expect("it comes"), Message::text(number.to_string()));
        }
    });
}

fn binary(size: usize) -> Message {
    Message::binary(pattern::pieces(0, size).collect::<Vec<_>>().concat())
}

/// Characters of two bytes, so that every buffer's end falls into one sooner or later.
fn text(size: usize) -> Message {
    Message::text("é".repeat(size / 2) + &"e".repeat(size % 2))
}

/// Sends back what comes until the client says goodbye.
fn echo(mut backend: WebSocket<Wire>) {
    loop {
        match backend.read() {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => {
                backend.send(message).expect("the echo goes out");
            }
            Ok(_) => {}
            Err(Error::ConnectionClosed) => return,
            Err(error) => panic!("the backend's connection broke: {error}"),
        }
    }
}

/// The closing handshake, to its end.
fn bid_farewell(mut client: WebSocket<Wire>) {
    client.close(None).expect("the close goes out");
    let end = loop {
        if let Err(end) = client.read() {
            break end;
        }
    };
    assert!(matches!(end, Error::ConnectionClosed), "the connection broke: {end}");
}
