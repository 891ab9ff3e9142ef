//! Reads inputs line by line, follows `Include`, and hands each directive to its table entry.
//!
//! `sections.rs` has what begins and ends a section.

use std::collections::BTreeMap;

use super::draft::Draft;
use super::expand::expand;
use super::lines::{Letter, lines};
use super::mention::Mention;
use super::problem::{Flaw, Place, Problem, Text};
use super::rewrite::Conditions;
use super::sections::{LeftOut, Open};
use super::words::{Word, split};
use super::{Input, PROBLEMS_MOST, Read, Source, refused, table};

/// How deep files may include each other.
const DEPTH_MOST: usize = 16;
/// How many files may be read: a few that include each other twice are very many.
const FILES_MOST: usize = 1_000;

/// A configuration while it is read.
pub(super) struct Loader<'s> {
    /// What the directives have said so far.
    pub(super) draft: Draft,
    /// What was wrong so far.
    pub(super) flaws: Vec<Flaw>,
    /// The sections that the present line stands in, the outermost first.
    pub(super) sections: Vec<Open>,
    /// The section that is being skipped, if it is one of a module that is not built in.
    pub(super) left_out: Option<LeftOut>,
    /// What is to be warned of so far.
    pub(super) warnings: Vec<Flaw>,
    /// What `RewriteCond` has said of the next `RewriteRule`.
    pub(super) conditions: Conditions,
    source: &'s mut dyn Source,
    variables: BTreeMap<String, String>,
    /// All that was read.
    texts: Vec<Text>,
    /// The paths of the files that are being read, the outermost first; a line has none.
    files: Vec<Option<String>>,
    /// The directives that were read, but for those that only lead to others.
    pub(super) transcript: Vec<String>,
    /// Whether it is a problem if there is no address in the end: false once a `Listen` was seen,
    /// however wrong, or something was left out that may have had one.
    pub(super) listen_due: bool,
}

impl<'s> Loader<'s> {
    /// A loader that has read nothing.
    pub(super) fn new(source: &'s mut dyn Source, defines: &[(String, String)]) -> Self {
        Self {
            draft: Draft::default(),
            flaws: Vec::new(),
            sections: Vec::new(),
            left_out: None,
            warnings: Vec::new(),
            conditions: Conditions::default(),
            source,
            variables: defines.iter().cloned().collect(),
            texts: Vec::new(),
            files: Vec::new(),
            transcript: Vec::new(),
            listen_due: true,
        }
    }

    /// What all inputs say, or all that is wrong with them.
    pub(super) fn load(mut self, inputs: &[Input]) -> Result<Read, Vec<Problem>> {
        for input in inputs {
            self.input(input);
        }
        self.close_all(0);
        if self.listen_due && self.draft.listens.is_empty() {
            let flaw = Place::default().flaw("there is no `Listen`");
            self.flaws.push(flaw.help("write `Listen 8080`"));
        }
        if self.flaws.is_empty() {
            self.flaws = self.draft.deal_out();
        }
        self.warnings.extend(self.draft.warnings());
        let mut warnings = self.warnings;
        warnings.truncate(PROBLEMS_MOST);
        let texts = &self.texts;
        let located = |flaws: Vec<Flaw>| flaws.into_iter().map(|flaw| flaw.locate(texts)).collect();
        if self.flaws.is_empty() {
            let mentions =
                self.draft.paths_of_tls().into_iter().map(|word| Mention::of(&word, texts));
            let mentions = mentions.collect();
            let (config, directives) = (self.draft.finish(), self.transcript);
            return Ok(Read { config, directives, warnings: located(warnings), mentions });
        }
        self.flaws.extend(warnings);
        self.flaws.truncate(PROBLEMS_MOST);
        Err(located(self.flaws))
    }

