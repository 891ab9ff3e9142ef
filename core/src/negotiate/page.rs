//! Stage 3 of 6 · an answer of our own: a whole response, with a short body that says why.

use super::Refusal;
use super::forward::{After, Lines};
use super::media::Medium;
use super::needed::Needed;
use super::reason::reason;
use crate::edit::{Editor, Field};
use crate::head::{Buf, Buffers};

/// How an answer of ours is written, whatever it says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page<'a> {
    /// What its body is written in.
    pub(crate) medium: Medium,
    /// It answers a HEAD: the body is left out, and the head is what it would be with it.
    pub(crate) to_head: bool,
    /// What becomes of the client's connection.
    pub(crate) after: After,
    /// What it must say beside its status.
    pub(crate) needed: &'a Needed,
    /// What the configuration makes of its fields.
    pub(crate) editor: Editor<'a>,
}

impl Page<'_> {
    /// Writes the whole response behind what `out` holds.
    ///
    /// No byte of it is the request's (CVE-2019-10092).
    pub(crate) fn write(&self, refusal: Refusal, out: &mut Buf, buffers: &mut Buffers) {
        let status = status_words(refusal.status());
        let body = self.body(&status, refusal);
        let mut lines = Lines { out, buffers };
        lines.line(&[b"HTTP/1.1 ", status.as_bytes()]);
        let length = body.len().to_string();
        for field in self.fields(length.as_bytes()) {
            lines.field(field.name, &field.value);
        }
        lines.protocols(&self.needed.protocols, self.after);
        lines.line(&[]);
        if !self.to_head {
            out.append(body.as_bytes(), buffers);
        }
    }

    fn fields<'f>(&'f self, length: &'f [u8]) -> Vec<Field<'f>> {
        let ours = [
            ("Content-Type", self.medium.content_type().as_bytes()),
            ("Content-Length", length),
            // A cache that keeps it must not give it to a client that reads the other one (RFC 9110 §12.5.5).
            ("Vary", b"Accept"),
        ];
        let needed = self.needed.fields.iter().map(|(name, value)| (*name, value.as_slice()));
        let mut fields = ours.into_iter().chain(needed).map(Field::new).collect();
        self.editor.answer(&mut fields);
        fields
    }

    fn body(&self, status: &str, refusal: Refusal) -> String {
        let title = status.trim_end();
        match self.medium {
            Medium::Plain => format!("{title}: {refusal}\n"),
            Medium::Html => format!(
                "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
                 <title>{title}</title>\n<h1>{title}</h1>\n<p>{refusal}</p>\n</html>\n"
            ),
        }
    }
}

/// The status and its phrase: the end of a status line, whose blank stands there without a phrase too
/// (RFC 9112 §4).
fn status_words(status: u16) -> String {
    format!("{status} {}", reason(status))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit::Changes;
    use crate::head::{Framing, Response, Version, slots};
    use crate::route::{Rules, Upgrade};
    use crate::time::Wait;

    fn written(refusal: Refusal, medium: Medium, to_head: bool, after: After) -> String {
        let (mut out, mut buffers) = (Buf::default(), Buffers::default());
        let needed = Needed::by(refusal, &Upgrade::Never);
        let (rules, changes) = (Rules::default(), Changes::none(0));
        let editor = Editor::new(&rules, &changes, Wait::ZERO);
        let page = Page { medium, to_head, after, needed: &needed, editor };
        page.write(refusal, &mut out, &mut buffers);
        String::from_utf8(out.bytes().to_vec()).unwrap()
    }

    #[test]
    fn a_page_is_a_whole_response() {
        let text = written(Refusal::NoRule, Medium::Plain, false, After::Close);
        let expected = "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\n\
                        Content-Length: 37\r\nVary: Accept\r\nConnection: close\r\n\r\n\
                        404 Not Found: no rule for this path\n";
        assert_eq!(text, expected);
        let kept = After::KeepAlive(Version::Http11);
        let text = written(Refusal::NoRule, Medium::Plain, false, kept);
        assert!(!text.contains("Connection"), "{text}");
    }

    #[test]
    fn a_page_in_html_says_the_same() {
        let text = written(Refusal::NoRule, Medium::Html, false, After::Close);
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("\r\nContent-Type: text/html; charset=utf-8\r\n"), "{head}");
        assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
        let expected = "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
                        <title>404 Not Found</title>\n<h1>404 Not Found</h1>\n\
                        <p>no rule for this path</p>\n</html>\n";
        assert_eq!(body, expected);
    }

    /// RFC 9110 §9.3.2: the same head, and no body.
    #[test]
    fn a_page_for_head_is_the_head_of_the_page() {
        for medium in [Medium::Plain, Medium::Html] {
            let whole = written(Refusal::NoAnswer, medium, false, After::Close);
            let head = written(Refusal::NoAnswer, medium, true, After::Close);
            assert!(head.ends_with("\r\n\r\n") && whole.starts_with(&head), "{head}");
        }
    }

    /// R2: 426 names the version that we speak.
    #[test]
    fn another_version_is_told_which_one_we_speak() {
        let text = written(Refusal::Version, Medium::Plain, false, After::Close);
        assert!(text.starts_with("HTTP/1.1 426 Upgrade Required\r\n"), "{text}");
        assert!(text.contains("\r\nSec-WebSocket-Version: 13\r\n"), "{text}");
        assert!(
            text.contains("\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n"),
            "{text}"
        );
    }

    /// A status that nobody has registered has no phrase, and its line is still one.
    #[test]
    fn every_status_has_a_good_page() {
        for status in 400..600 {
            let text = written(Refusal::Overridden(status), Medium::Html, false, After::Close);
            let end = text.find("\r\n\r\n").unwrap() + 4;
            let mut slots = slots();
            let response = Response::parse(&text.as_bytes()[..end], &mut slots).unwrap();
            assert_eq!((response.status, response.reason), (status, reason(status)));
            let length = (text.len() - end) as u64;
            assert_eq!(response.framing(false), Framing::Length(length));
            assert_eq!(text[end..].matches(&status.to_string()).count(), 2, "{text}");
        }
        let text = written(Refusal::Overridden(599), Medium::Plain, false, After::Close);
        assert!(text.starts_with("HTTP/1.1 599 \r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\n599: the backend answered with this error\n"), "{text}");
    }
}
