//! `ProxyPass path !|url [key=value ...]`: one rule as its line says it.

use super::parameters::{Options, PARAMETERS};
use super::problem::Flaw;
use super::suggest::suggest;
use super::url;
use super::words::Word;
use crate::route::Target;

/// A `ProxyPass` line, before the settings of the whole configuration are applied to it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Pass {
    /// The prefix that a path must have.
    pub(super) prefix: String,
    /// Where it is forwarded, and how; none for `!`.
    pub(super) forward: Option<(Target, Options)>,
}

/// The rule of a line with at least two arguments; none if there is something wrong with it.
pub(super) fn pass(args: &[Word], flaws: &mut Vec<Flaw>) -> Option<Pass> {
    let (path, url, parameters) = (&args[0], &args[1], &args[2..]);
    let prefix = noted(prefix(path), flaws);
    let forward = if url.text() == "!" {
        flaws.extend(parameters.iter().map(|word| word.flaw("`!` takes no parameters")));
        None
    } else {
        let target = noted(url::target(url), flaws);
        let options = options(parameters, flaws);
        Some((target?, options))
    };
    Some(Pass { prefix: prefix?, forward })
}

fn noted<T>(result: Result<T, Flaw>, flaws: &mut Vec<Flaw>) -> Option<T> {
    result.map_err(|flaw| flaws.push(flaw)).ok()
}

fn prefix(word: &Word) -> Result<String, Flaw> {
    if word.text().starts_with('/') {
        Ok(word.text().into())
    } else {
        Err(word.flaw(format!("the path `{word}` does not begin with `/`")))
    }
}

fn options(words: &[Word], flaws: &mut Vec<Flaw>) -> Options {
    let (mut options, mut seen) = (Options::default(), Vec::new());
    for word in words {
        noted(set_option(&mut options, &mut seen, word), flaws);
    }
    options
}

fn set_option(
    options: &mut Options,
    seen: &mut Vec<&'static str>,
    word: &Word,
) -> Result<(), Flaw> {
    let (name, value) = word.split_once('=').unwrap_or_else(|| word.split_at(word.text().len()));
    let Some(parameter) = PARAMETERS.iter().find(|parameter| name.is(parameter.name)) else {
        let help = suggest(name.text(), PARAMETERS.iter().map(|parameter| parameter.name));
        let flaw = name.flaw(format!("unknown parameter `{name}`"));
        return Err(help.into_iter().fold(flaw, Flaw::help));
    };
    if seen.contains(&parameter.name) {
        return Err(word.flaw(format!("`{}=` is given twice", parameter.name)));
    }
    seen.push(parameter.name);
    if value.text().is_empty() {
        return Err(word.flaw(format!("`{}=` has no value", parameter.name)));
    }
    parameter.apply(options, &value)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{good, problem, problems};
    use crate::route::{Action, Recovery, Upgrade};
    use crate::time::Wait;

    #[test]
    fn a_line_becomes_a_rule() {
        let rules = good("ProxyPass /a ws://b:9/c RETRY=2 upgrade=ANY").rules;
        let forward = rules.forward(0).expect("it forwards");
        assert_eq!(rules.rules[0].prefix, "/a");
        assert_eq!(forward.target.to_string(), "ws://b:9/c");
        assert_eq!(forward.upgrade, Upgrade::Any);
        assert_eq!(rules.workers[0].recovery, Recovery::After(Wait::from_secs(2)));
        assert_eq!(good("ProxyPass /a !").rules.rules[0].action, Action::Exclude);
    }

    #[test]
    fn everything_wrong_with_a_line_is_reported() {
        assert_eq!(
            problems("Listen 80\nProxyPass a wss://b timeuot=1 nocanon retry=-1"),
            [
                "conf:2:11: the path `a` does not begin with `/`",
                "conf:2:13: TLS to backends is not built yet (accepted are `ws://` and `http://`)",
                "conf:2:21: unknown parameter `timeuot` (did you mean `timeout`?)",
                "conf:2:31: unknown parameter `nocanon`",
                "conf:2:45: `-1` is not a time \
                 (a number and `ms`, `s`, `mi` or `h`; without a unit it is seconds)",
            ]
        );
    }

    #[test]
    fn a_parameter_is_given_once_and_with_a_value() {
        assert_eq!(
            problem("ProxyPass / ws://b retry=1 Retry=1"),
            "conf:1:28: `retry=` is given twice"
        );
        assert_eq!(problem("ProxyPass / ws://b retry="), "conf:1:20: `retry=` has no value");
        assert_eq!(problem("ProxyPass / ws://b retry"), "conf:1:20: `retry=` has no value");
        assert_eq!(problem("ProxyPass / ! retry=1"), "conf:1:15: `!` takes no parameters");
    }
}