    fn input(&mut self, input: &Input) {
        match input {
            // A section may go over several lines of the command line.
            Input::Line { name, text } => self.text(name.clone(), text.clone(), None, 0),
            Input::File(path) => match self.source.read(path) {
                Ok(text) => self.file(path, text),
                Err(why) => {
                    let place = Place { file: self.texts.len(), ..Place::default() };
                    self.texts.push(Text { name: path.clone(), text: String::new() });
                    self.flaws.push(place.flaw(format!("the file cannot be read: {why}")));
                    self.listen_due = false;
                }
            },
        }
    }

    /// A section ends in the file in which it begins.
    fn file(&mut self, path: &str, text: String) {
        let outer = self.sections.len();
        self.text(path.into(), text, Some(path.into()), outer);
        self.close_all(outer);
    }

    /// Reads a text, which may end the sections behind the first `outer` ones.
    fn text(&mut self, name: String, text: String, path: Option<String>, outer: usize) {
        let lines = lines(self.texts.len(), &text);
        self.texts.push(Text { name, text });
        self.files.push(path);
        for line in lines {
            if self.flaws.len() >= PROBLEMS_MOST {
                break;
            }
            match (line[0].char, line.get(1).map(|letter| letter.char)) {
                ('<', Some('/')) => self.close(&line, outer),
                ('<', _) => self.open(&line),
                _ if self.skips() => self.skip(),
                _ => self.directive(&line),
            }
        }
        self.files.pop();
    }

    fn directive(&mut self, line: &[Letter]) {
        let chars = line.iter().map(|letter| letter.char);
        let name: String = chars.take_while(|char| !char.is_ascii_whitespace()).collect();
        self.listen_due &= !name.eq_ignore_ascii_case("Listen");
        let keeps = interpolates(&name, line);
        let Some(line) = self.expanded(line, keeps) else { return };
        // Those that lead to other lines are not transcribed, but what they lead to is.
        let leads = ["Define", "Include", "IncludeOptional", "PassEnv"];
        if !leads.iter().any(|leads| name.eq_ignore_ascii_case(leads)) {
            self.transcript.push(line.iter().map(|letter| letter.char).collect());
        }
        let applied = split(&line).and_then(|words| self.apply(&words));
        self.flaws.extend(applied.err());
    }

    /// The line with every `${VAR}` replaced, if each is known, or may be a variable of a request.
    pub(super) fn expanded(&mut self, line: &[Letter], keeps: bool) -> Option<Vec<Letter>> {
        let known =
            |name: &str| self.variables.get(name).cloned().or_else(|| self.source.variable(name));
        let variable = |name: &str| known(name).or_else(|| keeps.then(|| format!("${{{name}}}")));
        expand(line, variable).map_err(|flaws| self.flaws.extend(flaws)).ok()
    }

    fn apply(&mut self, words: &[Word]) -> Result<(), Flaw> {
        // A line of nothing but an empty variable says nothing.
        let Some((name, args)) = words.split_first() else { return Ok(()) };
        match refused::directive(name, args) {
            Some(refused) => refused,
            None => table::find(name)?.apply(self, name, args),
        }
    }

    /// Reads the files that `word` names, at least one if they are `due`.
    pub(super) fn include(&mut self, word: &Word, due: bool) -> Result<(), Flaw> {
        let paths = self.source.matching(&self.resolved(word.text())).and_then(|paths| {
            if paths.is_empty() && due { Err("there is no such file".into()) } else { Ok(paths) }
        });
        let paths = paths.map_err(|why| format!("`{word}` cannot be read: {why}"));
        self.include_all(paths).map_err(|why| {
            self.listen_due = false;
            word.flaw(why)
        })
    }

    fn include_all(&mut self, paths: Result<Vec<String>, String>) -> Result<(), String> {
        for path in paths? {
            let text = self.included(&path)?;
            self.file(&path, text);
        }
        Ok(())
    }

    fn included(&mut self, path: &str) -> Result<String, String> {
        if self.files.iter().flatten().any(|open| open == path) {
            return Err(format!("`{path}` includes itself"));
        }
        if self.files.len() > DEPTH_MOST {
            return Err(format!("files include each other more than {DEPTH_MOST} deep"));
        }
        if self.texts.len() >= FILES_MOST {
            return Err(format!("there are more than {FILES_MOST} files"));
        }
        self.source.read(path).map_err(|why| format!("`{path}` cannot be read: {why}"))
    }

