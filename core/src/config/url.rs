//! Hosts, ports and URLs: what stands in `Listen`, `ServerName` and `ProxyPass`.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::problem::Flaw;
use super::unix;
use super::values::number;
use super::words::Word;
use crate::head::request::ends_in_a_number;
use crate::route::{Address, Scheme, Target};

/// Bytes of a name and of one of its labels (RFC 1035 §2.3.4).
const NAME_MOST: usize = 253;
const LABEL_MOST: usize = 63;

/// `ws://host[:port][/path]`, or the same with `http`, perhaps on a Unix socket; or `balancer://name[/path]`.
pub(super) fn target(word: &Word) -> Result<Target, Flaw> {
    if unix::is_unix(word) { unix::target(word) } else { target_on(word, None) }
}

/// The same, which is dialled by that Unix socket: then it need not name a host.
pub(super) fn target_on(word: &Word, socket: Option<String>) -> Result<Target, Flaw> {
    let (scheme, rest) = scheme(word)?;
    let end = rest.text().find(['/', '?', '#']).unwrap_or(rest.text().len());
    let (authority, path) = rest.split_at(end);
    let (host, port) = match (&socket, authority.text()) {
        (Some(_), text) if text.is_empty() || text.starts_with(':') => {
            ("localhost".into(), port(&authority)?)
        }
        _ => host_and_port(&authority)?,
    };
    if let (Scheme::Balancer, true) = (scheme, port.is_some() || socket.is_some()) {
        let flaw = authority.flaw("a balancer has a name, and neither a port nor a socket");
        return Err(flaw.help("those are its members'"));
    }
    let port = port.unwrap_or(scheme.default_port());
    Ok(Target { scheme, host, port, path: url_path(&path)?, socket })
}

fn scheme(word: &Word) -> Result<(Scheme, Word), Flaw> {
    const ACCEPTED: &str =
        "accepted are `ws://`, `wss://`, `http://`, `https://` and `balancer://`";
    let Some(end) = word.text().find("://") else {
        return Err(word.flaw(format!("`{word}` is not a URL")).help(ACCEPTED));
    };
    let (name, rest) = (word.part(0..end), word.part(end + 3..word.text().len()));
    match name.text().to_ascii_lowercase().as_str() {
        "http" => Ok((Scheme::Http, rest)),
        "https" => Ok((Scheme::Https, rest)),
        "ws" => Ok((Scheme::Ws, rest)),
        "wss" => Ok((Scheme::Wss, rest)),
        "balancer" => Ok((Scheme::Balancer, rest)),
        _ => Err(name.flaw(format!("unknown scheme `{name}`")).help(ACCEPTED)),
    }
}

/// The path of a URL, which stands there as it is written to a backend.
pub(super) fn url_path(word: &Word) -> Result<String, Flaw> {
    for (at, char) in word.text().char_indices() {
        let message = match char {
            // What is left of a request's path behind it would otherwise complete it: `/.%2` and `e/`.
            '%' if !is_escaped(&word.text()[at + 1..]) => {
                "`%` is not followed by two hexadecimal digits"
            }
            '?' => "a query in the URL is not accepted",
            '#' => "a fragment in the URL is not accepted",
            // Parsers refuse these, our own among them (R34).
            '"' | '<' | '>' | '`' => "this character of a path must be percent-encoded",
            _ if char.is_ascii_graphic() => continue,
            _ => "the path of a URL is visible ASCII; the rest is percent-encoded",
        };
        return Err(word.part(at..at + char.len_utf8()).flaw(message));
    }
    Ok(word.text().into())
}

fn is_escaped(behind: &str) -> bool {
    behind.len() >= 2 && behind.bytes().take(2).all(|byte| byte.is_ascii_hexdigit())
}

/// What a server is called.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct ServerName {
    /// `http` or `https`.
    pub(super) scheme: Option<&'static str>,
    pub(super) host: String,
    pub(super) port: Option<u16>,
}

