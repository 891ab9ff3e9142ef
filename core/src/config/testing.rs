//! What the tests of this module share.

use std::collections::BTreeMap;

use super::lines::lines;
use super::problem::{Flaw, Text};
use super::words::{Word, split};
use super::{Config, Input, Source, load, read};
use crate::edit::Vars;
use crate::route::{Asked, CleanPath, Forward, Said};

/// Files and variables that are not really there.
pub(super) struct Files {
    files: BTreeMap<String, String>,
    variables: BTreeMap<String, String>,
}

impl Files {
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| ((*path).into(), (*text).into())).collect();
        Self { files, variables: [("HOME".into(), "/home".into())].into() }
    }

    pub(super) fn set(&mut self, variable: &str, value: &str) {
        self.variables.insert(variable.into(), value.into());
    }
}

impl Source for Files {
    fn read(&mut self, path: &str) -> Result<String, String> {
        self.files.get(path).cloned().ok_or_else(|| "no such file".into())
    }

    fn matching(&mut self, pattern: &str) -> Result<Vec<String>, String> {
        let (start, end) = pattern.split_once('*').unwrap_or((pattern, ""));
        let is_like = |path: &&String| match pattern.contains('*') {
            true => path.starts_with(start) && path.ends_with(end),
            false => path.as_str() == pattern,
        };
        Ok(self.files.keys().filter(is_like).cloned().collect())
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }
}

/// One word that says `text`, whatever is in it, as if it began a file.
pub(super) fn word(text: &str) -> Word {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    let words = split(&lines(0, &format!("\"{escaped}\""))[0]).expect("it is one quoted word");
    words[0].clone()
}

/// The flaw of a [`word`], as `line:column: message (help)`, the opening quote not counted.
pub(super) fn failure<T: std::fmt::Debug>(result: Result<T, Flaw>) -> String {
    let text = Text { name: String::new(), text: " ".repeat(999) };
    let mut problem = result.expect_err("it has a flaw").locate(&[text]);
    problem.column = problem.column.saturating_sub(1).max(1);
    problem.to_string().trim_start_matches(':').into()
}

/// What is wrong with `text`.
pub(super) fn problems(text: &str) -> Vec<String> {
    let loaded = load(&mut Files::new(&[("conf", text)]), &[Input::File("conf".into())], &[]);
    loaded.expect_err("something is wrong").iter().map(ToString::to_string).collect()
}

/// The one thing that is wrong with `text`, which need not say where to listen.
pub(super) fn problem(text: &str) -> String {
    let mut problems = problems(&format!("{text}\nListen 1234"));
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.remove(0)
}

/// What is to be warned of in `text`, which need not say where to listen.
pub(super) fn warnings(text: &str) -> Vec<String> {
    let mut files = Files::new(&[("conf", &format!("{text}\nListen 1234"))]);
    let read = read(&mut files, &[Input::File("conf".into())], &[]).expect("it can be used");
    read.warnings.iter().map(ToString::to_string).collect()
}

/// The configuration that `text` makes, which need not say where to listen.
pub(crate) fn good(text: &str) -> Config {
    let text = format!("{text}\nListen 1234");
    load(&mut Files::new(&[("conf", &text), ("other", "")]), &[Input::File("conf".into())], &[])
        .expect("nothing is wrong")
}

/// What the first rule of the configuration that `text` makes says.
pub(super) fn forward(text: &str) -> Forward {
    let rules = good(text).rules;
    rules.main().rules[0].action.forward().expect("it forwards").clone()
}

/// What is said of a request for `/` in the configuration that `text` makes.
pub(super) fn said<T>(text: &str, look: impl FnOnce(Said<'_>) -> T) -> T {
    let rules = good(text).rules;
    let path = CleanPath::parse(b"/").expect("it is a good path");
    let asked = Asked {
        path: &path,
        has_upgrade: true,
        accepts: &|_| true,
        offers: &|_| true,
        vars: Vars::NONE,
    };
    let place = rules.place(0, &asked).expect("it is forwarded");
    look(rules.at(&place).expect("it stands there"))
}