    /// `path` as seen from the folder of the file that is being read.
    fn resolved(&self, path: &str) -> String {
        let including = self.files.last().and_then(Option::as_deref).unwrap_or_default();
        match including.rfind('/') {
            Some(end) if !path.starts_with('/') => format!("{}/{path}", &including[..end]),
            _ => path.into(),
        }
    }

    /// Makes `${name}` stand for `value` from here on, for nothing at all without one.
    pub(super) fn define(&mut self, name: &Word, value: Option<&Word>) -> Result<(), Flaw> {
        if name.text().is_empty() || name.text().contains(['$', '{', '}', ':', '=', '!']) {
            return Err(name
                .flaw(format!("`{name}` is not a name for a variable"))
                .help("it has none of `$`, `{`, `}`, `:`, `=` and `!` in it"));
        }
        let value = value.map(Word::to_string).unwrap_or_default();
        self.variables.insert(name.to_string(), value);
        Ok(())
    }

    /// What that variable is in the environment.
    pub(super) fn variable_outside(&self, name: &str) -> Option<String> {
        self.source.variable(name)
    }

    /// Whether `Define` or `-D` has made that a variable.
    pub(super) fn is_defined(&self, name: &str) -> bool {
        self.variables.contains_key(name)
    }
}

/// Whether a line of that directive may have variables of a request in it.
fn interpolates(name: &str, line: &[Letter]) -> bool {
    let words = || line.split(|letter| letter.char.is_ascii_whitespace());
    let is_flag = |word: &[Letter]| {
        word.iter().map(|it| it.char.to_ascii_lowercase()).eq("interpolate".chars())
    };
    name.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("ProxyPass"))
        && words().any(is_flag)
}

#[cfg(test)]
mod tests {
    use super::super::load;
    use super::super::testing::{Files, good, problem, problems};
    use super::*;

