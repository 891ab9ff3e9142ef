//! Stage 5 of 6 · the extensions behind a chunk's size: checked to the letter, and never passed on.

use crate::head::fields::is_token_byte;

/// What the next byte of a chunk's extensions belongs to (RFC 9112 §7.1.1).
///
/// The grammar allows blanks around `;` and `=` that nobody may send; they are refused, because
/// parsers differ on them (R24).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Extension {
    /// A name's first byte.
    Start,
    Name,
    /// A value's first byte.
    Value,
    Word,
    Quoted,
    Escaped,
    /// What may follow the end of a quoted value.
    Unquoted,
}

impl Extension {
    /// What comes behind `byte`, if it may stand here.
    pub(super) fn step(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (Self::Start | Self::Name, byte) if is_token_byte(byte) => Some(Self::Name),
            (Self::Name, b'=') => Some(Self::Value),
            (Self::Value | Self::Word, byte) if is_token_byte(byte) => Some(Self::Word),
            (Self::Value, b'"') => Some(Self::Quoted),
            (Self::Quoted, b'"') => Some(Self::Unquoted),
            (Self::Quoted, b'\\') => Some(Self::Escaped),
            (Self::Quoted | Self::Escaped, b'\t' | b' '..=b'~' | 128..) => Some(Self::Quoted),
            (_, b';') if self.may_end() => Some(Self::Start),
            _ => None,
        }
    }

    /// Whether the line may end here.
    pub(super) const fn may_end(self) -> bool {
        matches!(self, Self::Name | Self::Word | Self::Unquoted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether `text`, which stands behind the first `;`, is whole extensions.
    fn is_whole(text: &str) -> bool {
        let mut bytes = text.bytes();
        let end = bytes.try_fold(Extension::Start, Extension::step);
        end.is_some_and(Extension::may_end)
    }

    /// R24.
    #[test]
    fn names_and_values_are_tokens_or_quoted() {
        for text in ["a", "a=b", "a;b=c;d", r#"a="b c""#, r#"a="\"\\;";b"#, "a=\"\u{e9}\t\""] {
            assert!(is_whole(text), "{text:?}");
        }
    }

    /// R24: the empty one, blanks, and quotes that do not close.
    #[test]
    fn what_is_neither_is_refused() {
        let bad = [
            "",
            ";a",
            "a;",
            "a=",
            "a=;b",
            "=b",
            " a",
            "a ",
            "a =b",
            "a= b",
            "a\t",
            "(",
            "a=b=c",
            r#"a"b""#,
            r#"a="b"#,
            r#"a="b\"#,
            r#"a="b"c"#,
            "a=\"\u{1}\"",
            "a=\"\u{7f}\"",
            "\u{e9}",
        ];
        for text in bad {
            assert!(!is_whole(text), "{text:?}");
        }
    }
}
