//! `hcmethod hcinterval hcpasses hcfails hcuri hcexpr`: how a member is checked, and what templates of it say.

use super::condition::condition;
use super::grouping::NAME_MOST;
use super::membership::times;
use super::parameters::Subject;
use super::problem::Flaw;
use super::proxy_pass::options;
use super::values::wait;
use super::words::Word;
use crate::route::check::{CheckMethod, Expectation, Test, Verb};
use crate::route::{Check, Target};
use crate::time::Wait;

const INTERVAL: Wait = Wait::from_secs(30);
const INTERVAL_LEAST: Wait = Wait::from_millis(100);

/// What is said of checks.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Checking {
    /// `hcmethod=`; the inner one is none for `None`.
    method: Option<Option<CheckMethod>>,
    interval: Option<Wait>,
    passes: Option<u32>,
    fails: Option<u32>,
    uri: Option<Word>,
    expression: Option<Word>,
    /// Where the last of them is written.
    word: Option<Word>,
}

impl Checking {
    /// `hcmethod=name`
    pub(super) fn set_method(&mut self, value: &Word) -> Result<(), Flaw> {
        let http = |verb, is_11| Some(CheckMethod::Http { verb, is_11 });
        self.method = Some(match value.text().to_ascii_uppercase().as_str() {
            "NONE" => None,
            "TCP" => Some(CheckMethod::Tcp),
            "OPTIONS" => http(Verb::Options, false),
            "HEAD" => http(Verb::Head, false),
            "GET" => http(Verb::Get, false),
            "OPTIONS11" => http(Verb::Options, true),
            "HEAD11" => http(Verb::Head, true),
            "GET11" => http(Verb::Get, true),
            "WS" => Some(CheckMethod::WebSocket),
            "CPING" => {
                let flaw = value.flaw("`CPING` is for AJP, which is not spoken");
                return Err(flaw.help("write `TCP`, or `GET` with `hcuri=`"));
            }
            _ => {
                let flaw = value.flaw(format!("there is no check `{value}`"));
                return Err(flaw.help(METHODS));
            }
        });
        Ok(())
    }

    /// `hcinterval=time`
    pub(super) fn set_interval(&mut self, value: &Word) -> Result<(), Flaw> {
        let interval = wait(value)?;
        if interval < INTERVAL_LEAST {
            return Err(value.flaw("checks are at least 100ms apart"));
        }
        self.say(value, |checking| checking.interval = Some(interval))
    }

    /// `hcpasses=number`
    pub(super) fn set_passes(&mut self, value: &Word) -> Result<(), Flaw> {
        let passes = times(value)?;
        self.say(value, |checking| checking.passes = Some(passes))
    }

    /// `hcfails=number`
    pub(super) fn set_fails(&mut self, value: &Word) -> Result<(), Flaw> {
        let fails = times(value)?;
        self.say(value, |checking| checking.fails = Some(fails))
    }

    /// `hcuri=path`
    pub(super) fn set_uri(&mut self, value: &Word) -> Result<(), Flaw> {
        if value.text().len() >= NAME_MOST {
            return Err(value.flaw(format!("it has fewer than {NAME_MOST} letters")));
        }
        let is_visible = |char: char| char.is_ascii_graphic() && char != '#';
        if let Some((at, char)) = value.text().char_indices().find(|(_, it)| !is_visible(*it)) {
            let letter = value.part(at..at + char.len_utf8());
            return Err(letter.flaw("a path is visible ASCII; the rest is percent-encoded"));
        }
        self.say(value, |checking| checking.uri = Some(value.clone()))
    }

    /// `hcexpr=name`
    pub(super) fn set_expression(&mut self, value: &Word) -> Result<(), Flaw> {
        self.say(value, |checking| checking.expression = Some(value.clone()))
    }

    fn say(&mut self, value: &Word, write: impl FnOnce(&mut Self)) -> Result<(), Flaw> {
        self.word = Some(value.clone());
        write(self);
        Ok(())
    }

