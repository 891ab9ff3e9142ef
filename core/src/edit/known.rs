//! Stage 3 of 6 · what can be asked of a request: its parts, its fields, who sent it.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::head::{Request, Version};
use crate::route::{CleanPath, Host};

/// A request, with what is known of it beside its head.
#[derive(Clone, Debug)]
pub struct Known<'a> {
    /// The head; none if it was too bad to be read.
    request: Option<&'a Request<'a, 'a>>,
    client: IpAddr,
    /// The host that it is for.
    host: &'a Host,
    /// Its path, cleaned, so that no other spelling dodges what is said of it; as it came if it is bad.
    path: Vec<u8>,
}

impl<'a> Known<'a> {
    /// What is known of a request of that client's, which is for that host.
    pub fn of(request: Option<&'a Request<'a, 'a>>, client: IpAddr, host: &'a Host) -> Self {
        let raw = request.map_or(&b""[..], |request| request.path);
        let clean = CleanPath::parse(raw).ok().filter(|_| raw.starts_with(b"/"));
        let path = clean.map_or_else(|| raw.to_vec(), |clean| clean.as_bytes().to_vec());
        Self { request, client: client.to_canonical(), host, path }
    }

    /// The path that sections and rules are found by.
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// What the client asked us by: a scheme, a host, and perhaps a port. `ServerName` says what the client does
    /// not (httpd's `UseCanonicalName Off`), and by what scheme a device in front of us is spoken to.
    pub fn origin(&self) -> String {
        let (scheme, authority) = (self.host.scheme(), self.authority());
        match self.host.port {
            Some(port) if named_port(&authority).is_none() && port != default_port(scheme) => {
                format!("{scheme}://{authority}:{port}")
            }
            _ => format!("{scheme}://{authority}"),
        }
    }

    /// The fields of the request, each with its value.
    pub fn fields(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + use<'a> {
        self.request.into_iter().flat_map(|request| request.fields.iter())
    }

    /// What all fields of that name say, as one list; nothing if there is none. `Host` says what the request
    /// is for, which an absolute target says over it (R33).
    pub fn field(&self, name: &str) -> Option<Cow<'a, [u8]>> {
        if name.eq_ignore_ascii_case("host") {
            return self.asked_authority().map(|authority| authority.as_bytes().into());
        }
        let mut values = self.fields().filter(|field| field.0.eq_ignore_ascii_case(name));
        let first = values.next()?.1;
        let rest: Vec<_> = values.map(|field| field.1).collect();
        if rest.is_empty() {
            return Some(Cow::Borrowed(first));
        }
        Some([&[first][..], &rest].concat().join(&b", "[..]).into())
    }

    /// The answer to one question; empty if there is none.
    pub fn say(&self, fact: &Fact) -> Cow<'_, [u8]> {
        match fact {
            Fact::Client => self.client.to_string().into_bytes().into(),
            Fact::Field(name) => self.field(name).unwrap_or_default(),
            Fact::Host => self.asked_authority().unwrap_or_default().as_bytes().into(),
            Fact::Method => self.request.map_or("", |request| request.method).as_bytes().into(),
            Fact::Path => self.path().into(),
            Fact::Port => self.port().into_bytes().into(),
            Fact::Protocol => {
                self.request.map_or("", |request| spelled(request.version)).as_bytes().into()
            }
            Fact::Query => {
                let query = self.request.map_or(&b""[..], |request| request.query);
                query.strip_prefix(b"?").unwrap_or(query).into()
            }
            Fact::Scheme => self.host.scheme().as_bytes().into(),
            Fact::Server => {
                let asked = self.request.and_then(Request::host);
                asked.unwrap_or(&self.host.name).as_bytes().into()
            }
            Fact::Tls => if self.host.tls.is_some() { &b"on"[..] } else { b"off" }.into(),
        }
    }

    fn asked_authority(&self) -> Option<&'a str> {
        self.request.and_then(|request| request.authority)
    }

    fn authority(&self) -> Cow<'a, str> {
        match self.asked_authority() {
            Some(authority) => authority.into(),
            None if self.host.name.contains(':') => format!("[{}]", self.host.name).into(),
            None => self.host.name.as_str().into(),
        }
    }

    /// The port that the client named, or we go by, or the scheme stands for.
    fn port(&self) -> String {
        let named = self.asked_authority().and_then(named_port).map(str::to_owned);
        let own = || self.host.port.unwrap_or(default_port(self.host.scheme()));
        named.unwrap_or_else(|| own().to_string())
    }
}

