//! `underpass check --explain URL`: whom a request for that URL would reach, and why.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use underpass_core::config::Config;
use underpass_core::head::{Request, slots};
use underpass_core::route::{CleanPath, Question, explain as explained};

/// What would become of a request for `url`: a WebSocket's handshake for `ws://`, a page for `http://`.
pub(crate) fn explain(config: &Config, url: &str) -> Result<String, String> {
    let bad = |why: &dyn std::fmt::Display| format!("underpass: `{url}` would be refused: {why}\n");
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let handshake = match scheme {
        "http" => "",
        "ws" => "Connection: Upgrade\r\nUpgrade: websocket\r\n",
        _ => {
            return Err(format!("underpass: `{url}` begins neither with http:// nor with ws://\n"));
        }
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let slash = if path.starts_with('/') { "" } else { "/" };
    let head = format!("GET {slash}{path} HTTP/1.1\r\nHost: {authority}\r\n{handshake}\r\n");
    let mut slots = slots();
    let request = Request::parse(head.as_bytes(), &mut slots).map_err(|error| bad(&error))?;
    let clean = CleanPath::parse(request.path).map_err(|error| bad(&error))?;
    let local = local(request.host().unwrap_or_default(), authority);
    let text =
        explained(&config.rules, &Question { local, request: &request, path: &clean }).to_string();
    Ok(heard(config, local) + &text)
}

/// Where the connection would come to: an address that is named, or one of this machine.
fn local(name: &str, authority: &str) -> SocketAddr {
    let ip = name.parse().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let port = authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    SocketAddr::new(ip, port.unwrap_or(80))
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
        let tunnel = said("ws://h/a/x").expect("it is explained");
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
    fn a_url_that_no_request_may_be_for_is_refused() {
        for url in ["http://h/%zz", "http://h h/", "http:///", "ftp://h/", "h/a"] {
            assert!(said(url).is_err(), "{url}");
        }
    }
}
