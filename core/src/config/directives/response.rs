//! What a backend may send, and how it is moved on.

use super::set;
use crate::config::context::Context;
use crate::config::problem::Flaw;
use crate::config::table::{Directive, Origin};
use crate::config::values::piece;
use crate::config::words::Word;
use crate::head::BadHeader;

pub(super) static DIRECTIVES: &[Directive] = &[
    Directive {
        name: "ProxyBadHeader",
        args: "IsError|Ignore|StartBody",
        default: Some("IsError"),
        contexts: Context::SERVER,
        origin: Origin::Httpd,
        summary: "What becomes of a response with a line in its head that has no colon: 502, the \
                  line is left out, or it begins the body. A 1xx is always an error.",
        example: "ProxyBadHeader Ignore",
        count: 1..=1,
        apply: |loader, args| set(&mut loader.draft.bad_header, bad_header(&args[0])),
    },
    Directive {
        name: "ProxyIOBufferSize",
        args: "bytes",
        default: Some("0"),
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "How many bytes of a body are moved at a time at the most, from 512 to 65536; 0 means \
                  8192 of chunks, which pass through a buffer, and as many as there are of all others.",
        example: "ProxyIOBufferSize 16384",
        count: 1..=1,
        apply: |loader, args| loader.draft.say(piece(&args[0]), |host, piece| host.piece = piece),
    },
];

fn bad_header(word: &Word) -> Result<BadHeader, Flaw> {
    let all = [
        ("IsError", BadHeader::IsError),
        ("Ignore", BadHeader::Ignore),
        ("StartBody", BadHeader::StartBody),
    ];
    let known = all.into_iter().find(|(name, _)| word.is(name));
    known
        .map(|(_, policy)| policy)
        .ok_or_else(|| word.flaw(format!("`{word}` is not `IsError`, `Ignore` or `StartBody`")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::{good, problem};

    #[test]
    fn a_line_that_is_no_field_has_three_fates() {
        let policy = |word: &str| good(&format!("ProxyBadHeader {word}")).rules.bad_header;
        let all = [BadHeader::IsError, BadHeader::Ignore, BadHeader::StartBody];
        assert_eq!(["iserror", "IGNORE", "StartBody"].map(policy), all);
        let unknown = "conf:1:16: `Off` is not `IsError`, `Ignore` or `StartBody`";
        assert_eq!(problem("ProxyBadHeader Off"), unknown);
    }

    #[test]
    fn the_rules_own_piece_wins() {
        let rules = good(
            "ProxyIOBufferSize 1024\nProxyPass /a ws://b\nProxyPass /b ws://b iobuffersize=2048",
        )
        .rules;
        let forward = |number: usize| rules.main().rules[number].action.forward();
        let piece = |number| forward(number).and_then(|rule| rule.manner.piece).map(|it| it.get());
        assert_eq!([piece(0), piece(1)], [Some(1024), Some(2048)]);
    }
}
