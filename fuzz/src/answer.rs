//! The final response of what somebody was sent, its head as it should have been.

use std::borrow::Cow;

use underpass_core::head::{BadHeader, Response, Scan, Slots, slots};
use underpass_core::limits::Limits;

/// The head of a final response.
pub struct Answer {
    head: Vec<u8>,
    /// Where its body begins, in the bytes that it was found in.
    pub end: usize,
}

impl Answer {
    /// The first final response of `bytes`, behind which nothing comes, by somebody who mends like that.
    pub fn first(bytes: &[u8], bad_header: BadHeader) -> Option<Self> {
        let wide = Limits { fields: 256, field: u32::MAX, line: u32::MAX, ..Limits::RESPONSE };
        let limits = Limits { bad_header, ..wide };
        let mut start = 0;
        loop {
            let (rest, mut scan) = (&bytes[start..], Scan::default());
            let found = scan.find(rest, &limits).ok()?;
            let head = found.or_else(|| scan.find_last(rest, &limits))?;
            let mended = bad_header.mend(&rest[..head.end]);
            let mut slots = slots();
            let response = Response::parse(&mended, &mut slots).ok()?;
            start += head.end;
            if !response.is_interim() {
                return Some(Self { head: mended.into_owned(), end: start });
            }
            // Nobody mends an interim response.
            matches!(mended, Cow::Borrowed(_)).then_some(())?;
        }
    }

    /// The head, mended.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// The head, parsed.
    pub fn parse<'h, 'b>(&'b self, slots: &'h mut Slots<'b>) -> Response<'h, 'b> {
        Response::parse(&self.head, slots).expect("it has been parsed before")
    }
}