/// `[scheme://]host[:port]`.
pub(super) fn server_name(word: &Word) -> Result<ServerName, Flaw> {
    let (scheme, rest) = match word.text().find("://") {
        Some(end) => (Some(public_scheme(&word.part(0..end))?), word.split_at(end + 3).1),
        None => (None, word.clone()),
    };
    let (host, port) = host_and_port(&rest)?;
    Ok(ServerName { scheme, host, port })
}

fn public_scheme(word: &Word) -> Result<&'static str, Flaw> {
    let known = ["http", "https"].into_iter().find(|known| word.is(known));
    known.ok_or_else(|| {
        let flaw = word.flaw(format!("`{word}` is no scheme that clients ask a server by"));
        flaw.help("accepted are `http://` and `https://`")
    })
}

/// A further name of a server, with `*` and `?` for letters, in lower case.
pub(super) fn alias(word: &Word) -> Result<String, Flaw> {
    let letters = word.text().replace(['*', '?'], "a");
    if is_name(&letters) || letters.parse::<IpAddr>().is_ok() {
        return Ok(word.text().to_ascii_lowercase());
    }
    Err(word.flaw(format!("`{word}` is neither a host name nor a pattern of one")))
}

/// `host[:port]`: the host in lower case and without brackets, so that equal hosts are equal texts.
pub(super) fn host_and_port(word: &Word) -> Result<(String, Option<u16>), Flaw> {
    if let Some(at) = word.text().find('@') {
        return Err(word.part(0..at + 1).flaw("a user name before the host is not accepted"));
    }
    let bracketed = word.text().starts_with('[');
    let end =
        if bracketed { word.text().find(']').map(|at| at + 1) } else { word.text().find(':') };
    let (host, rest) = word.split_at(end.unwrap_or(word.text().len()));
    let host = if bracketed { address(&host)?.to_string() } else { name(&host)? };
    Ok((host, port(&rest)?))
}

fn address(word: &Word) -> Result<Ipv6Addr, Flaw> {
    let inner = word.text().strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    inner
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| word.flaw(format!("`{word}` is not an IPv6 address in brackets")))
}

fn name(word: &Word) -> Result<String, Flaw> {
    if word.text().is_empty() {
        return Err(word.flaw("the host is missing"));
    }
    if !is_name(word.text()) && word.text().parse::<Ipv4Addr>().is_err() {
        return Err(word.flaw(format!("`{word}` is neither a host name nor an address")));
    }
    Ok(word.text().to_ascii_lowercase())
}

/// Letters, digits, `-` and `_` in labels, and no address in disguise: as strict as we are with `Host`.
fn is_name(text: &str) -> bool {
    let labels = text.strip_suffix('.').unwrap_or(text);
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_label =
        |label: &str| (1..=LABEL_MOST).contains(&label.len()) && label.bytes().all(is_letter);
    labels.len() <= NAME_MOST && labels.split('.').all(is_label) && !ends_in_a_number(text)
}

fn port(rest: &Word) -> Result<Option<u16>, Flaw> {
    match rest.split_once(':') {
        None if rest.text().is_empty() => Ok(None),
        Some((before, port)) if before.text().is_empty() => {
            let help = "an IPv6 address stands in brackets";
            let flawed =
                |flaw: Flaw| if port.text().contains(':') { flaw.help(help) } else { flaw };
            number(&port, 1..=u16::MAX).map(Some).map_err(flawed)
        }
        _ => Err(rest.flaw(format!("`{rest}` is not a port"))),
    }
}

