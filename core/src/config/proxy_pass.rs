//! `ProxyPass [path] !|url [key=value ...]`: one rule as its line says it.

use super::dialling::misplaced;
use super::parameters::{Options, Subject, find, parameters};
use super::paths::expression;
use super::problem::Flaw;
use super::refused;
use super::substitution::target;
use super::suggest::suggest;
use super::words::Word;
use crate::route::{Mapping, Pattern, Target};

/// A `ProxyPass` line, before the settings of the whole configuration are applied to it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Pass {
    /// Which paths it is for.
    pub(super) paths: Pattern,
    /// Where it is written.
    pub(super) word: Word,
    /// Where it is forwarded, and how; none for `!`.
    pub(super) forward: Option<(Target, Options)>,
    /// Its URL and its parameters as they are written.
    pub(super) args: Vec<Word>,
    /// The number of the server that says it.
    pub(super) host: usize,
}

impl Pass {
    /// It is for those subprotocols, if it does not say for which it is.
    pub(super) fn name_protocols(&mut self, protocols: Option<&Vec<String>>) {
        if let Some((_, options)) = &mut self.forward {
            options.protocols = options.protocols.take().or_else(|| protocols.cloned());
        }
    }
}

/// The rule of a line that stands outside of sections of paths: `read` makes those paths of its first word,
/// unless that is a `~`, which makes the second one a regular expression. None if there is something wrong
/// with it.
pub(super) fn pass(
    args: &[Word],
    read: fn(&Word) -> Result<Pattern, Flaw>,
    flaws: &mut Vec<Flaw>,
) -> Option<Pass> {
    let (path, read, rest): (_, fn(&Word) -> _, _) = match args {
        [tilde, path, rest @ ..] if tilde.text() == "~" => (path, expression, rest),
        [path, rest @ ..] => (path, read, rest),
        [] => return None,
    };
    if rest.is_empty() {
        let flaw = args[0].flaw("a rule outside of `<Location>` has a path and a URL");
        flaws.push(flaw.help("write `ProxyPass path url`"));
        return None;
    }
    let paths = noted(read(path), flaws);
    pass_to(paths, path, rest, flaws)
}

/// The rule of a line that stands in a section of those paths: it names none.
pub(super) fn pass_here(paths: Pattern, args: &[Word], flaws: &mut Vec<Flaw>) -> Option<Pass> {
    if args[0].text().starts_with(['/', '~', '^']) && args.len() > 1 {
        let flaw = args[0].flaw("the path is that of the section");
        flaws.push(flaw.help("leave it out, or move the line out of the section"));
        return None;
    }
    let excludes = args[0].text() == "!";
    if matches!(paths, Pattern::Wild(_)) && !excludes {
        let flaw = args[0].flaw("a rule cannot stand in a `<Location>` with wildcards");
        flaws.push(flaw.help("write `<LocationMatch>` and a regular expression"));
        return None;
    }
    pass_to(Some(paths), &args[0], args, flaws)
}

fn pass_to(
    paths: Option<Pattern>,
    word: &Word,
    args: &[Word],
    flaws: &mut Vec<Flaw>,
) -> Option<Pass> {
    let (url, parameters) = (&args[0], &args[1..]);
    let forward = if url.text() == "!" {
        flaws.extend(parameters.iter().map(|word| word.flaw("`!` takes no parameters")));
        None
    } else {
        let interpolates = parameters.iter().any(|word| word.is("interpolate"));
        let target = noted(target(url, paths.as_ref(), interpolates), flaws);
        let is_balanced = url.text().to_ascii_lowercase().starts_with("balancer:");
        let subjects = if is_balanced { Subject::OF_BALANCED } else { Subject::OF_RULES };
        let options = options(parameters, paths.as_ref(), subjects, flaws);
        flaws.extend(target.iter().flat_map(|target| misplaced(target, parameters)));
        Some((target?, options))
    };
    Some(Pass { paths: paths?, word: word.clone(), forward, args: args.to_vec(), host: 0 })
}

fn noted<T>(result: Result<T, Flaw>, flaws: &mut Vec<Flaw>) -> Option<T> {
    result.map_err(|flaw| flaws.push(flaw)).ok()
}