    /// This, and what a template says where it says nothing.
    fn over(&self, template: Self) -> Self {
        Self {
            method: self.method.or(template.method),
            interval: self.interval.or(template.interval),
            passes: self.passes.or(template.passes),
            fails: self.fails.or(template.fails),
            uri: self.uri.clone().or(template.uri),
            expression: self.expression.clone().or(template.expression),
            word: self.word.clone().or(template.word),
        }
    }

    /// What it comes to for a member of that URL, if anything is done.
    fn check(&self, target: &Target, checks: &Checks<'_>) -> Result<Option<Check>, Flaw> {
        let Some(method) = self.method else {
            let flaw = |word: &Word| {
                let flaw = word.flaw("this says something of checks, and there are none");
                Err(flaw.help("write `hcmethod=` too"))
            };
            return self.word.as_ref().map_or(Ok(None), flaw);
        };
        let Some(method) = method else { return Ok(None) };
        self.suits(method)?;
        let named = |word: &Word| checks.expression(word);
        Ok(Some(Check {
            method,
            interval: self.interval.unwrap_or(INTERVAL),
            passes: self.passes.unwrap_or(1),
            fails: self.fails.unwrap_or(1),
            uri: match method {
                CheckMethod::Http { verb: Verb::Options, .. } => "*".into(),
                CheckMethod::Tcp | CheckMethod::Http { .. } | CheckMethod::WebSocket => {
                    joined(&target.path, self.uri.as_ref().map_or("", Word::text))
                }
            },
            expects: self.expression.as_ref().map(named).transpose()?,
        }))
    }

    /// Whether such a check looks at all that is said.
    fn suits(&self, method: CheckMethod) -> Result<(), Flaw> {
        let (asks_where, asks_what) = match method {
            CheckMethod::Tcp => (false, false),
            CheckMethod::WebSocket => (true, false),
            CheckMethod::Http { verb, .. } => (verb != Verb::Options, true),
        };
        let unsaid = |word: &Option<Word>, name: &str, is: bool| {
            let flaw = |word: &Word| {
                let flaw = word.flaw(format!("`{name}=` says nothing of such a check"));
                Err(flaw.help("leave it out, or write `hcmethod=GET`"))
            };
            word.as_ref().filter(|_| !is).map_or(Ok(()), flaw)
        };
        unsaid(&self.uri, "hcuri", asks_where)?;
        unsaid(&self.expression, "hcexpr", asks_what)
    }
}

/// One path behind another, with one slash between them; httpd has two there (D14).
fn joined(path: &str, uri: &str) -> String {
    match (path.strip_suffix('/').unwrap_or(path), uri.strip_prefix('/').unwrap_or(uri)) {
        (start, "") if uri.is_empty() && !path.is_empty() => {
            if path.ends_with('/') {
                format!("{start}/")
            } else {
                start.into()
            }
        }
        (start, end) => format!("{start}/{end}"),
    }
}

/// What one server says of checks by name; the later of two of one name counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Named {
    expressions: Vec<(Word, Test)>,
    templates: Vec<(Word, Checking)>,
}

impl Named {
    /// `ProxyHCExpr name {expression}`
    pub(super) fn express(&mut self, name: &Word, expression: &Word) -> Result<(), Flaw> {
        self.expressions.push((name.clone(), condition(expression)?));
        Ok(())
    }

    /// `ProxyHCTemplate name key=value...`
    pub(super) fn template(&mut self, name: &Word, words: &[Word], flaws: &mut Vec<Flaw>) {
        let options = options(words, None, Subject::OF_TEMPLATES, flaws);
        self.templates.push((name.clone(), options.member.checking));
    }
}

/// What is known by name where a member is described: by its server, or else by the main one.
pub(super) struct Checks<'a>(pub(super) [&'a Named; 2]);

