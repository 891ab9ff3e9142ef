//! The command line: what it prints, and the status that it ends with.

mod house;

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use house::daemon::{UNDERPASS, empty_folder};
use house::{Daemon, heads};
use tungstenite::Message;

/// How a command ended, and what it said.
#[derive(Debug)]
struct Said {
    status: Option<i32>,
    out: String,
    err: String,
}

#[test]
fn a_good_configuration_is_good() {
    let path = file("good.conf", "Listen 8080\nProxyPass /no !\nProxyPass / ws://127.0.0.1:9/\n");
    let said = underpass(&["check", "-f", &path]);
    assert_eq!((said.status, said.err.as_str()), (Some(0), ""));
    assert!(said.out.starts_with("The configuration is good. Rules: 2. "), "{}", said.out);
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let text = "Listen 8080\nProxyPas / ws://127.0.0.1:9/\nTimeout 5 days\n\
                ProxyPass / ws://127.0.0.1:9/ retry=soon\n";
    let path = file("bad.conf", text);
    let said = underpass(&["check", "--file", &path]);
    assert_eq!((said.status, said.out.as_str()), (Some(1), ""));
    assert_eq!(said.err.matches("error: ").count(), 3, "{}", said.err);
    for place in ["2:1", "3:1", "4:37"] {
        assert!(said.err.contains(&format!("--> {path}:{place}")), "{place}: {}", said.err);
    }
    assert!(said.err.contains("did you mean `ProxyPass`?"), "{}", said.err);
    assert!(said.err.ends_with("underpass: 3 problems in the configuration\n"), "{}", said.err);
}

/// A daemon that cannot have all of its configuration does not run with half of it.
#[test]
fn a_bad_configuration_does_not_run() {
    let said = underpass(&["run", "-C", "Listen 127.0.0.1:0", "-C", "ProxyPass / nowhere"]);
    assert_eq!(said.status, Some(1));
    assert!(!said.err.contains("listening"), "{}", said.err);
}

#[test]
fn defines_come_from_the_command_line() {
    let rule = "ProxyPass / ws://${host}:9/";
    let said = underpass(&["check", "-D", "host=backend.example", "-C", "Listen 80", "-C", rule]);
    assert_eq!(said.status, Some(0), "{}", said.err);
    let said = underpass(&["check", "-C", "Listen 80", "-C", rule]);
    assert_eq!(said.status, Some(1));
    assert!(said.err.contains("--> -C 2:1:"), "{}", said.err);
}

#[test]
fn what_is_no_command_is_explained() {
    for arguments in [&["walk"][..], &["run", "--fast"], &["demo", "--listen", "nowhere"], &[]] {
        let said = underpass(arguments);
        assert_eq!(said.status, Some(2), "{arguments:?}");
        assert!(said.err.contains("--help"), "{}", said.err);
    }
}

#[test]
fn a_file_that_is_not_there_is_one_line() {
    let said = underpass(&["run", "-f", "nowhere.conf"]);
    assert_eq!(said.status, Some(1));
    assert!(said.err.starts_with("underpass: cannot read nowhere.conf: "), "{}", said.err);
    assert_eq!(said.err.lines().count(), 1, "{}", said.err);
}

#[test]
fn no_configuration_at_all_is_one_line() {
    if PathBuf::from("/etc/underpass/underpass.conf").exists() {
        eprintln!("skipped: this machine has a configuration");
        return;
    }
    let said = underpass(&["run"]);
    assert_eq!(said.status, Some(1));
    assert!(said.err.starts_with("underpass: no configuration: "), "{}", said.err);
    assert_eq!(said.err.lines().count(), 1, "{}", said.err);
}

#[test]
fn an_address_in_use_is_one_line() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = taken.local_addr().expect("it is bound");
    let listen = format!("Listen {address}");
    let said = underpass(&["run", "-C", &listen, "-C", "ProxyPass / ws://127.0.0.1:9/"]);
    assert_eq!(said.status, Some(1));
    let expected = format!("underpass: cannot listen on {address}: ");
    assert!(said.err.starts_with(&expected), "{}", said.err);
    assert_eq!(said.err.lines().count(), 1, "{}", said.err);
}

/// Not even another daemon's address, though both would share it.
#[test]
fn an_address_is_not_shared_with_another_daemon() {
    let first = Daemon::run("ProxyPass / ws://127.0.0.1:9/");
    let listen = format!("Listen {}", first.address());
    let said = underpass(&["run", "-C", &listen, "-C", "ProxyPass / ws://127.0.0.1:9/"]);
    assert_eq!(said.status, Some(1));
    assert!(said.err.contains("cannot listen on"), "{}", said.err);
}

/// Who has read where it listens may stop it: not even then is it killed by what should stop it.
#[test]
fn sigterm_is_obeyed_from_the_first_line_on() {
    for _ in 0..30 {
        let status = Daemon::run("ProxyPass / ws://127.0.0.1:9/").stop();
        assert!(status.success(), "it ended with {status}");
    }
}

