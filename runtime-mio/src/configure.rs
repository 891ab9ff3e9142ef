//! From the command line to a checked configuration, or to every problem with a caret under it.

use std::fs;
use std::io::IsTerminal as _;
use std::num::NonZeroU32;
use std::path::Path;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use underpass_core::config::{self, Config, Input, Problem, Source};

use crate::cli::{Configuration, Run};

/// Where the configuration is looked for if the command line names no file.
const DEFAULT_FILES: [&str; 2] = ["underpass.conf", "/etc/underpass/underpass.conf"];

/// A configuration, and the directives that say it without any file.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    pub(crate) directives: Vec<String>,
}

/// Reads the configuration of what is to be run: the command line may say that it is recorded.
pub(crate) fn load_to_run(given: &Run) -> Result<Loaded, String> {
    let mut loaded = load(&given.configuration)?;
    if let Some(folder) = &given.record {
        let recording = &mut loaded.config.recording;
        recording.folder.clone_from(folder);
        recording.every.get_or_insert(NonZeroU32::MIN);
    }
    Ok(loaded)
}

/// Reads the configuration; a failure is text for the operator, ready to be printed.
pub(crate) fn load(given: &Configuration) -> Result<Loaded, String> {
    let defines: Vec<_> = given.defines.iter().map(|text| define(text)).collect();
    let inputs: Vec<_> =
        file(given)?.into_iter().map(Input::File).chain(lines(&given.directives)).collect();
    read(&inputs, &defines)
}

/// Reads directives alone: no file, wherever the daemon is started.
pub(crate) fn load_lines(directives: &[String]) -> Result<Loaded, String> {
    read(&lines(directives).collect::<Vec<_>>(), &[])
}

fn read(inputs: &[Input], defines: &[(String, String)]) -> Result<Loaded, String> {
    let read = config::transcribe(&mut System, inputs, defines);
    let (config, directives) = read.map_err(|problems| render(&problems))?;
    Ok(Loaded { config, directives })
}

/// The files and the environment of this machine.
struct System;

impl Source for System {
    fn read(&mut self, path: &str) -> Result<String, String> {
        fs::read_to_string(path).map_err(|error| error.to_string())
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

fn define(text: &str) -> (String, String) {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    (name.to_owned(), value.to_owned())
}

fn file(given: &Configuration) -> Result<Option<String>, String> {
    let default = || DEFAULT_FILES.into_iter().find(|path| Path::new(path).exists());
    let file = given.file.clone().or_else(|| default().map(str::to_owned));
    if file.is_none() && given.directives.is_empty() {
        let [here, system] = DEFAULT_FILES;
        return Err(format!("underpass: no configuration: neither {here} nor {system} is there\n"));
    }
    // A file that cannot be read at all has no line to point at.
    if let Some(path) = &file
        && let Err(error) = fs::File::open(path)
    {
        return Err(format!("underpass: cannot read {path}: {error}\n"));
    }
    Ok(file)
}

fn lines(directives: &[String]) -> impl Iterator<Item = Input> {
    directives
        .iter()
        .zip(1..)
        .map(|(text, number)| Input::Line { name: format!("-C {number}"), text: text.clone() })
}

/// Draws each problem under its line.
fn render(problems: &[Problem]) -> String {
    let colours = std::io::stderr().is_terminal();
    let renderer = if colours { Renderer::styled() } else { Renderer::plain() };
    let mut text = String::new();
    for problem in problems {
        let annotation = AnnotationKind::Primary.span(problem.span.clone());
        let snippet = Snippet::source(&problem.text).path(&problem.file).annotation(annotation);
        let mut group = Level::ERROR.primary_title(&problem.message).element(snippet);
        if let Some(help) = &problem.help {
            group = group.element(Level::HELP.message(help));
        }
        text.push_str(&renderer.render(&[group]));
        text.push_str("\n\n");
    }
    let plural = if problems.len() == 1 { "" } else { "s" };
    text + &format!("underpass: {} problem{plural} in the configuration\n", problems.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_define_has_a_value_or_none() {
        assert_eq!(define("A"), ("A".into(), String::new()));
        assert_eq!(define("A=b=c"), ("A".into(), "b=c".into()));
    }

    #[test]
    fn a_problem_is_drawn_under_its_line() {
        let given = Configuration {
            file: None,
            defines: Vec::new(),
            directives: vec!["Listen 127.0.0.1:0".into(), "ProxyPas / http://h/".into()],
        };
        let text = load(&given).unwrap_err();
        assert!(text.contains("error: unknown directive `ProxyPas`"), "{text}");
        assert!(text.contains("--> -C 2:1:1"), "{text}");
        assert!(text.contains("^^^^^^^^"), "{text}");
        assert!(text.contains("did you mean `ProxyPass`?"), "{text}");
        assert!(text.ends_with("underpass: 1 problem in the configuration\n"), "{text}");
    }
}