impl Checks<'_> {
    /// The check of a member of that URL, of which `own` and a template are said.
    pub(super) fn check(
        &self,
        own: &Checking,
        template: Option<&Word>,
        target: &Target,
    ) -> Result<Option<Check>, Flaw> {
        let Some(name) = template else { return own.check(target, self) };
        let mut known = self.0.iter().flat_map(|named| named.templates.iter().rev());
        match known.find(|(known, _)| known.text() == name.text()) {
            Some((_, template)) => own.over(template.clone()).check(target, self),
            None => Err(name
                .flaw(format!("there is no template `{name}`"))
                .help(format!("write `ProxyHCTemplate {name} hcmethod=...`"))),
        }
    }

    fn expression(&self, name: &Word) -> Result<Expectation, Flaw> {
        let mut known = self.0.iter().flat_map(|named| named.expressions.iter().rev());
        let found = known.find(|(known, _)| known.text() == name.text());
        let expects =
            |(_, test): &(Word, Test)| Expectation { name: name.to_string(), test: test.clone() };
        found.map(expects).ok_or_else(|| {
            let flaw = name.flaw(format!("there is no expression `{name}`"));
            flaw.help(format!("write `ProxyHCExpr {name} {{...}}`"))
        })
    }
}

const METHODS: &str = "known are None, TCP, OPTIONS, HEAD, GET, OPTIONS11, HEAD11, GET11 and WS";

#[cfg(test)]
mod tests {
    use super::super::testing::{good, problem};
    use super::*;

    const MEMBER: &str = "BalancerMember balancer://a http://b/x";

    fn check(before: &str, says: &str) -> Option<Check> {
        let worker = good(&format!("{before}\n{MEMBER} {says}")).rules.workers.remove(0);
        worker.member.expect("it is a member").check
    }

    #[test]
    fn a_check_is_what_the_member_says_of_it() {
        assert_eq!((check("", ""), check("", "hcmethod=None hcinterval=5")), (None, None));
        let get = check("", "hcmethod=get11 hcuri=/s?a hcinterval=100ms hcpasses=0 hcfails=3");
        let expected = Check {
            method: CheckMethod::Http { verb: Verb::Get, is_11: true },
            interval: Wait::from_millis(100),
            passes: 1,
            fails: 3,
            uri: "/x/s?a".into(),
            expects: None,
        };
        assert_eq!(get, Some(expected));
        let method = |name: &str| check("", &format!("hcmethod={name}")).expect("it is checked");
        assert_eq!(method("TCP").method, CheckMethod::Tcp);
        assert_eq!(method("WS").method, CheckMethod::WebSocket);
        assert_eq!(method("OPTIONS").uri, "*");
        assert_eq!((method("HEAD").interval, method("HEAD").uri), (INTERVAL, "/x".into()));
        let accepted = [199, 200, 399, 400].map(|status| method("GET").accepts(status));
        assert_eq!(accepted, [false, true, true, false]);
    }

    #[test]
    fn paths_meet_at_one_slash() {
        for (path, uri, whole) in [
            ("", "", "/"),
            ("/", "", "/"),
            ("/a", "", "/a"),
            ("/a/", "", "/a/"),
            ("", "s", "/s"),
            ("/", "/s", "/s"),
            ("/a", "/", "/a/"),
            ("/a/", "/s", "/a/s"),
            ("/a", "s", "/a/s"),
        ] {
            assert_eq!(joined(path, uri), whole, "{path} {uri}");
        }
    }