/// `address[:port]` of a `<VirtualHost>`; `*` and `_default_` stand for all addresses, and `*` for all ports.
pub(super) fn host_address(word: &Word) -> Result<Address, Flaw> {
    let bracket = word.text().find(']').unwrap_or(0);
    let end = word.text()[bracket..].find(':').map_or(word.text().len(), |at| bracket + at);
    let (host, rest) = word.split_at(end);
    let ip = match host.text() {
        "*" => None,
        _ if host.is("_default_") => None,
        text if text.starts_with('[') => Some(address(&host)?.into()),
        text => Some(text.parse::<Ipv4Addr>().map(IpAddr::from).map_err(|_| {
            let flaw = host.flaw(format!("`{host}` is neither an address nor `*`"));
            flaw.help("names are asked for in `ServerName`, and no DNS is asked")
        })?),
    };
    let port = if rest.text() == ":*" { None } else { port(&rest)? };
    Ok(Address { ip, port })
}

/// `[address:]port`; `*` and no address at all stand for all addresses.
pub(super) fn listen(word: &Word) -> Result<SocketAddr, Flaw> {
    let all = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    let (ip, port) = match word.rsplit_once(':') {
        None => (all, word.clone()),
        Some((host, port)) if host.text() == "*" => (all, port),
        Some((host, port)) if host.text().starts_with('[') => (address(&host)?.into(), port),
        Some((host, port)) => {
            let ip = host.text().parse::<Ipv4Addr>();
            let unknown = |_| host.flaw(format!("`{host}` is not an address"));
            (ip.map_err(unknown)?.into(), port)
        }
    };
    let help = "write `port`, `address:port` or `[address]:port`";
    let port = number(&port, 0..=u16::MAX).map_err(|flaw| flaw.help(help))?;
    Ok(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{failure, word};
    use super::*;

    #[test]
    fn a_url_is_a_scheme_a_host_a_port_and_a_path() {
        let spelled = |text| target(&word(text)).map(|target| target.to_string());
        assert_eq!(
            spelled("WS://App_1.Example.:9000/a//b%2f$"),
            Ok("ws://app_1.example.:9000/a//b%2f$".into())
        );
        assert_eq!(spelled("http://10.0.0.1:80"), Ok("http://10.0.0.1".into()));
        assert_eq!(spelled("ws://[0:0::1]:9000/"), Ok("ws://[::1]:9000/".into()));
        for (url, port) in [("ws://h", 80), ("http://h", 80), ("WSS://h", 443), ("https://h", 443)]
        {
            assert_eq!(target(&word(url)).map(|target| target.port), Ok(port), "{url}");
        }
        assert_eq!(spelled("wss://h:443/x"), Ok("wss://h/x".into()));
    }

    #[test]
    fn other_schemes_are_problems() {
        let help = "(accepted are `ws://`, `wss://`, `http://`, `https://` and `balancer://`)";
        for (text, message) in
            [("ajp://h", "unknown scheme `ajp`"), ("h:80", "`h:80` is not a URL")]
        {
            assert_eq!(failure(target(&word(text))), format!("1:1: {message} {help}"));
        }
    }

    #[test]
    fn what_a_url_may_not_have_is_a_problem() {
        for (text, message) in [
            ("ws://u:p@h/", "1:6: a user name before the host is not accepted"),
            ("ws://h/a?b", "1:9: a query in the URL is not accepted"),
            ("ws://h/a%2", "1:9: `%` is not followed by two hexadecimal digits"),
            ("ws://h/a>", "1:9: this character of a path must be percent-encoded"),
            ("ws://h/%é0", "1:8: `%` is not followed by two hexadecimal digits"),
            ("ws://h#b", "1:7: a fragment in the URL is not accepted"),
            ("ws://h/é", "1:8: the path of a URL is visible ASCII; the rest is percent-encoded"),
            ("ws://h/a b", "1:9: the path of a URL is visible ASCII; the rest is percent-encoded"),
            ("ws:///a", "1:6: the host is missing"),
            ("ws://:80", "1:6: the host is missing"),
            ("ws://a..b", "1:6: `a..b` is neither a host name nor an address"),
            ("ws://256.1.1.1", "1:6: `256.1.1.1` is neither a host name nor an address"),
            ("ws://0x7f.0X", "1:6: `0x7f.0X` is neither a host name nor an address"),
            ("ws://hé", "1:6: `hé` is neither a host name nor an address"),
            ("ws://[::1", "1:6: `[::1` is not an IPv6 address in brackets"),
            ("ws://[h]", "1:6: `[h]` is not an IPv6 address in brackets"),
            ("ws://[::1]80", "1:11: `80` is not a port"),
            (
                "balancer://a:80",
                "1:12: a balancer has a name, and neither a port nor a socket (those are its members')",
            ),
            ("ws://h:", "1:8: `` is not a whole number"),
            ("ws://h:0", "1:8: 0 is not in the range 1 to 65535"),
            ("ws://h:65536", "1:8: 65536 is not in the range 1 to 65535"),
            (
                "ws://a:b::1",
                "1:8: `b::1` is not a whole number (an IPv6 address stands in brackets)",
            ),
        ] {
            assert_eq!(failure(target(&word(text))), message);
        }
        let long = format!("ws://{}", "a".repeat(LABEL_MOST + 1));
        assert!(failure(target(&word(&long))).ends_with("neither a host name nor an address"));
        let long = format!("ws://{}", "a.".repeat(NAME_MOST / 2 + 1) + "a");
        assert!(failure(target(&word(&long))).ends_with("neither a host name nor an address"));
    }

    #[test]
    fn a_server_name_may_have_a_scheme_and_a_port() {
        let name = |text| server_name(&word(text));
        let is = |scheme, host: &str, port| Ok(ServerName { scheme, host: host.into(), port });
        assert_eq!(name("proxy.example"), is(None, "proxy.example", None));
        assert_eq!(name("HTTPS://Proxy:443"), is(Some("https"), "proxy", Some(443)));
        assert_eq!(name("http://[::1]"), is(Some("http"), "::1", None));
        let ftp = "1:1: `ftp` is no scheme that clients ask a server by \
                   (accepted are `http://` and `https://`)";
        assert_eq!(failure(name("ftp://a")), ftp);
        let bad = "1:1: `a b` is neither a host name nor an address";
        assert_eq!(failure(name("a b")), bad);
    }

    #[test]
    fn a_listener_has_an_address_or_all_of_them() {
        let address = |text| listen(&word(text)).map(|address| address.to_string());
        assert_eq!(address("8080").as_deref(), Ok("[::]:8080"));
        assert_eq!(address("*:8080").as_deref(), Ok("[::]:8080"));
        assert_eq!(address("0.0.0.0:0").as_deref(), Ok("0.0.0.0:0"));
        assert_eq!(address("[::1]:8080").as_deref(), Ok("[::1]:8080"));
        let help = "(write `port`, `address:port` or `[address]:port`)";
        assert_eq!(failure(address("x")), format!("1:1: `x` is not a whole number {help}"));
        let range = format!("1:3: 65536 is not in the range 0 to 65535 {help}");
        assert_eq!(failure(address("*:65536")), range);
        assert_eq!(failure(address("h:80")), "1:1: `h` is not an address");
        let bracket = "1:1: `[h]` is not an IPv6 address in brackets";
        assert_eq!(failure(address("[h]:80")), bracket);
    }

    #[test]
    fn an_ipv6_address_ends_at_its_bracket() {
        let address = |text| host_address(&word(text)).map(|it| (it.ip, it.port));
        let ip = |text: &str| Some(text.parse::<IpAddr>().expect("it is one"));
        assert_eq!(address("[fe80::]:80"), Ok((ip("fe80::"), Some(80))));
        assert_eq!(address("[::1]"), Ok((ip("::1"), None)));
        assert_eq!(address("_DEFAULT_:80"), Ok((None, Some(80))));
        assert_eq!(failure(host_and_port(&word("[::1]x:80"))), "1:6: `x:80` is not a port");
    }

    #[test]
    fn a_problem_points_at_all_that_is_wrong() {
        let url = word("user@h");
        let user = url.part(0..5).flaw("a user name before the host is not accepted");
        assert_eq!(host_and_port(&url), Err(user));
    }
}
