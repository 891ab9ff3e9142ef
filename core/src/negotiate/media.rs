//! Stage 3 of 6 · what our own answers are written in: what the client likes best.

use crate::head::Fields;
use crate::head::fields::trim;

/// What the body of an answer of ours is written in.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Medium {
    /// Plain text: for programs, and for whoever did not say.
    #[default]
    Plain,
    /// HTML: for browsers.
    Html,
}

/// The weight of a range in thousandths (RFC 9110 §12.4.2).
type Quality = u16;

/// How exactly a range means a type: 0 by `*/*`, 1 by `text/*`, 2 by its name.
type Exactness = u8;

impl Medium {
    /// What the `Accept` of a request prefers (RFC 9110 §12.5.1).
    ///
    /// Of two that are equally welcome the one that is meant more exactly wins, and plain text where
    /// that is equal too, as it is by a bare `*/*`. Who accepts neither gets plain text, which is
    /// better than nothing (RFC 9110 §12.4.1).
    pub(crate) fn of(fields: &Fields<'_, '_>) -> Self {
        let (html, plain) = (Self::Html.welcome(fields), Self::Plain.welcome(fields));
        if html.0 > 0 && html > plain { Self::Html } else { Self::Plain }
    }

    /// The media type, as `Content-Type` says it.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Plain => "text/plain; charset=utf-8",
            Self::Html => "text/html; charset=utf-8",
        }
    }

    /// How welcome it is: the most exact range that covers it decides.
    fn welcome(self, fields: &Fields<'_, '_>) -> (Quality, Exactness) {
        let ranges = fields.list("accept").filter_map(|range| self.covered(range));
        let (exactness, quality) = ranges.max().unwrap_or_default();
        (quality, exactness)
    }

    /// What one range says of it. Parameters other than the weight are not looked at.
    fn covered(self, range: &[u8]) -> Option<(Exactness, Quality)> {
        let mut parts = range.split(|&byte| byte == b';').map(trim);
        let named = parts.next().unwrap_or_default();
        let is = |name: &str| named.eq_ignore_ascii_case(name.as_bytes());
        let exactness = match self {
            _ if is("*/*") => 0,
            _ if is("text/*") => 1,
            Self::Plain if is("text/plain") => 2,
            Self::Html if is("text/html") => 2,
            Self::Plain | Self::Html => return None,
        };
        let weight = parts.find_map(|part| {
            part.strip_prefix(b"q=").or_else(|| part.strip_prefix(b"Q=")).map(quality)
        });
        Some((exactness, weight.unwrap_or(1000)))
    }
}

/// `0`, `1`, or one of them with up to three decimals; anything else is no welcome (RFC 9110 §12.4.2).
fn quality(weight: &[u8]) -> Quality {
    let (whole, decimals) = match weight {
        [whole, b'.', decimals @ ..] => (whole, decimals),
        [whole] => (whole, &[][..]),
        _ => return 0,
    };
    let valid = matches!(whole, b'0' | b'1')
        && decimals.len() <= 3
        && decimals.iter().all(u8::is_ascii_digit);
    let digits = [*whole].into_iter().chain(decimals.iter().copied()).chain(*b"000").take(4);
    let thousandths = digits.fold(0, |sum, digit| sum * 10 + Quality::from(digit & 0xF));
    if valid && thousandths <= 1000 { thousandths } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::{Request, slots};

    fn medium(accept: &str) -> Medium {
        let head = format!("GET / HTTP/1.1\r\nHost: h\r\n{accept}\r\n");
        let mut slots = slots();
        Medium::of(&Request::parse(head.as_bytes(), &mut slots).unwrap().fields)
    }

    fn gets_html(accept: &str) -> bool {
        medium(&format!("Accept: {accept}\r\n")) == Medium::Html
    }

    #[test]
    fn browsers_get_html() {
        let browsers = [
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
            "text/html, application/xhtml+xml, */*",
            "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",
            "TEXT/HTML",
            "text/html;charset=utf-8;Q=0.5",
        ];
        for accept in browsers {
            assert!(gets_html(accept), "{accept}");
        }
    }

    #[test]
    fn all_others_get_plain_text() {
        let others =
            ["*/*", "text/*", "text/plain", "application/json", "", "text/html;q=0", "html"];
        for accept in others {
            assert!(!gets_html(accept), "{accept}");
        }
        assert_eq!(medium(""), Medium::Plain);
    }

    #[test]
    fn the_weights_decide() {
        assert!(gets_html("text/plain;q=0.5, text/html;q=0.501"));
        assert!(!gets_html("text/plain;q=0.501, text/html;q=0.5"));
        assert!(!gets_html("text/html;q=0.5, */*;q=0.9"));
        assert!(!gets_html("text/html;q=0.5, text/*"), "a range counts for plain text as well");
        assert!(!gets_html("text/html, text/plain"), "equally welcome");
        assert!(gets_html("text/*, text/plain;q=0.1"), "the most exact range decides");
        assert!(gets_html("*/*;q=0.1, text/plain;q=0"));
        assert_eq!(medium("Accept: text/plain;q=0.1\r\nAccept: text/html\r\n"), Medium::Html);
    }

    #[test]
    fn a_weight_has_three_decimals_at_the_most() {
        let good = [("0", 0), ("1", 1000), ("0.5", 500), ("0.001", 1), ("1.000", 1000), ("0.", 0)];
        for (weight, thousandths) in good {
            assert_eq!(quality(weight.as_bytes()), thousandths, "{weight}");
        }
        for weight in ["", ".5", "2", "1.001", "0.0001", "0,5", "-1", "0.5 x", "\u{ff}"] {
            assert_eq!(quality(weight.as_bytes()), 0, "{weight}");
        }
    }

    #[test]
    fn a_weight_that_is_none_is_no_welcome() {
        let weights = [b"p.5".as_slice(), b"0.5001", b"0.5x", b"1.001", b"2", b".5", b"", b"0,5"];
        assert!(weights.iter().all(|weight| quality(weight) == 0));
        assert_eq!([quality(b"0.5"), quality(b"1"), quality(b"1.000")], [500, 1000, 1000]);
    }
}