/// Core names the files of TLS, and `check` opens them.
#[test]
fn files_of_tls_are_told_where_they_are_named() {
    let text = "Listen 443 https\n<VirtualHost *:443>\nSSLEngine on\nSSLCertificateFile /no/such.pem\n\
                </VirtualHost>\nProxyPass / ws://127.0.0.1:9/\n";
    let path = file("tls.conf", text);
    let said = underpass(&["check", "-f", &path]);
    assert_eq!((said.status, said.out.as_str()), (Some(1), ""));
    assert!(said.err.contains("error: it cannot be read: No such file"), "{}", said.err);
    assert!(said.err.contains(&format!("--> {path}:4:20")), "{}", said.err);
    assert!(said.err.ends_with("underpass: 1 problem in the configuration\n"), "{}", said.err);
}

#[test]
fn directives_are_described() {
    let all = underpass(&["directives"]);
    assert_eq!(all.status, Some(0));
    assert!(all.out.lines().any(|line| line.starts_with("ProxyWebsocketIdleTimeout ")));
    let one = underpass(&["directives", "proxypass"]);
    assert_eq!(one.status, Some(0));
    for part in ["ProxyPass [[~] path] !|url [key=value]...", "connectiontimeout=", "Origin:"] {
        assert!(one.out.contains(part), "no {part} in {}", one.out);
    }
    let none = underpass(&["directives", "ProxyPasta"]);
    assert_eq!((none.status, none.err.lines().count()), (Some(1), 1), "{}", none.err);
}

#[test]
fn the_manual_is_a_page_of_markdown() {
    let page = underpass(&["directives", "--markdown"]);
    assert_eq!(page.status, Some(0));
    assert!(page.out.starts_with("# Directives\n"), "{}", page.out);
}

#[test]
fn what_is_hardly_meant_is_warned_of_and_runs_all_the_same() {
    let path = file("odd.conf", "Listen 80\nProxyPass /a/ ws://127.0.0.1:9/b\n");
    let said = underpass(&["check", "-f", &path]);
    assert_eq!(said.status, Some(0), "{}", said.err);
    assert!(said.err.contains("warning: the path ends with `/`"), "{}", said.err);
    assert!(said.err.ends_with("underpass: 1 warning in the configuration\n"), "{}", said.err);
}

/// What the README shows works as it is shown, where its files are.
#[test]
fn the_configurations_of_the_readme_can_be_used() {
    let keys = rcgen::generate_simple_self_signed(["example.com".into()]).expect("keys");
    let [certificate, key, issuer] = [
        ("example.pem", keys.cert.pem()),
        ("example.key", keys.signing_key.serialize_pem()),
        ("backends.pem", keys.cert.pem()),
    ]
    .map(|(name, text)| file(name, &text));
    let private = fs::Permissions::from_mode(0o600);
    fs::set_permissions(&key, private).expect("nobody else may read it");
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md"));
    let readme = readme.expect("it is there");
    let examples: Vec<_> = readme.split("```apache\n").skip(1).collect();
    assert!(!examples.is_empty());
    for (number, example) in examples.into_iter().enumerate() {
        let text = example.split("```").next().unwrap_or_default();
        let text = text
            .replace("/etc/underpass/example.pem", &certificate)
            .replace("/etc/underpass/example.key", &key)
            .replace("/etc/underpass/backends.pem", &issuer);
        let path = file(&format!("readme-{number}.conf"), &text);
        let said = underpass(&["check", "-f", &path]);
        assert_eq!((said.status, said.err.as_str()), (Some(0), ""));
    }
}

#[test]
fn a_url_is_explained() {
    let rules = ["-C", "Listen 80", "-C", "ProxyPass /no !", "-C", "ProxyPass / ws://b.example:9/"];
    let said = underpass(&[&["check", "--explain", "ws://a.example/chat"], &rules[..]].concat());
    assert_eq!(said.status, Some(0), "{}", said.err);
    let expected = "host      underpass: it is the main server, and no virtual host is for that address\n\
                    not       /no !: it is for other paths\n\
                    rule      / ws://b.example:9/\n\
                    backend   ws://b.example:9, asked for /chat\n";
    assert_eq!(said.out, expected);
    let bad = underpass(&[&["check", "--explain", "http://a.example/%zz"], &rules[..]].concat());
    assert_eq!((bad.status, bad.out.as_str()), (Some(1), ""));
    assert!(bad.err.contains("would be refused: bad %-escape in the path"), "{}", bad.err);
}

#[test]
fn the_demo_has_a_page_and_an_echo() {
    let mut command = Command::new(UNDERPASS);
    let demo = Daemon::start(command.args(["demo", "--listen", "127.0.0.1:0"]));
    let mut client = demo.connect();
    client.send(heads::get("/", ""));
    let page = client.text();
    assert_eq!(heads::status(&page), "200");
    assert!(page.contains("<html") && page.trim_end().ends_with("</html>"), "{page}");
    let url = format!("ws://{}/echo", demo.address());
    let (mut socket, _) = tungstenite::client(url, demo.connect()).expect("a WebSocket");
    socket.send(Message::text("is there an echo?")).expect("it goes out");
    assert_eq!(socket.read().expect("it comes back"), Message::text("is there an echo?"));
}

/// Runs the binary where there is no configuration.
fn underpass(arguments: &[&str]) -> Said {
    let mut command = Command::new(UNDERPASS);
    command.args(arguments).current_dir(empty_folder()).stdin(Stdio::null());
    let output = command.output().expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Said { status: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// A configuration file with that text; its path.
fn file(name: &str, text: &str) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).expect("a file in the target folder");
    path.to_str().expect("a path of ASCII").to_owned()
}
