//! What rules say, seen from both ends.

mod house;

use house::{House, heads};

#[test]
fn a_handshake_reaches_the_backend_as_the_rule_says() {
    let house = House::new("ServerName proxy.example\nProxyPass /chat ws://BACKEND/socket/chat");
    let (mut client, mut backend, heard) = house.asked(&heads::ask("Cookie: a=b\r\n"));
    let host = house.backend.address();
    let expected = format!(
        "GET /socket/chat HTTP/1.1\r\nHost: {host}\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nCookie: a=b\r\n\
         X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: app.example\r\n\
         X-Forwarded-Server: proxy.example\r\nX-Forwarded-Proto: http\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    );
    assert_eq!(heard, expected);
    backend.send(heads::SWITCH);
    assert_eq!(client.head(), heads::SWITCH);
}

#[test]
fn any_protocol_may_be_switched_to_where_the_rule_says_any() {
    let house = House::new("ProxyPass / http://BACKEND/ upgrade=ANY");
    let request = heads::get("/", "Connection: upgrade\r\nUpgrade: smoke-signals/2\r\n");
    let (mut client, mut backend, heard) = house.asked(&request);
    assert!(heads::has(&heard, "Upgrade: smoke-signals/2"), "{heard}");
    backend.send(heads::SWITCH_FOO.replace("foo", "smoke-signals/2") + "puff");
    assert!(client.head().starts_with("HTTP/1.1 101 "));
    client.hear("puff");
}

/// R8: HTTP itself is never switched to, not even where the rule says any.
#[test]
fn http_is_never_switched_to() {
    let house = House::new("ProxyPass / http://BACKEND/ upgrade=ANY");
    let fields = "Connection: upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n";
    let (heard, response) = house.exchange(&heads::get("/", fields), &heads::fine("plain"));
    assert!(!heard.contains("Upgrade"), "{heard}");
    assert!(!heard.contains("HTTP2-Settings"), "{heard}");
    assert_eq!(heads::body(&response), "plain");
}

/// httpd's `NONE`: the Upgrade field was lost on the way here, and is put back.
#[test]
fn a_handshake_without_its_upgrade_is_made_whole_where_the_rule_says_none() {
    let house = House::new("ProxyPass / ws://BACKEND/ upgrade=NONE");
    let request = heads::ask("").replace("Connection: Upgrade\r\nUpgrade: websocket\r\n", "");
    let (mut client, mut backend, heard) = house.asked(&request);
    assert!(heads::has(&heard, "Upgrade: websocket"), "{heard}");
    backend.send(heads::SWITCH);
    assert_eq!(client.head(), heads::SWITCH);
    client.send("ping");
    backend.hear("ping");
}

#[test]
fn a_rule_for_upgrades_only_leaves_the_rest_to_the_next_one() {
    let house = House::new(
        "ProxyWebsocketFallbackToProxyHttp Off
         ProxyPass /raw ws://BACKEND/raw
         ProxyPass / ws://BACKEND/socket/
         ProxyPass / http://BACKEND/page/",
    );
    let (heard, _) = house.exchange(&heads::get("/x", ""), &heads::fine(""));
    assert!(heard.starts_with("GET /page/x HTTP/1.1\r\n"), "{heard}");
    let (_, _, heard) = house.asked(&heads::ask(""));
    assert!(heard.starts_with("GET /socket/chat HTTP/1.1\r\n"), "{heard}");
    let mut client = house.client();
    client.send(heads::ask_foo(""));
    let response = client.text();
    assert_eq!(heads::status(&response), "426");
    assert!(heads::has(&response, "Upgrade: WebSocket"), "{response}");
}

#[test]
fn the_host_is_the_clients_where_it_is_preserved() {
    let house = House::new("ProxyPreserveHost On\nProxyPass / ws://BACKEND/");
    let (_, _, heard) = house.asked(&heads::ask(""));
    assert!(heads::has(&heard, "Host: app.example"), "{heard}");
}

#[test]
fn nothing_is_said_of_the_client_where_nothing_is_added() {
    let house = House::new("ProxyAddHeaders Off\nProxyPass / ws://BACKEND/");
    let (_, _, heard) = house.asked(&heads::ask(""));
    assert!(!heard.contains("X-Forwarded"), "{heard}");
}

#[test]
fn the_first_rule_that_matches_decides() {
    let house = House::new(
        "ProxyPass /app/private !
         ProxyPass /app/ ws://BACKEND/first/
         ProxyPass / ws://BACKEND/second/",
    );
    for (path, forwarded) in [("/app/x", "/first/x"), ("/application", "/second/application")] {
        let (heard, _) = house.exchange(&heads::get(path, ""), &heads::fine(""));
        assert!(heard.starts_with(&format!("GET {forwarded} HTTP/1.1\r\n")), "{heard}");
    }
    for path in ["/app/private", "/app/private/x", "/app//private", "/app/a/../private/x"] {
        let mut client = house.client();
        client.send(heads::get(path, ""));
        assert_eq!(heads::status(&client.text()), "404", "{path} is served");
    }
}
