//! `ProxyWebsocketProtocol` and `protocol=`: which subprotocols of WebSocket a rule is for.

use super::problem::Flaw;
use super::words::Word;
use crate::head::fields::is_token;

/// Subprotocols, each of which is a token (RFC 6455 §4.1) and is named once.
pub(super) fn protocols(words: &[Word]) -> Result<Vec<String>, Flaw> {
    let mut all = Vec::with_capacity(words.len());
    for word in words {
        if !is_token(word.text().as_bytes()) {
            let flaw = word.flaw(format!("`{word}` is not a subprotocol"));
            return Err(flaw.help("it is a token, such as `chat` or `v1.mqtt`"));
        }
        if all.iter().any(|known| known == word.text()) {
            return Err(word.flaw(format!("`{word}` is named twice")));
        }
        all.push(word.text().into());
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{failure, good, word};
    use super::*;

    #[test]
    fn subprotocols_are_tokens() {
        assert_eq!(
            protocols(&[word("chat"), word("Chat")]),
            Ok(vec!["chat".into(), "Chat".into()])
        );
        for text in ["", "a b", "a/b", "a,b", "é"] {
            let message = "is not a subprotocol (it is a token, such as `chat` or `v1.mqtt`)";
            assert_eq!(failure(protocols(&[word(text)])), format!("1:1: `{text}` {message}"));
        }
        assert_eq!(failure(protocols(&[word("a"), word("a")])), "1:1: `a` is named twice");
    }

    #[test]
    fn the_subprotocols_of_a_configuration_are_those_of_all_rules() {
        let text = "ProxyPass /a ws://a protocol=chat\nProxyPass /b !\n\
                    ProxyPass /c ws://c protocol=mqtt,stomp\n";
        let rules = good(text).rules;
        assert_eq!(rules.protocols().collect::<Vec<_>>(), ["chat", "mqtt", "stomp"]);
    }
}