    fn shown(files: &[(&str, &str)], defines: &[(&str, &str)]) -> Result<String, Vec<String>> {
        let defines: Vec<_> =
            defines.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let inputs = [Input::File(files.first().map_or("none", |file| file.0).into())];
        load(&mut Files::new(files), &inputs, &defines)
            .map(|config| config.rules.main().name.clone())
            .map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn nothing_listens_on_nothing() {
        let missing = "there is no `Listen` (write `Listen 8080`)";
        assert_eq!(problems("Threads 2"), [format!("conf:1:1: {missing}")]);
        let none = load(&mut Files::new(&[]), &[], &[]).expect_err("it is empty");
        assert_eq!(none[0].to_string(), format!("configuration:1:1: {missing}"));
    }

    #[test]
    fn a_listen_that_may_be_there_is_not_missed() {
        assert_eq!(problems("listen\tx").len(), 1);
        assert_eq!(problems("Listen ${x}").len(), 1);
        assert_eq!(problems("Include x").len(), 1);
        assert_eq!(problems("<IfDefine X>").len(), 1);
        assert_eq!(shown(&[("a", "\"Listen\" 1")], &[]).as_deref(), Ok("underpass"));
    }

    #[test]
    fn a_file_that_is_not_there_is_a_problem() {
        let unread = ["none:1:1: the file cannot be read: no such file"];
        assert_eq!(shown(&[], &[]).unwrap_err(), unread);
        let inputs = ["conf", "none"].map(|path| Input::File(path.into()));
        let problems = load(&mut Files::new(&[("conf", "Listen 1")]), &inputs, &[]).unwrap_err();
        assert_eq!(problems[0].to_string(), "none:1:1: the file cannot be read: no such file");
        let unread = "conf:1:9: `x` cannot be read: there is no such file";
        assert_eq!(problem("Include x"), unread);
    }

    #[test]
    fn includes_are_relative_to_the_file_that_includes() {
        let main = "Listen 1\nInclude sub/b\nInclude /c";
        let files = [("etc/a", main), ("etc/sub/b", "Include d"), ("etc/sub/d", "x"), ("/c", "y")];
        assert_eq!(
            shown(&files, &[]).unwrap_err(),
            ["etc/sub/d:1:1: unknown directive `x`", "/c:1:1: unknown directive `y`"]
        );
    }

    #[test]
    fn includes_have_an_end() {
        let files = [("a", "Listen 1\nInclude b"), ("b", "Include a")];
        assert_eq!(shown(&files, &[]).unwrap_err(), ["b:1:9: `a` includes itself"]);
        let names: Vec<String> = (0..19).map(|number| format!("f{number}")).collect();
        let texts: Vec<String> = (1..20).map(|number| format!("Include f{number}")).collect();
        let chain: Vec<_> =
            names.iter().zip(&texts).map(|(n, t)| (n.as_str(), t.as_str())).collect();
        let deep = ["f16:1:9: files include each other more than 16 deep"];
        assert_eq!(shown(&chain, &[]).unwrap_err(), deep);
        let many = format!("Listen 1\n{}", "Include b\n".repeat(FILES_MOST));
        let files = [("a", many.as_str()), ("b", "")];
        assert_eq!(shown(&files, &[]).unwrap_err(), ["a:1001:9: there are more than 1000 files"]);
    }

    #[test]
    fn a_pattern_includes_every_file_of_it_in_the_order_of_their_names() {
        let main = "Listen 1\nInclude d/*.conf\nIncludeOptional e/*.conf";
        let files = [("a", main), ("d/2.conf", "y"), ("d/1.conf", "x"), ("d/3.txt", "z")];
        let unknown = |at: &str| format!("d/{at}: unknown directive");
        let found = shown(&files, &[]).unwrap_err();
        assert!(found[0].starts_with(&unknown("1.conf:1:1")), "{found:?}");
        assert!(found[1].starts_with(&unknown("2.conf:1:1")) && found.len() == 2, "{found:?}");
        let none = "conf:1:9: `d/*.conf` cannot be read: there is no such file";
        assert_eq!(problem("Include d/*.conf"), none);
    }

    #[test]
    fn what_nobody_has_defined_may_be_a_variable_of_a_request() {
        let url = |line: &str| {
            good(line).rules.main().rules[0].action.forward().map(|it| it.target.to_string())
        };
        let line = "proxypass /a ws://b/${HOME}/${T} Interpolate";
        assert_eq!(url(line).as_deref(), Some("ws://b//home/${T}"));
        assert!(problem("ProxyPass /a ws://b/${T} nocanon").contains("`T` is not defined"));
        assert!(problem("ProxySet ws://b ${T} interpolate").contains("`T` is not defined"));
    }

    #[test]
    fn a_variable_is_defined_in_the_text_or_outside() {
        let text = "Listen 1\nServerName ${A}\n";
        assert_eq!(shown(&[("a", text)], &[("A", "outside")]).as_deref(), Ok("outside"));
        let inside = format!("Define A in${{B}}\n{text}");
        let defines = [("A", "outside"), ("B", "side")];
        assert_eq!(shown(&[("a", &inside)], &defines).as_deref(), Ok("inside"));
        assert_eq!(good("Define X\nThreads ${X}2${X}").threads.map(u16::from), Some(2));
        assert_eq!(good("ProxyPass ${HOME} !").rules.main().rules[0].paths.to_string(), "/home");
        assert!(good("Define X\n${X}").rules.main().rules.is_empty());
    }

    #[test]
    fn a_variable_has_a_name_that_can_be_referred_to() {
        let help = "(it has none of `$`, `{`, `}`, `:`, `=` and `!` in it)";
        let message = format!("conf:1:8: `a=b` is not a name for a variable {help}");
        assert_eq!(problem("Define a=b"), message);
        assert_eq!(problem("Define '' b"), message.replace("a=b", ""));
    }
}