    #[test]
    fn a_template_says_what_the_member_does_not_wherever_it_stands() {
        let named = "ProxyHCExpr up {%{REQUEST_STATUS} -lt 500}\n\
                     ProxyHCTemplate t hcmethod=GET hcinterval=5 hcexpr=up\n\
                     ProxyHCTemplate t hcmethod=HEAD hcinterval=5 hcexpr=up hcfails=2";
        let check = check(named, "hctemplate=t hcfails=9").expect("it is checked");
        assert_eq!(check.method, CheckMethod::Http { verb: Verb::Head, is_11: false });
        assert_eq!((check.interval, check.fails), (Wait::from_secs(5), 9));
        assert!(check.accepts(404) && !check.accepts(500));
        assert_eq!(check.expects.map(|it| it.name).as_deref(), Some("up"));
        let hosts = good(
            "ProxyHCTemplate t hcmethod=TCP\n<VirtualHost *>\nProxyHCTemplate u hcmethod=WS\n\
             BalancerMember balancer://a http://b hctemplate=t\n\
             BalancerMember balancer://a http://c hctemplate=u\n</VirtualHost>",
        );
        let workers = hosts.rules.workers.iter().filter_map(|worker| worker.member.as_ref());
        let methods = workers.filter_map(|member| member.check.as_ref()).map(|it| it.method);
        assert_eq!(methods.collect::<Vec<_>>(), [CheckMethod::Tcp, CheckMethod::WebSocket]);
    }

    #[test]
    fn a_check_that_cannot_be_made_is_a_problem() {
        for (says, message) in [
            (
                "hcmethod=CPING",
                "49: `CPING` is for AJP, which is not spoken (write `TCP`, or `GET` with `hcuri=`)",
            ),
            ("hcmethod=PUT", &format!("49: there is no check `PUT` ({METHODS})")),
            ("hcmethod=TCP hcinterval=99ms", "64: checks are at least 100ms apart"),
            (
                "hcfails=2",
                "48: this says something of checks, and there are none (write `hcmethod=` too)",
            ),
            (
                "hcmethod=GET hcexpr=no",
                "60: there is no expression `no` (write `ProxyHCExpr no {...}`)",
            ),
            (
                "hctemplate=t",
                "51: there is no template `t` (write `ProxyHCTemplate t hcmethod=...`)",
            ),
            (
                "hcmethod=WS hcexpr=no",
                "59: `hcexpr=` says nothing of such a check (leave it out, or write `hcmethod=GET`)",
            ),
            (
                "hcmethod=TCP hcuri=/",
                "59: `hcuri=` says nothing of such a check (leave it out, or write `hcmethod=GET`)",
            ),
            ("hcmethod=GET hcuri=/a#", "61: a path is visible ASCII; the rest is percent-encoded"),
        ] {
            assert_eq!(problem(&format!("{MEMBER} {says}")), format!("conf:1:{message}"), "{says}");
        }
        let template = "conf:1:19: `route=` is said of a member of a balancer (write it behind `BalancerMember`)";
        assert_eq!(problem("ProxyHCTemplate t route=x"), template);
    }

    #[test]
    fn as_many_checks_are_under_way_as_is_said() {
        let most = |text: &str| good(text).checks.get();
        assert_eq!((most(""), most("ProxyHCTPsize 0"), most("ProxyHCTPsize 3")), (16, 1, 3));
    }

    #[test]
    fn each_method_and_count_is_what_it_says() {
        let at = |says: &str| check("", says).expect("it is checked");
        for (name, verb) in
            [("OPTIONS11", Verb::Options), ("Head11", Verb::Head), ("GET11", Verb::Get)]
        {
            let method = at(&format!("hcmethod={name}")).method;
            assert_eq!(method, CheckMethod::Http { verb, is_11: true }, "{name}");
        }
        let counted = at("hcmethod=GET hcpasses=3 hcfails=4");
        assert_eq!((counted.passes, counted.fails), (3, 4));
    }

    #[test]
    fn a_problem_of_a_path_points_at_its_letter() {
        let uri = super::super::testing::word("/é");
        let letter = uri.part(1..3).flaw("a path is visible ASCII; the rest is percent-encoded");
        assert_eq!(Checking::default().set_uri(&uri), Err(letter));
    }
}