/// What parameters say of those, for a rule of those paths; what is wrong with them is added to `flaws`.
pub(super) fn options(
    words: &[Word],
    paths: Option<&Pattern>,
    subjects: &[Subject],
    flaws: &mut Vec<Flaw>,
) -> Options {
    let (mut options, mut seen) = (Options::default(), Vec::new());
    let finds = paths.is_some_and(Pattern::is_expression);
    for word in words {
        let before = options.mapping;
        noted(set_option(&mut options, &mut seen, word, subjects), flaws);
        if finds && before != options.mapping && options.mapping == Mapping::Servlet {
            let flaw = word.flaw("`mapping=servlet` is for a path, and not for an expression");
            flaws.push(flaw.help("write `mapping=encoded`, or `ProxyPass` with a path"));
        }
    }
    options
}

/// Writes what one parameter says of those over `options`, unless it was `seen`.
pub(super) fn set_option(
    options: &mut Options,
    seen: &mut Vec<&'static str>,
    word: &Word,
    subjects: &[Subject],
) -> Result<(), Flaw> {
    let (name, value) = name_and_value(word);
    if let Some(flaw) = refused::parameter(&name) {
        return Err(flaw);
    }
    let parameter = find(&name, subjects).ok_or_else(|| unknown(&name, subjects))?;
    if seen.contains(&parameter.name) {
        return Err(word.flaw(format!("`{}=` is given twice", parameter.name)));
    }
    seen.push(parameter.name);
    if parameter.sign().is_empty() {
        let alone = name.text().len() == word.text().len();
        let flaw = || word.flaw(format!("`{}` has no value", parameter.name));
        return if alone { parameter.apply(options, &name) } else { Err(flaw()) };
    }
    if value.text().is_empty() {
        return Err(word.flaw(format!("`{}=` has no value", parameter.name)));
    }
    parameter.apply(options, &value)
}

/// What is wrong with a parameter of that name, which none of those has.
fn unknown(name: &Word, subjects: &[Subject]) -> Flaw {
    if let Some(other) = find(name, &Subject::ALL) {
        let (sign, of) = (other.sign(), other.of);
        let flaw = name.flaw(format!("`{}{sign}` is said of {}", other.name, of.name()));
        return flaw.help(format!("write it {}", of.place()));
    }
    let known = parameters().filter(|parameter| subjects.contains(&parameter.of));
    let help = suggest(name.text(), known.map(|parameter| parameter.name));
    help.into_iter().fold(name.flaw(format!("unknown parameter `{name}`")), Flaw::help)
}

