//! `underpass check --explain URL`: whom a request for that URL would reach, and why.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use underpass_core::config::Config;
use underpass_core::head::{Request, slots};
use underpass_core::route::{CleanPath, Question, explain as explained};

/// What would become of a request for `url`: a WebSocket's handshake for `ws://` and `wss://`, a page for
/// `http://` and `https://`.
pub(crate) fn explain(config: &Config, url: &str) -> Result<String, String> {
    let bad = |why: &dyn std::fmt::Display| format!("underpass: `{url}` would be refused: {why}\n");
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let handshake = match scheme {
        "http" | "https" => "",
        "ws" | "wss" => "Connection: Upgrade\r\nUpgrade: websocket\r\n",
        _ => {
            let known = "http://, https://, ws:// and wss://";
            return Err(format!("underpass: `{url}` begins with none of {known}\n"));
        }
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let slash = if path.starts_with('/') { "" } else { "/" };
    let head = format!("GET {slash}{path} HTTP/1.1\r\nHost: {authority}\r\n{handshake}\r\n");
    let mut slots = slots();
    let request = Request::parse(head.as_bytes(), &mut slots).map_err(|error| bad(&error))?;
    let clean = CleanPath::parse(request.path).map_err(|error| bad(&error))?;
    let is_secure = matches!(scheme, "https" | "wss");
    let local = local(request.host().unwrap_or_default(), authority, is_secure);
    let text =
        explained(&config.rules, &Question { local, request: &request, path: &clean }).to_string();
    Ok(heard(config, local) + &spoken(config, local, is_secure) + &text)
}

/// Where the connection would come to: an address that is named, or one of this machine.
fn local(name: &str, authority: &str, is_secure: bool) -> SocketAddr {
    let ip = name.parse().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let port = authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    SocketAddr::new(ip, port.unwrap_or(if is_secure { 443 } else { 80 }))
}

/// A line that says if the request would not be understood for want of TLS, or for its being there.
fn spoken(config: &Config, local: SocketAddr, is_secure: bool) -> String {
    let rules = &config.rules;
    match (rules.front(rules.door(local)).tls.is_some(), is_secure) {
        (true, false) => "note      TLS is spoken there: 400 to who does not\n".into(),
        (false, true) => "note      no TLS is spoken there\n".into(),
        (true, true) | (false, false) => String::new(),
    }
}

/// A line that says if nobody would hear it.
fn heard(config: &Config, local: SocketAddr) -> String {
    let ports = || config.listens.iter().map(|listen| listen.address.port());
    // Port 0 may be any.
    if ports().any(|port| port == local.port() || port == 0) {
        return String::new();
    }
    format!("note      nobody listens on port {}\n", local.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use underpass_core::config::{Input, Nowhere, load};

    fn said(url: &str) -> Result<String, String> {
        let line = |text: &str| Input::Line { name: "conf".into(), text: text.into() };
        let lines = ["Listen 80", "ProxyPass /a ws://b:9/", "ProxyPass /a http://b:8/"].map(line);
        let config = load(&mut Nowhere, &lines, &[]).expect("the lines are good");
        explain(&config, url)
    }

    #[test]
    fn a_url_says_what_is_asked_for() {
        let page = said("http://h/a/x?q").expect("it is explained");
        assert!(page.ends_with("backend   http://b:8, asked for //x\n"), "{page}");
        let secure = said("wss://h:80/a/x").expect("it is explained");
        let (note, rest) = secure.split_once('\n').expect("it has lines");
        assert_eq!(note, "note      no TLS is spoken there");
        let tunnel = said("ws://h/a/x").expect("it is explained");
        assert_eq!(rest, tunnel);
        assert!(tunnel.ends_with("backend   ws://b:9, asked for //x\n"), "{tunnel}");
        let root = said("http://h:81").expect("it is explained");
        assert!(root.starts_with("note      nobody listens on port 81\n"), "{root}");
        assert!(root.ends_with("nobody    no rule takes it: 404\n"), "{root}");
    }

    /// What the URL does not say is said to be unsaid.
    #[test]
    fn what_depends_on_a_field_is_told() {
        let line = |text: &str| Input::Line { name: "conf".into(), text: text.into() };
        let lines = ["Listen 80", "BrowserMatch bot no-proxy", "ProxyPass / http://b/"].map(line);
        let config = load(&mut Nowhere, &lines, &[]).expect("the lines are good");
        let told = explain(&config, "http://h/x").expect("it is explained");
        assert!(told.contains("depends   on User-Agent: "), "{told}");
        assert!(told.ends_with("backend   http://b, asked for /x\n"), "{told}");
    }

    #[test]
    fn who_speaks_without_tls_to_a_host_that_does_is_told() {
        let line = |text: &str| Input::Line { name: "conf".into(), text: text.into() };
        let lines = ["Listen 443", "SSLEngine on", "SSLCertificateFile /a", "ProxyPass / ws://b"];
        let config = load(&mut Nowhere, &lines.map(line), &[]).expect("the lines are good");
        let told = |url: &str| explain(&config, url).expect("it is explained");
        let plain = told("ws://h:443/");
        assert!(
            plain.starts_with("note      TLS is spoken there: 400 to who does not\n"),
            "{plain}"
        );
        assert!(!told("wss://h/").contains("note"), "and 443 is the port of wss");
    }

    #[test]
    fn a_url_that_no_request_may_be_for_is_refused() {
        for url in ["http://h/%zz", "http://h h/", "http:///", "ftp://h/", "h/a"] {
            assert!(said(url).is_err(), "{url}");
        }
    }
}
