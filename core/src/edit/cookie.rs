//! Stage 3 of 6 · a backend's domain or path in a cookie, and ours in its place.

use std::borrow::Cow;

use super::field::Field;
use super::interpolate::verbatim;
use super::reverse::behind;
use super::vars::Vars;
use crate::head::fields::trim;

/// One `ProxyPassReverseCookieDomain` or `ProxyPassReverseCookiePath` line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cookie {
    /// What it is about.
    pub part: Part,
    /// What the backend says.
    pub internal: String,
    /// What the client is told.
    pub public: String,
    /// Whether both have variables of the request in them (`interpolate`).
    pub interpolates: bool,
}

/// An attribute of a cookie.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    /// Its domain, whatever the case and with or without a dot before it.
    Domain,
    /// Its path, or the beginning of that.
    Path,
}

impl Cookie {
    /// The line with those variables in it; none if one says what no cookie can hold.
    pub fn filled(&self, vars: Option<&Vars>) -> Option<Cow<'_, Self>> {
        let Some(vars) = vars.filter(|_| self.interpolates) else {
            return Some(Cow::Borrowed(self));
        };
        let internal = verbatim(&self.internal, vars)?.into_owned();
        let public = verbatim(&self.public, vars)?.into_owned();
        Some(Cow::Owned(Self { internal, public, ..*self }))
    }

    /// Puts ours in the place of the backend's, if that field is a `Set-Cookie` whose attribute says it: the
    /// last one of that name, which is the one that counts (RFC 6265 §5.3).
    ///
    /// # Returns
    ///
    /// Whether it did.
    pub fn apply(&self, field: &mut Field<'_>) -> bool {
        let is_cookie = field.name.eq_ignore_ascii_case("set-cookie");
        let changed = self.changed(&field.value).filter(|_| is_cookie);
        changed.map(|value| field.value = value.into()).is_some()
    }

    fn changed(&self, cookie: &[u8]) -> Option<Vec<u8>> {
        let mut parts: Vec<_> = cookie.split(|&byte| byte == b';').map(<[u8]>::to_vec).collect();
        // The first part is the cookie itself, whatever it is called.
        let attributes = parts.iter_mut().skip(1).rev();
        let is_it =
            |part: &Vec<u8>| named(part).0.eq_ignore_ascii_case(self.part.name().as_bytes());
        let last = attributes.into_iter().find(|part| is_it(part))?;
        let (name, value) = named(last);
        let ours = self.ours(value)?;
        *last = [b" ", name, b"=", ours.as_slice()].concat();
        Some(parts.join(&b';'))
    }

    /// What the client is told instead of that value.
    fn ours(&self, value: &[u8]) -> Option<Vec<u8>> {
        let (internal, public) = (self.internal.as_bytes(), self.public.as_bytes());
        match self.part {
            Part::Domain => {
                let bare =
                    |name: &[u8]| name.strip_prefix(b".").unwrap_or(name).to_ascii_lowercase();
                (bare(value) == bare(internal)).then(|| public.to_vec())
            }
            Part::Path => Some([public, behind(internal, value)?].concat()),
        }
    }
}

impl Part {
    const fn name(self) -> &'static str {
        match self {
            Self::Domain => "domain",
            Self::Path => "path",
        }
    }
}

/// The name and the value of an attribute, without the blanks around them (RFC 6265 §5.2).
fn named(attribute: &[u8]) -> (&[u8], &[u8]) {
    let equals = attribute.iter().position(|&byte| byte == b'=');
    let (name, value) = attribute.split_at(equals.unwrap_or(attribute.len()));
    (trim(name), trim(value.strip_prefix(b"=").unwrap_or(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookie(part: Part, internal: &str, public: &str) -> Cookie {
        Cookie { part, internal: internal.into(), public: public.into(), interpolates: false }
    }

    fn told(cookie: &Cookie, value: &str) -> String {
        let mut field = Field::new(("set-cookie", value.as_bytes()));
        let did = cookie.apply(&mut field);
        assert_eq!(did, *field.value != *value.as_bytes(), "{value}");
        String::from_utf8_lossy(&field.value).into_owned()
    }

    fn domain(value: &str) -> String {
        told(&cookie(Part::Domain, "back.example", "front.example"), value)
    }

    fn path(internal: &str, value: &str) -> String {
        told(&cookie(Part::Path, internal, "/app/"), value)
    }

    #[test]
    fn a_domain_is_compared_whole_and_in_any_case() {
        assert_eq!(
            domain("a=b; DOMAIN= .Back.Example ; Secure"),
            "a=b; DOMAIN=front.example; Secure"
        );
        for value in
            ["a=b; domain=x.back.example", "a=b; domain=back.example.org", "a=b; domain", "a=b"]
        {
            assert_eq!(domain(value), value);
        }
    }

    #[test]
    fn a_path_is_changed_at_its_beginning() {
        assert_eq!(path("/", "a=b;Path=/;Secure"), "a=b; Path=/app/;Secure");
        assert_eq!(path("/", "a=b; path=/x/y"), "a=b; path=/app/x/y");
        assert_eq!(path("/x", "a=b; path=/x"), "a=b; path=/app/");
        for value in ["a=b; path=/xy", "a=b; path=/X", "a=b; path=x"] {
            assert_eq!(path("/x", value), value);
        }
    }

    /// Not what a value or another attribute only looks like.
    #[test]
    fn only_the_last_real_attribute_counts() {
        for value in [
            "path=/x",
            "domain=back.example",
            "a=b; xpath=/x",
            "a=path=/x",
            "a=b; path=/x; path=/y",
        ] {
            assert_eq!((path("/x", value), domain(value)), (value.to_owned(), value.to_owned()));
        }
        assert_eq!(path("/x", "path=/x; path=/y; PATH=/x"), "path=/x; path=/y; PATH=/app/");
    }

    #[test]
    fn only_cookies_are_changed() {
        let mut field = Field::new(("X-Set-Cookie", b"a=b; path=/"));
        let cookie = cookie(Part::Path, "/", "/app/");
        assert!(!cookie.apply(&mut field));
    }
}
