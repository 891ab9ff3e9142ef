//! `upgrade=`: which protocols a rule may switch to.

use super::problem::Flaw;
use super::words::Word;
use crate::route::Upgrade;

/// Bytes of one protocol. httpd allows 15 for the whole list.
const PROTOCOL_MOST: usize = 32;

/// `ANY`, `NONE`, or a list of protocols.
pub(super) fn upgrade(value: &Word) -> Result<Upgrade, Flaw> {
    // httpd keeps `ANY` as `*`, and takes that as well.
    if value.is("ANY") || value.is("*") {
        return Ok(Upgrade::Any);
    }
    if value.is("NONE") {
        return Ok(Upgrade::Always);
    }
    value.split(',').iter().map(protocol).collect::<Result<_, _>>().map(Upgrade::Tokens)
}

fn protocol(word: &Word) -> Result<String, Flaw> {
    let (name, version) = word.split_once('/').unwrap_or_else(|| (word.clone(), word.clone()));
    if !is_token(name.text()) || !is_token(version.text()) || word.text().len() > PROTOCOL_MOST {
        let help = format!("it is a token of at most {PROTOCOL_MOST} bytes");
        return Err(word.flaw(format!("`{word}` is not a protocol")).help(help));
    }
    if ["ANY", "NONE", "*"].iter().any(|alone| word.is(alone)) {
        return Err(word.flaw(format!("`{word}` stands alone, not in a list")));
    }
    if ["h2c", "h2", "HTTP", "TLS"].iter().any(|refused| name.is(refused)) {
        return Err(word
            .flaw(format!("a tunnel for `{word}` is refused"))
            .help("another HTTP connection inside it would escape every rule (R8)"));
    }
    Ok(word.text().into())
}

/// A token (RFC 9110 §5.6.2).
fn is_token(text: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_token)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{failure, word};
    use super::*;

    fn tokens(list: &[&str]) -> Upgrade {
        Upgrade::Tokens(list.iter().map(|token| (*token).into()).collect())
    }

    #[test]
    fn a_rule_names_protocols_or_any_or_none() {
        assert_eq!(upgrade(&word("any")), Ok(Upgrade::Any));
        assert_eq!(upgrade(&word("*")), Ok(Upgrade::Any));
        assert_eq!(upgrade(&word("None")), Ok(Upgrade::Always));
        assert_eq!(upgrade(&word("websocket")), Ok(tokens(&["websocket"])));
        assert_eq!(upgrade(&word("WebSocket,IRC/6.9")), Ok(tokens(&["WebSocket", "IRC/6.9"])));
    }

    /// R8: what can carry requests past us is no tunnel.
    #[test]
    fn protocols_that_carry_http_are_refused() {
        let help = "(another HTTP connection inside it would escape every rule (R8))";
        for text in ["h2c", "H2", "HTTP/2.0", "http", "TLS/1.2"] {
            let message = format!("1:3: a tunnel for `{text}` is refused {help}");
            assert_eq!(failure(upgrade(&word(&format!("a,{text}")))), message);
        }
    }

    #[test]
    fn what_is_no_protocol_is_a_problem() {
        for text in ["", "a b", "\"a\"", "é", "a/", "/a", "a/b/c", &"a".repeat(PROTOCOL_MOST + 1)]
        {
            let message =
                format!("1:3: `{text}` is not a protocol (it is a token of at most 32 bytes)");
            assert_eq!(failure(upgrade(&word(&format!("x,{text}")))), message);
        }
        assert_eq!(upgrade(&word(&"a".repeat(32))), Ok(tokens(&[&"a".repeat(32)])));
        let alone = "1:3: `ANY` stands alone, not in a list";
        assert_eq!(failure(upgrade(&word("x,ANY"))), alone);
    }
}
