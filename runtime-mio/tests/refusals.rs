//! What clients hear when nothing can be had: bad requests, and backends that fail.

mod house;

use house::{Daemon, Fate, House, Nobody, eventually, heads};

/// Requests that are bad by themselves; no backend hears of any of them.
#[test]
fn bad_requests_have_their_statuses() {
    let house = House::new(
        "ProxyPass /private/ !\nProxyPass / ws://BACKEND/\nLimitRequestBody 1000\n\
         ProxyWebsocketOrigin missing=allow https://app.example",
    );
    let long = "x".repeat(9_000);
    let rows = [
        ("400", "no request at all\r\n\r\n".to_owned()),
        ("400", "GET / HTTP/1.1\r\n\r\n".to_owned()),
        ("400", "GET / HTTP/1.1\nHost: h\n\n".to_owned()),
        ("400", heads::get("/", "Host: other.example\r\n")),
        ("400", heads::get("/", "A: b\r\n c\r\n")),
        ("400", heads::get("/", "A : b\r\n")),
        ("400", heads::get("/", "Content-Length: 5, 5\r\n")),
        ("400", heads::get("/", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")),
        ("400", heads::get("/%zz", "")),
        ("400", heads::ask("Content-Length: 5\r\n")),
        ("400", heads::ask("").replace("GET", "POST")),
        ("400", heads::ask("").replace("Sec-WebSocket-Key: dGhlI", "Sec-WebSocket-Key: ")),
        ("403", heads::ask("Origin: https://evil.example\r\n")),
        ("404", heads::get("/private/x", "")),
        ("404", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n".to_owned()),
        ("411", heads::get("/", "").replace("GET", "POST").replace("HTTP/1.1", "HTTP/1.0")),
        ("413", heads::get("/", "Content-Length: 1001\r\n")),
        ("414", heads::get(&format!("/{long}"), "")),
        ("417", heads::ask("Expect: 100-continue\r\n")),
        ("426", heads::ask("").replace("Version: 13", "Version: 8")),
        ("431", heads::get("/", &format!("A: {long}\r\n"))),
        ("431", heads::get("/", &"A: b\r\n".repeat(100))),
        ("501", heads::get("/", "Transfer-Encoding: gzip\r\n")),
        ("505", heads::get("/", "").replace("HTTP/1.1", "HTTP/1.2")),
    ];
    for (status, request) in rows {
        let mut client = house.client();
        client.send(&request);
        let response = client.text();
        assert_eq!(heads::status(&response), status, "{request:?} got {response:?}");
        let closes = response.contains("\r\nConnection: close\r\n")
            || response.contains("\r\nConnection: Upgrade, close\r\n");
        assert!(closes, "{response:?} leaves the connection open");
    }
}

/// R2: the answer to another version says which one it should have been.
#[test]
fn another_version_is_told_the_right_one() {
    let house = House::new("ProxyPass / ws://BACKEND/");
    let mut client = house.client();
    client.send(heads::ask("").replace("Version: 13", "Version: 8"));
    let response = client.text();
    assert!(heads::has(&response, "Sec-WebSocket-Version: 13"), "{response}");
    assert!(heads::has(&response, "Upgrade: websocket"), "{response}");
}

/// R32: a head is refused as soon as it is too long, not when it ends.
#[test]
fn a_head_without_end_is_refused() {
    let house = House::new("ProxyPass / ws://BACKEND/");
    let mut client = house.client();
    client.send("GET / HTTP/1.1\r\nHost: h\r\nA: ");
    client.send([b'x'; 16_384]);
    assert_eq!(heads::status(&client.text()), "431");
}

/// What a refused client still sends does not turn its answer into a reset.
#[test]
fn a_refusal_is_heard_by_a_client_that_goes_on_sending() {
    let house = House::new("ProxyPass / !");
    for _ in 0..50 {
        let mut client = house.client();
        client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 131072\r\n\r\n");
        client.send([b'x'; 131_072]);
        assert_eq!(heads::status(&client.text()), "404");
    }
}

#[test]
fn a_backend_that_refuses_makes_503() {
    let nobody = Nobody::new();
    let daemon = Daemon::run(&format!("ProxyPass / ws://{}/", nobody.address()));
    for request in [heads::ask(""), heads::get("/", "")] {
        let mut client = daemon.connect();
        client.send(request);
        let response = client.text();
        assert_eq!(heads::status(&response), "503");
        assert!(heads::has(&response, "Retry-After: 1"), "{response}");
    }
    let name = nobody.address().to_string();
    eventually("the operator is told", || daemon.said().contains(&name));
}

#[test]
fn a_name_that_nobody_has_makes_503() {
    // The clock is for machines on which even the resolver cannot be reached.
    let daemon = Daemon::run("ProxyPass / ws://nothing.invalid/ connectiontimeout=3");
    let mut client = daemon.connect();
    client.send(heads::ask(""));
    assert_eq!(heads::status(&client.text()), "503");
}

#[test]
fn a_backend_that_closes_without_an_answer_makes_502() {
    let house = House::new("ProxyPass / ws://BACKEND/");
    for request in [heads::ask(""), heads::get("/", "")] {
        let (mut client, backend, _) = house.asked(&request);
        drop(backend);
        assert_eq!(heads::status(&client.text()), "502");
        let (mut client, backend, _) = house.asked(&request);
        backend.reset();
        assert_eq!(heads::status(&client.text()), "502");
    }
}

/// R3b: answers that are none, whatever was asked. Both sides are closed, neither waits for the other.
#[test]
fn a_backend_that_talks_nonsense_makes_502() {
    let wrong_proof = heads::SWITCH.replace("s3pP", "S3pP");
    let other_protocol = heads::SWITCH.replace("Upgrade: websocket", "Upgrade: foo");
    let rows = [
        (heads::ask(""), "SSH-2.0-OpenSSH_9.9\r\n\r\n"),
        (heads::ask(""), "HTTP/1.1 101\r\n\r\n"),
        (heads::ask(""), &wrong_proof),
        (heads::ask(""), &other_protocol),
        (heads::get("/", ""), "\0\0\0\0\r\n\r\n"),
        (heads::get("/", ""), "HTTP/1.1 200 OK\nContent-Length: 2\n\nno"),
        (heads::get("/", ""), "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nno"),
        (heads::get("/", ""), heads::SWITCH),
    ];
    for (request, answer) in rows {
        let house = House::new("ProxyPass / ws://BACKEND/");
        let (mut client, mut backend, _) = house.asked(&request);
        backend.send(answer);
        let response = client.text();
        assert_eq!(heads::status(&response), "502", "{answer:?} became {response:?}");
        backend.ends();
    }
}

/// R1: what is not a switch is an ordinary response, and the connection is no tunnel.
#[test]
fn a_refused_handshake_is_passed_on() {
    let house = House::new("ProxyPass / ws://BACKEND/");
    let no = "HTTP/1.1 403 Forbidden\r\nX-Why: not you\r\nContent-Length: 7\r\n\r\nno way\n";
    let (_, response) = house.exchange(&heads::ask(""), no);
    assert_eq!((heads::status(&response), heads::body(&response)), ("403", "no way\n"));
    assert!(heads::has(&response, "X-Why: not you"), "{response}");
    let other = "HTTP/1.1 426 Upgrade Required\r\nConnection: upgrade\r\nUpgrade: foo\r\n\
                 Content-Length: 0\r\n\r\n";
    let (_, response) = house.exchange(&heads::ask(""), other);
    assert_eq!(heads::status(&response), "426");
    assert!(heads::has(&response, "Upgrade: foo"), "{response}");
    assert!(heads::has(&response, "Connection: Upgrade, close"), "{response}");
}

/// `ProxyErrorOverride`: nothing of a backend's error is heard but its status, in what the client reads.
#[test]
fn an_error_is_said_in_our_own_words() {
    let house = House::new("ProxyPass / ws://BACKEND/\nProxyErrorOverride On 403 500");
    for (status, reason) in [("403", "Forbidden"), ("500", "Internal Server Error")] {
        let no =
            format!("HTTP/1.1 {status} Secret\r\nX: secret\r\nContent-Length: 6\r\n\r\nsecret");
        for request in
            [heads::ask("Accept: text/html\r\n"), heads::get("/", "Accept: text/html\r\n")]
        {
            let (_, response) = house.exchange(&request, &no);
            assert_eq!(heads::status(&response), status);
            assert!(heads::body(&response).contains(&format!("<h1>{status} {reason}</h1>")));
            assert!(!response.to_ascii_lowercase().contains("secret"), "{response}");
        }
    }
    let (_, response) = house.exchange(&heads::get("/", ""), "HTTP/1.1 404 No\r\n\r\ntheirs");
    assert_eq!(heads::body(&response), "theirs");
}

/// Half a response must look like half of one, however its end would have been found.
#[test]
fn a_response_that_breaks_off_is_seen_to_break_off() {
    let house = House::new("ProxyPass / http://BACKEND/");
    for framing in ["", "Content-Length: 100\r\n", "Transfer-Encoding: chunked\r\n"] {
        let (mut client, mut backend, _) = house.asked(&heads::get("/", ""));
        backend.send(format!("HTTP/1.1 200 OK\r\n{framing}\r\n5\r\nhalf\n\r\n"));
        client.head();
        client.hear("5\r\nhalf\n\r\n");
        backend.reset();
        assert_eq!(client.fate(), Fate::Reset, "{framing:?} ended in order");
    }
}

/// An orderly end is as bad as a reset where the framing promised more.
#[test]
fn a_response_that_ends_too_early_is_seen_to_break_off() {
    let house = House::new("ProxyPass / http://BACKEND/");
    for framing in ["Content-Length: 100\r\n", "Transfer-Encoding: chunked\r\n"] {
        let (mut client, mut backend, _) = house.asked(&heads::get("/", ""));
        backend.send(format!("HTTP/1.1 200 OK\r\n{framing}\r\n5\r\nhalf\n\r\n"));
        client.head();
        client.hear("5\r\nhalf\n\r\n");
        drop(backend);
        assert_eq!(client.fate(), Fate::Reset, "{framing:?} ended in order");
    }
}
