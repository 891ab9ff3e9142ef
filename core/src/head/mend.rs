//! Stage 1 of 6 · response heads with lines that are no fields, for whoever must live with such a backend.

use std::borrow::Cow;

/// What becomes of a response with a line in its head that has no colon (`ProxyBadHeader`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum BadHeader {
    /// The response is refused: 502.
    #[default]
    IsError,
    /// The line counts as not sent.
    Ignore,
    /// The line is the body's first: the backend has forgotten the empty one before it.
    StartBody,
}

impl BadHeader {
    /// Whether the head ends before this line, which is not its first one.
    pub(super) fn ends_before(self, line: &[u8]) -> bool {
        self == Self::StartBody && is_bad(line)
    }

    /// The head as it should have been sent; borrowed if it was.
    pub fn mend(self, head: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Self::Ignore if lines(head).skip(1).any(is_bad) => {
                let (first, rest) = (lines(head).take(1), lines(head).skip(1));
                Cow::Owned(
                    first.chain(rest.filter(|line| !is_bad(line))).collect::<Vec<_>>().concat(),
                )
            }
            Self::StartBody if !head.ends_with(b"\r\n\r\n") => Cow::Owned([head, b"\r\n"].concat()),
            Self::IsError | Self::Ignore | Self::StartBody => Cow::Borrowed(head),
        }
    }
}

/// The lines of a head, each with its end.
fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.split_inclusive(|&byte| byte == b'\n')
}

/// Whether a line behind the first is neither a field, nor a fold (R28: never mended), nor the empty one.
fn is_bad(line: &[u8]) -> bool {
    let text = line.trim_ascii_end();
    !text.is_empty() && !text.contains(&b':') && !matches!(line[0], b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::Scan;
    use crate::limits::Limits;

    const BAD: &[u8] = b"HTTP/1.1 200 OK\r\nA: b\r\nno field\r\nC: d\r\n\r\nbody";

    /// The head as it is found and mended, and what stands behind it.
    fn mended(policy: BadHeader, bytes: &[u8]) -> Option<(String, String)> {
        let limits = Limits { bad_header: policy, ..Limits::RESPONSE };
        let range = Scan::default().find(bytes, &limits).ok()??;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Some((text(&policy.mend(&bytes[range.clone()])), text(&bytes[range.end..])))
    }

    #[test]
    fn a_line_that_is_no_field_is_left_out_or_begins_the_body() {
        let found = |policy| mended(policy, BAD).expect("there is a head");
        let head = "HTTP/1.1 200 OK\r\nA: b\r\nno field\r\nC: d\r\n\r\n";
        assert_eq!(found(BadHeader::IsError), (head.into(), "body".into()));
        assert_eq!(found(BadHeader::Ignore), (head.replace("no field\r\n", ""), "body".into()));
        let (head, body) = ("HTTP/1.1 200 OK\r\nA: b\r\n\r\n", "no field\r\nC: d\r\n\r\nbody");
        assert_eq!(found(BadHeader::StartBody), (head.into(), body.into()));
    }

    #[test]
    fn a_good_head_is_not_touched() {
        let good = &BAD[..BAD.len() - 4].to_vec();
        let good = String::from_utf8_lossy(good).replace("no field\r\n", "");
        for policy in [BadHeader::IsError, BadHeader::Ignore, BadHeader::StartBody] {
            assert!(matches!(policy.mend(good.as_bytes()), Cow::Borrowed(_)));
            assert_eq!(mended(policy, good.as_bytes()), Some((good.clone(), String::new())));
        }
    }

    /// R28: to drop a fold would cut a value in two.
    #[test]
    fn folds_are_not_mended() {
        let folded = b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n";
        for policy in [BadHeader::Ignore, BadHeader::StartBody] {
            let (head, _) = mended(policy, folded).expect("there is a head");
            assert_eq!(head.as_bytes(), folded);
        }
    }

    #[test]
    fn a_dribbled_head_ends_at_the_same_line() {
        let limits = Limits { bad_header: BadHeader::StartBody, ..Limits::RESPONSE };
        let mut scan = Scan::default();
        let found = (1..=BAD.len()).find_map(|end| scan.find(&BAD[..end], &limits).ok()?);
        assert_eq!(found, Some(0..23));
    }
}
