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
                _ => joined(&target.path, self.uri.as_ref().map_or("", Word::text)),
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