/// The two parts of a parameter; its value is empty where it has none.
pub(super) fn name_and_value(word: &Word) -> (Word, Word) {
    word.split_once('=').unwrap_or_else(|| word.split_at(word.text().len()))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{good, problem, problems};
    use crate::route::{Action, Recovery, Upgrade};
    use crate::time::Wait;

    #[test]
    fn a_line_becomes_a_rule() {
        let rules = good("ProxyPass /a ws://b:9/c RETRY=2 upgrade=ANY").rules;
        let rule = &rules.main().rules[0];
        let forward = rule.action.forward().expect("it forwards");
        assert_eq!(rule.paths.to_string(), "/a");
        assert_eq!(forward.target.to_string(), "ws://b:9/c");
        assert_eq!(forward.upgrade, Upgrade::Any);
        assert_eq!(rules.workers[0].recovery, Recovery::After(Wait::from_secs(2)));
        assert_eq!(good("ProxyPass /a !").rules.main().rules[0].action, Action::Exclude);
    }

    #[test]
    fn the_rule_of_a_section_is_tried_before_those_of_its_host() {
        let rules = good(
            "ProxyPass /a ws://h1\n<Location /a>\nProxyPass ws://h2 timeout=3\nProxyPass http://h3\n</Location>\n\
             <Location /a/b>\nProxyPass !\n</Location>",
        )
        .rules;
        let hosts = rules.main().rules.iter().map(|rule| {
            let host = rule.action.forward().map_or("!", |forward| forward.target.host.as_str());
            (rule.paths.to_string(), host)
        });
        let tried = [("/a/b", "!"), ("/a", "h2"), ("/a", "h3"), ("/a", "h1")];
        assert_eq!(hosts.collect::<Vec<_>>(), tried.map(|(path, host)| (path.to_owned(), host)));
        let twice = "conf:2:11: the path is that of the section \
                     (leave it out, or move the line out of the section)";
        assert_eq!(problem("<Location /a>\nProxyPass /a ws://b\n</Location>"), twice);
    }

    #[test]
    fn a_virtual_host_has_the_rules_of_the_main_server_before_its_own() {
        let hosts = |inherit: &str| {
            let text = format!(
                "<VirtualHost *>\nProxyPass /a ws://h1\nProxyPassInherit {inherit}\n</VirtualHost>\n\
                 ProxyPass /b ws://h2"
            );
            let rules = good(&text).rules;
            let paths = rules.hosts[1].rules.iter().map(|rule| rule.paths.to_string());
            paths.collect::<Vec<_>>()
        };
        assert_eq!(
            (hosts("On"), hosts("Off")),
            (vec!["/b".into(), "/a".into()], vec!["/a".to_owned()])
        );
    }

    #[test]
    fn everything_wrong_with_a_line_is_reported() {
        assert_eq!(
            problems("Listen 80\nProxyPass a wsx://b timeuot=1 nocanno retry=-1"),
            [
                "conf:2:11: the path `a` does not begin with `/`",
                "conf:2:13: unknown scheme `wsx` (accepted are `ws://`, `wss://`, `http://`, `https://` and `balancer://`)",
                "conf:2:21: unknown parameter `timeuot` (did you mean `timeout`?)",
                "conf:2:31: unknown parameter `nocanno` (did you mean `nocanon`?)",
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

    #[test]
    fn a_flag_has_no_value_and_one_rule_one_mapping() {
        assert_eq!(problem("ProxyPass / ws://b noquery=On"), "conf:1:20: `noquery` has no value");
        let exclude = "`nocanon` and `mapping=` exclude each other \
                       (with `mapping=` alone, the path is not encoded anew either)";
        let both = "ProxyPass / ws://b nocanon mapping=encoded";
        assert_eq!(problem(both), format!("conf:1:36: {exclude}"));
        let both = "ProxyPass / ws://b mapping=servlet NOCANON";
        assert_eq!(problem(both), format!("conf:1:36: {exclude}"));
    }

    #[test]
    fn a_rule_may_be_for_a_regular_expression() {
        let texts = [
            "ProxyPassMatch ^/a/(.*) ws://b/$1",
            "ProxyPass ~ ^/a/(.*) ws://b/$1",
            "<LocationMatch ^/a/(.*)>\nProxyPass ws://b/$1\n</LocationMatch>",
            "<Location ~ ^/a/(.*)>\nProxyPassMatch ws://b/$1\n</Location>",
        ];
        let [first, others @ ..] = texts.map(|text| good(text).rules);
        let rule = &first.main().rules[0];
        assert!(rule.paths.is_expression() && rule.paths.to_string() == "^/a/(.*)");
        assert!(others.iter().all(|rules| *rules == first), "{others:?}");
        assert_eq!(good("ProxyPassMatch a !").rules.main().rules[0].action, Action::Exclude);
    }

    #[test]
    fn a_regular_expression_stands_where_httpd_has_it() {
        let wild = "conf:2:11: a rule cannot stand in a `<Location>` with wildcards \
                    (write `<LocationMatch>` and a regular expression)";
        assert_eq!(problem("<Location /a*>\nProxyPass ws://b\n</Location>"), wild);
        good("<Location /a*>\nProxyPass !\n</Location>");
        let plain =
            "conf:2:16: the section is of a path, and not of an expression (write `ProxyPass`)";
        assert_eq!(problem("<Location /a>\nProxyPassMatch ws://b\n</Location>"), plain);
        let few = "conf:1:11: a rule outside of `<Location>` has a path and a URL \
                   (write `ProxyPass path url`)";
        assert_eq!(problem("ProxyPass ~ x"), few);
        let servlet = "conf:1:26: `mapping=servlet` is for a path, and not for an expression \
                       (write `mapping=encoded`, or `ProxyPass` with a path)";
        assert_eq!(problem("ProxyPassMatch ^a ws://b mapping=servlet"), servlet);
    }

    #[test]
    fn a_path_alone_is_no_url() {
        let text = "<Location /a>\nProxyPass /x\n</Location>";
        assert!(problem(text).starts_with("conf:2:11: `/x` is not a URL"), "{}", problem(text));
    }
}
