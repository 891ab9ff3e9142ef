//! Virtual hosts as people have them: `recipes/*.conf` pass `check` as they are, or are refused with the line
//! that replaces them; those that pass forward pages and WebSockets to a backend that says what it heard.

mod house;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use house::daemon::UNDERPASS;
use house::{House, heads};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recipes");

/// What `check` says of a recipe as it stands: its status, and its words on standard error.
fn checked(name: &str) -> (bool, String) {
    let path = Path::new(FOLDER).join(name);
    let output = Command::new(UNDERPASS).arg("check").arg("-f").arg(path).output();
    let output = output.expect("the binary runs");
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// A house with that recipe, whose backend stands wherever the recipe has one.
fn house(name: &str, backend_port: u16) -> House {
    let text = fs::read_to_string(Path::new(FOLDER).join(name)).expect("the recipe is there");
    let text = text.replace(&format!("127.0.0.1:{backend_port}"), "BACKEND");
    // It listens on a free port, and its hosts are for any.
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let lines: Vec<_> =
        lines.map(|line| line.replace("Listen 80", "").replace("*:80", "*")).collect();
    House::new(&lines.join("\n"))
}

/// What the backend heard of a page, and of a handshake.
fn heard(house: &House, host: &str, page: &str, socket: &str) -> (String, String) {
    let ask = |path: &str, fields: &str| {
        let (_client, mut backend, heard) =
            house.asked(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n"));
        backend.send(if fields.is_empty() { heads::fine("") } else { heads::SWITCH.into() });
        heard
    };
    (ask(page, ""), ask(socket, heads::HANDSHAKE))
}

fn begins(heard: &str, path: &str) -> bool {
    heard.starts_with(&format!("GET {path} HTTP/1.1\r\n"))
}

fn asks_upgrade(heard: &str) -> bool {
    heads::has(heard, "Upgrade: websocket") && heads::has(heard, "Connection: Upgrade")
}

#[test]
fn every_recipe_passes_or_is_refused_with_the_line_that_replaces_it() {
    let entries = fs::read_dir(FOLDER).expect("there is a folder");
    let paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    assert!(paths.len() >= 7, "{} recipes", paths.len());
    for path in paths {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        let (passes, said) = checked(name);
        if name.contains("rewrite") {
            assert!(!passes, "{name}");
            assert!(said.contains("upgrade=websocket"), "{name}: {said}");
        } else {
            assert!(passes, "{name}: {said}");
        }
    }
}

/// The lines of httpd's own manual.
#[test]
fn the_manuals_lines_tunnel() {
    let house = house("wstunnel-manual.conf", 9001);
    let (page, socket) = heard(&house, "ws.example.com", "/http-and-ws/x", "/ws2/y");
    assert!(begins(&page, "/some/websocket/capable/path/x") && begins(&socket, "/y"), "{socket}");
    assert!(asks_upgrade(&socket));
}

#[test]
fn jupyterhub_is_one_rule_for_both() {
    let house = house("jupyterhub.conf", 8000);
    let (page, socket) = heard(&house, "hub.example.com", "/hub", "/user/x/api/kernels");
    assert!(begins(&page, "/hub") && begins(&socket, "/user/x/api/kernels"), "{page}{socket}");
    assert!(heads::has(&socket, "Host: hub.example.com") && asks_upgrade(&socket), "{socket}");
    assert!(heads::has(&page, "X-Forwarded-Proto: http"), "{page}");
}

#[test]
fn home_assistant_has_a_rule_for_its_socket() {
    let house = house("home-assistant.conf", 8123);
    let (page, socket) = heard(&house, "home.example.com", "/lovelace", "/api/websocket");
    assert!(begins(&page, "/lovelace") && begins(&socket, "/api/websocket"), "{page}{socket}");
    assert!(asks_upgrade(&socket) && heads::has(&page, "Host: home.example.com"), "{page}");
}

#[test]
fn code_server_hears_what_the_outside_looks_like() {
    let house = house("code-server.conf", 8080);
    let (page, socket) = heard(&house, "code.example.com", "/a%2Db?folder=/x", "/stable?token=1");
    assert!(begins(&page, "/a%2Db?folder=/x") && begins(&socket, "/stable?token=1"), "{page}");
    assert!(heads::has(&page, "X-Forwarded-Proto: https") && asks_upgrade(&socket), "{page}");
    assert!(heads::has(&page, "X-Forwarded-Port: 443"), "{page}");
}

#[test]
fn mattermost_has_a_section_for_its_sockets() {
    let house = house("mattermost.conf", 8065);
    let (page, socket) = heard(&house, "www.chat.example.com", "/login", "/api/v4/websocket");
    assert!(begins(&page, "/login") && begins(&socket, "/api/v4/websocket"), "{page}{socket}");
    assert!(asks_upgrade(&socket), "{socket}");
}

#[test]
fn uptime_kuma_has_two_rules_for_one_path() {
    let house = house("uptime-kuma.conf", 3001);
    let (page, socket) = heard(&house, "status.example.com", "/dashboard", "/socket.io/?t=1");
    assert!(begins(&page, "/dashboard") && begins(&socket, "/socket.io/?t=1"), "{page}{socket}");
    assert!(asks_upgrade(&socket) && !asks_upgrade(&page));
}
