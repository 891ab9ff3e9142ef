//! Stage 3 of 6 · a backend's URL in a response, and ours in its place (`ProxyPassReverse`).

use std::borrow::Cow;

use super::changes::Asked;
use super::field::Field;
use super::interpolate::verbatim;
use super::vars::Vars;

/// The fields that hold one URL.
const FIELDS: [&str; 4] = ["location", "content-location", "uri", "destination"];

/// One `ProxyPassReverse` line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reverse {
    /// The path that clients know.
    pub public: String,
    /// The URL that the backend knows.
    pub real: Real,
    /// Whether the path of that URL has variables of the request in it (`interpolate`).
    pub interpolates: bool,
}

/// A URL, or a path of whatever origin.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Real {
    /// The origin; that of the client's own request if none.
    pub origin: Option<Origin>,
    /// The path; none if it is empty.
    pub path: String,
}

/// Where a URL leads: `ws` is `http` here, and `wss` is `https`, because a backend that is spoken to by the
/// one names itself by the other.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Origin {
    /// Whether it is `https` or `wss`.
    pub secure: bool,
    /// The name or address, in lower case; an IPv6 address is in brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Reverse {
    /// The line with those variables in it; none if one says what no URL can hold.
    pub fn filled(&self, vars: Option<&Vars>) -> Option<Cow<'_, Self>> {
        let Some(vars) = vars.filter(|_| self.interpolates) else {
            return Some(Cow::Borrowed(self));
        };
        let path = verbatim(&self.real.path, vars)?.into_owned();
        Some(Cow::Owned(Self { real: Real { path, ..self.real.clone() }, ..self.clone() }))
    }

    /// Puts ours in the place of the backend's URL, if that field holds it: with the scheme, host and port
    /// by which the client asked.
    ///
    /// # Returns
    ///
    /// Whether it did.
    pub fn apply(&self, asked: &Asked, field: &mut Field<'_>) -> bool {
        if !FIELDS.iter().any(|name| field.name.eq_ignore_ascii_case(name)) {
            return false;
        }
        let Some(rest) = self.rest(&field.value, asked) else { return false };
        field.value = [asked.origin.as_bytes(), self.public.as_bytes(), rest].concat().into();
        true
    }

    /// What stands behind the backend's URL in that one.
    fn rest<'u>(&self, url: &'u [u8], asked: &Asked) -> Option<&'u [u8]> {
        let path = match (&self.real.origin, split(url)) {
            (Some(real), Some((origin, path))) if origin == *real => path,
            (None, Some((origin, path))) if Some(&origin) == origin_of(&asked.origin).as_ref() => {
                path
            }
            (None, None) if url.starts_with(b"/") && !url.starts_with(b"//") => url,
            _ => return None,
        };
        behind(self.real.path.as_bytes(), path)
    }
}

/// What stands behind `prefix` in `path`: that ends where a segment ends, as the paths of rules do.
pub(super) fn behind<'p>(prefix: &[u8], path: &'p [u8]) -> Option<&'p [u8]> {
    let rest = path.strip_prefix(prefix)?;
    let bounded = prefix.ends_with(b"/") || rest.first().is_none_or(|byte| b"/?#".contains(byte));
    bounded.then_some(rest)
}

/// The origin of an absolute URL, if it is one.
fn origin_of(url: &str) -> Option<Origin> {
    split(url.as_bytes()).map(|(origin, _)| origin)
}

/// An absolute URL's origin, and what stands behind it.
fn split(url: &[u8]) -> Option<(Origin, &[u8])> {
    let colon = url.iter().position(|&byte| byte == b':')?;
    let secure = match url[..colon].to_ascii_lowercase().as_slice() {
        b"http" | b"ws" => false,
        b"https" | b"wss" => true,
        _ => return None,
    };
    let rest = url[colon + 1..].strip_prefix(b"//")?;
    let end = rest.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(rest.len());
    let authority = crate::head::request::authority(&rest[..end]).ok()?;
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
        _ => (authority, if secure { 443 } else { 80 }),
    };
    Some((Origin { secure, host: host.to_ascii_lowercase(), port }, &rest[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped(real: Real, name: &'static str, url: &str) -> String {
        let origin = "http://Front:81".into();
        let asked = Asked { path: Vec::new(), origin, interpolates: false };
        let reverse = Reverse { public: "/app".into(), real, interpolates: false };
        let mut field = Field::new((name, url.as_bytes()));
        let is_mapped = reverse.apply(&asked, &mut field);
        assert_eq!(is_mapped, *field.value != *url.as_bytes());
        String::from_utf8_lossy(&field.value).into_owned()
    }

    fn of(path: &str, url: &str) -> String {
        let origin = Origin { secure: false, host: "back".into(), port: 80 };
        mapped(Real { origin: Some(origin), path: path.into() }, "Location", url)
    }

    #[test]
    fn a_url_of_the_backend_becomes_ours() {
        assert_eq!(of("/base", "http://back/base/x?y#z"), "http://Front:81/app/x?y#z");
        assert_eq!(of("/base", "WS://BACK:80/base"), "http://Front:81/app");
        assert_eq!(of("", "http://back/x"), "http://Front:81/app/x");
        assert_eq!(of("", "http://back"), "http://Front:81/app");
        assert_eq!(of("/base", "http://back/base?x"), "http://Front:81/app?x");
    }

    /// httpd compares text, and takes `http://back:8080` for one of `http://back:80`.
    #[test]
    fn other_urls_stay_as_they_are() {
        for url in [
            "http://back/based",
            "http://back:8080/base",
            "https://back/base",
            "http://back.example/base",
            "http://back@evil/base",
            "//back/base",
            "/base",
            "base",
            "ftp://back/base",
            "http:/back",
            "",
        ] {
            assert_eq!(of("/base", url), url);
        }
    }

    #[test]
    fn a_path_is_one_of_whatever_origin_the_client_knows() {
        let mapped = |url| mapped(Real { origin: None, path: "/".into() }, "Content-Location", url);
        assert_eq!(mapped("/x"), "http://Front:81/appx");
        assert_eq!(mapped("http://front:81/x"), "http://Front:81/appx");
        for url in ["http://front/x", "http://other:81/x", "//front:81/x", "x"] {
            assert_eq!(mapped(url), url);
        }
    }

    #[test]
    fn only_fields_that_hold_a_url_are_mapped() {
        let real = || Real { origin: None, path: "/".into() };
        for name in ["Location", "content-location", "URI", "Destination"] {
            assert_ne!(mapped(real(), name, "/x"), "/x");
        }
        for name in ["X-Location", "Refresh", "Link"] {
            assert_eq!(mapped(real(), name, "/x"), "/x");
        }
    }

    #[test]
    fn each_scheme_and_address_has_its_port() {
        let mapped = |secure, host: &str, port, url: &str| {
            let origin = Origin { secure, host: host.into(), port };
            mapped(Real { origin: Some(origin), path: "/".into() }, "Location", url)
        };
        let ours = "http://Front:81/appx";
        assert_eq!(mapped(true, "back", 443, "https://back/x"), ours);
        assert_eq!(mapped(true, "back", 443, "wss://back:443/x"), ours);
        assert_eq!(mapped(false, "back", 443, "https://back/x"), "https://back/x");
        assert_eq!(mapped(false, "[::1]", 80, "http://[::1]/x"), ours);
        assert_eq!(mapped(false, "[::1]", 81, "http://[::1]:81/x"), ours);
    }
}