/// The port in `host[:port]`, if there is one.
fn named_port(authority: &str) -> Option<&str> {
    authority.rsplit_once(':').map(|(_, port)| port).filter(|port| !port.contains(']'))
}

fn default_port(scheme: &str) -> u16 {
    if scheme == "https" { 443 } else { 80 }
}

const fn spelled(version: Version) -> &'static str {
    match version {
        Version::Http10 => "HTTP/1.0",
        Version::Http11 => "HTTP/1.1",
    }
}

/// One thing that can be asked of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fact {
    /// The client's address.
    Client,
    /// What all fields of that name say, as one list.
    Field(String),
    /// The host and port that it is for, as the client spelled them.
    Host,
    /// Its method.
    Method,
    /// Its path, decoded, as rules are found by it.
    Path,
    /// The port that the client named, or that `ServerName` has, or that the scheme stands for.
    Port,
    /// Its version, such as `HTTP/1.1`.
    Protocol,
    /// Its query, without the `?`.
    Query,
    /// `http` or `https`: what `ServerName` says, or by which the client speaks to us.
    Scheme,
    /// The host that it is for, without a port; our name if it names none.
    Server,
    /// `on` if the client speaks TLS to us, else `off`.
    Tls,
}

impl Fact {
    /// What a `%{NAME}` of an expression asks for (httpd's `ap_expr`), in whatever case.
    pub fn named(name: &str) -> Option<Self> {
        let name = name.to_ascii_uppercase();
        let prefixed = |prefix: &str| name.strip_prefix(prefix).filter(|rest| !rest.is_empty());
        Some(match name.as_str() {
            "HTTPS" => Self::Tls,
            "HTTP_HOST" => Self::Host,
            "QUERY_STRING" => Self::Query,
            "REMOTE_ADDR" | "REMOTE_HOST" => Self::Client,
            "REQUEST_METHOD" => Self::Method,
            "REQUEST_SCHEME" => Self::Scheme,
            "REQUEST_URI" => Self::Path,
            "SERVER_NAME" => Self::Server,
            "SERVER_PORT" => Self::Port,
            "SERVER_PROTOCOL" => Self::Protocol,
            "HTTP_ACCEPT" | "HTTP_COOKIE" | "HTTP_FORWARDED" | "HTTP_REFERER"
            | "HTTP_USER_AGENT" => Self::Field(name["HTTP_".len()..].replace('_', "-")),
            _ => Self::Field(prefixed("HTTP:").or(prefixed("REQ:"))?.into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::good;
    use crate::head::slots;

    const HEAD: &str =
        "GET /a/../%62?q=1 HTTP/1.1\r\nHost: App.example:8080\r\nX: 1\r\nx: 2\r\n\r\n";

    fn asked(head: &str, names: &[&str]) -> Vec<String> {
        let mut slots = slots();
        let request = Request::parse(head.as_bytes(), &mut slots).unwrap();
        let host = Host { name: "::1".into(), ..Host::default() };
        let known = Known::of(Some(&request), [192, 0, 2, 7].into(), &host);
        let say = |name: &&str| known.say(&Fact::named(name).expect("it is one")).into_owned();
        names.iter().map(|name| String::from_utf8(say(name)).unwrap()).collect()
    }

    #[test]
    fn the_parts_of_a_request_are_known() {
        let names = ["REQUEST_SCHEME", "HTTP_HOST", "REMOTE_ADDR", "SERVER_NAME", "SERVER_PORT"];
        let says = ["http", "App.example:8080", "192.0.2.7", "App.example", "8080"];
        assert_eq!(asked(HEAD, &names), says);
        let names = ["request_uri", "QUERY_STRING", "REQUEST_METHOD", "HTTPS", "HTTP:x", "req:Y"];
        assert_eq!(asked(HEAD, &names), ["/b", "q=1", "GET", "off", "1, 2", ""]);
        let names = ["SERVER_PROTOCOL", "HTTP_USER_AGENT"];
        assert_eq!(asked(HEAD, &names), ["HTTP/1.1", ""]);
        assert_eq!((Fact::named("SSL_CIPHER"), Fact::named("HTTP:")), (None, None));
    }

    /// R33: no other `Host` than the one that is routed by.
    #[test]
    fn an_absolute_target_is_the_host() {
        let head = "GET http://real.example/ HTTP/1.1\r\nHost: fake.example\r\n\r\n";
        assert_eq!(asked(head, &["HTTP:Host", "HTTP_HOST"]), ["real.example"; 2]);
    }

    #[test]
    fn a_client_that_names_no_host_is_at_our_name() {
        let head = "GET /%zz HTTP/1.0\r\n\r\n";
        let names = ["SERVER_NAME", "SERVER_PORT", "HTTP_HOST", "REQUEST_URI"];
        assert_eq!(asked(head, &names), ["::1", "80", "", "/%zz"]);
        let host = Host { name: "::1".into(), ..Host::default() };
        let nobody = Known::of(None, [192, 0, 2, 7].into(), &host);
        assert_eq!((nobody.origin().as_str(), nobody.path()), ("http://[::1]", &b""[..]));
        assert_eq!(&*nobody.say(&Fact::Method), b"");
    }

    /// httpd's manual of `ServerName`: a device in front of us may speak TLS, at a port of its own.
    #[test]
    fn what_server_name_says_is_what_clients_ask_by() {
        let by = |scheme, port, head: &str| {
            let host = Host { scheme, port, name: "app".into(), ..Host::default() };
            let mut slots = slots();
            let request = Request::parse(head.as_bytes(), &mut slots).unwrap();
            let known = Known::of(Some(&request), [192, 0, 2, 7].into(), &host);
            let [scheme, port] =
                [Fact::Scheme, Fact::Port].map(|fact| known.say(&fact).into_owned());
            assert_eq!(&*known.say(&Fact::Tls), b"off", "the device speaks it, and not we");
            let text = |bytes| String::from_utf8(bytes).unwrap();
            [known.origin(), text(scheme), text(port)]
        };
        let (named, with_port) =
            ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\r\nHost: h:81\r\n\r\n");
        let https = Some("https");
        assert_eq!(by(https, None, named), ["https://h", "https", "443"]);
        assert_eq!(by(https, Some(443), named), ["https://h", "https", "443"]);
        assert_eq!(by(https, Some(8443), named), ["https://h:8443", "https", "8443"]);
        assert_eq!(by(https, Some(8443), with_port), ["https://h:81", "https", "81"]);
        assert_eq!(
            by(https, Some(80), "GET / HTTP/1.0\r\n\r\n"),
            ["https://app:80", "https", "80"]
        );
        assert_eq!(by(None, Some(443), named), ["http://h:443", "http", "443"]);
        assert_eq!(by(None, None, named), ["http://h", "http", "80"]);
    }

    #[test]
    fn a_host_that_speaks_tls_is_asked_by_https() {
        let rules = good("SSLEngine on\nSSLCertificateFile /a").rules;
        let known = Known::of(None, [192, 0, 2, 7].into(), rules.main());
        let says = [Fact::Scheme, Fact::Tls, Fact::Port].map(|fact| known.say(&fact).into_owned());
        assert_eq!(says, [b"https".to_vec(), b"on".to_vec(), b"443".to_vec()]);
        assert_eq!(known.origin(), "https://underpass");
    }
}
