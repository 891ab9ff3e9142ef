//! From the command line to a checked configuration, or to every problem with a caret under it.

use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::num::NonZeroU32;
use std::path::Path;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use underpass_core::config::{self, Input, Problem, Read, Severity, Source};
use underpass_core::time::Time;

use crate::cli::{Configuration, Run};
use crate::tls::{Keeper, Trouble};

/// Where the configuration is looked for if the command line names no file.
const DEFAULT_FILES: [&str; 2] = ["underpass.conf", "/etc/underpass/underpass.conf"];

/// Reads the configuration of what is to be run: the command line may say that it is recorded.
pub(crate) fn load_to_run(given: &Run) -> Result<Read, String> {
    let mut loaded = load(&given.configuration)?;
    if let Some(folder) = &given.record {
        let recording = &mut loaded.config.recording;
        recording.folder.clone_from(folder);
        recording.every.get_or_insert(NonZeroU32::MIN);
    }
    Ok(loaded)
}

/// Reads the configuration; a failure is text for the operator, ready to be printed.
pub(crate) fn load(given: &Configuration) -> Result<Read, String> {
    let defines: Vec<_> = given.defines.iter().map(|text| define(text)).collect();
    let inputs: Vec<_> =
        file(given)?.into_iter().map(Input::File).chain(lines(&given.directives)).collect();
    read(&inputs, &defines)
}

/// Reads directives alone: no file, wherever the daemon is started.
pub(crate) fn load_lines(directives: &[String]) -> Result<Read, String> {
    read(&lines(directives).collect::<Vec<_>>(), &[])
}

/// Makes the keys of a configuration of the files that it names; what is wrong with these is a problem of the
/// lines that name them.
pub(crate) fn keys(loaded: &Read) -> Result<Keeper, String> {
    let (keeper, troubles) = Keeper::new(&loaded.config.rules, Time::ZERO);
    judge(loaded, &troubles).map(|()| keeper)
}

/// Whether the files of a configuration can be used; what is to be warned of is told.
pub(crate) fn judge(loaded: &Read, troubles: &[Trouble]) -> Result<(), String> {
    let text = told(loaded, troubles);
    if troubles.iter().any(|trouble| trouble.severity == Severity::Error) {
        return Err(text);
    }
    tell(&text);
    Ok(())
}

/// Tells the operator something that was made ready to be printed.
pub(crate) fn tell(text: &str) {
    // Where standard error is gone there is nobody left to be told.
    let _ = io::stderr().write_all(text.as_bytes());
}

/// What is wrong with files, each under the first line that names it.
fn told(loaded: &Read, troubles: &[Trouble]) -> String {
    let (mut problems, mut text) = (Vec::new(), String::new());
    for Trouble { path, severity, what } in troubles {
        let mention = loaded.mentions.iter().find(|mention| Some(&mention.path) == path.as_ref());
        match mention {
            Some(mention) => problems.push(mention.problem(*severity, what)),
            None => text.push_str(&format!("underpass: {what}\n")),
        }
    }
    if !problems.is_empty() {
        text.push_str(&render(&problems));
    }
    text
}

fn read(inputs: &[Input], defines: &[(String, String)]) -> Result<Read, String> {
    let read = config::read(&mut System, inputs, defines).map_err(|problems| render(&problems))?;
    if !read.warnings.is_empty() {
        tell(&render(&read.warnings));
    }
    Ok(read)
}

/// The files and the environment of this machine.
struct System;

impl Source for System {
    fn read(&mut self, path: &str) -> Result<String, String> {
        fs::read_to_string(path).map_err(|error| error.to_string())
    }

    fn matching(&mut self, pattern: &str) -> Result<Vec<String>, String> {
        let found = glob::glob(pattern).map_err(|error| error.to_string())?;
        let mut files = Vec::new();
        for path in found {
            add_files(&path.map_err(|error| error.to_string())?, &mut files)
                .map_err(|error| error.to_string())?;
        }
        Ok(files)
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

/// Adds a file, or all files of a folder and of the folders in it, in the order of their names.
fn add_files(path: &Path, files: &mut Vec<String>) -> io::Result<()> {
    if !path.is_dir() {
        files.push(path.to_string_lossy().into_owned());
        return Ok(());
    }
    let entries = fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path()));
    let mut entries = entries.collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    entries.iter().try_for_each(|entry| add_files(entry, files))
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
        let level = match problem.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = level.primary_title(&problem.message).element(snippet);
        if let Some(help) = &problem.help {
            group = group.element(Level::HELP.message(help));
        }
        text.push_str(&renderer.render(&[group]));
        text.push_str("\n\n");
    }
    let counted = |severity, what: &str| {
        let count = problems.iter().filter(|problem| problem.severity == severity).count();
        let plural = if count == 1 { "" } else { "s" };
        (count > 0).then(|| format!("{count} {what}{plural}"))
    };
    let counts = [counted(Severity::Error, "problem"), counted(Severity::Warning, "warning")];
    let counts: Vec<_> = counts.into_iter().flatten().collect();
    text + &format!("underpass: {} in the configuration\n", counts.join(" and "))
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
