//! Bytes as the text of a configuration, and of files that it may include.
//!
//! ```text
//! [ the file `main` … FF the file `a` … FF the file `b` … FF the file `c` … ]
//! ```

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use underpass_core::config::{Config, Input, PROBLEMS_MOST, Problem, Severity, Source, load};
use underpass_core::limits::{FIELDS_MOST, HEAD_MOST, Limits, Pace};
use underpass_core::route::mapping::{Piece, pieces};
use underpass_core::route::{Entrance, Host, Pattern, Rules, Terms};
use underpass_core::time::Wait;

/// Checks that the text is read the same however often and in whatever pieces, that every problem has
/// a place in it, and that what is accepted can be served by.
pub fn check(data: &[u8]) {
    let texts = data.split(|&byte| byte == 0xFF).map(|text| String::from_utf8_lossy(text).into());
    let mut files = Files(["main", "a", "b", "c"].into_iter().zip(texts).collect());
    let main = [Input::File("main".into())];
    let loaded = load(&mut files, &main, &[]);
    assert_eq!(load(&mut files, &main, &[]), loaded, "it is read otherwise the second time");
    match &loaded {
        Ok(config) => must_be_sound(config),
        Err(problems) => must_be_located(problems, &files),
    }
    let text = files.0["main"].clone();
    if is_one_a_line(&text) {
        let lines: Vec<_> = text.split('\n').map(line).collect();
        if !may_include_itself(&text) {
            must_be_alike(&load(&mut files, &lines, &[]), &loaded);
        }
        must_mean_by_themselves_what_they_mean_together(&text, &loaded);
    }
}

/// Files that are nowhere but here, and an environment with a home.
struct Files(BTreeMap<&'static str, String>);

impl Source for Files {
    fn read(&mut self, path: &str) -> Result<String, String> {
        self.0.get(path).cloned().ok_or_else(|| "no such file".into())
    }

    fn matching(&mut self, pattern: &str) -> Result<Vec<String>, String> {
        let (start, end) = pattern.split_once('*').unwrap_or((pattern, ""));
        let is_like = |path: &&&str| match pattern.contains('*') {
            true => path.starts_with(start) && path.ends_with(end),
            false => **path == pattern,
        };
        Ok(self.0.keys().filter(is_like).map(|path| (*path).to_owned()).collect())
    }

    fn variable(&self, name: &str) -> Option<String> {
        (name == "HOME").then(|| "/home".into())
    }
}

/// Each problem stands where it says that it does, and they come in the order of reading.
fn must_be_located(problems: &[Problem], files: &Files) {
    assert!((1..=PROBLEMS_MOST).contains(&problems.len()));
    for problem in problems {
        assert_eq!(Some(&problem.text), files.0.get(problem.file.as_str()), "it is of no file");
        let written = problem.text.get(problem.span.clone());
        assert!(written.is_some(), "{problem}: {:?} cuts a character", problem.span);
        let lines: Vec<_> = problem.text.split('\n').collect();
        let above: usize = lines[..problem.line - 1].iter().map(|line| line.len() + 1).sum();
        let before = lines[problem.line - 1].chars().take(problem.column - 1);
        let start = above + before.map(char::len_utf8).sum::<usize>();
        assert_eq!(problem.span.start, start, "{problem}");
    }
    // A section that is never closed is told behind all that is in it, and warnings behind all errors.
    let is_read = |problem: &&Problem| {
        let late = problem.message.starts_with(NOWHERE) || problem.message.ends_with(UNCLOSED);
        !late && problem.severity == Severity::Error
    };
    let starts = problems.iter().filter(is_read).map(|problem| problem.span.start);
    let one_file = !files.0["main"].to_ascii_lowercase().contains("include");
    assert!(!one_file || starts.is_sorted(), "they come in disorder");
}

/// The one problem that is of no place, and is told last.
const NOWHERE: &str = "there is no `Listen`";

/// How the problem of a section ends whose text ends before it.
const UNCLOSED: &str = "is never closed";

/// What is accepted has a meaning that sessions can be served by.
fn must_be_sound(config: &Config) {
    assert!(!config.listens.is_empty(), "it listens nowhere");
    let Rules { hosts, entrances, balancers, workers, .. } = &config.rules;
    let mut used = vec![false; workers.len()];
    for host in hosts {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
        assert!(!host.name.is_empty() && host.name.bytes().all(is_name), "{:?}", host.name);
        must_let_something_pass(&host.limits);
        for rule in &host.rules {
            let Some(forward) = rule.action.forward() else { continue };
            let balancer = &balancers[forward.balancer.0 as usize];
            balancer.workers.iter().for_each(|worker| used[worker.0 as usize] = true);
            let scopes = host.sections.iter().filter_map(|_| host.inner_scope(b"/ws"));
            let scopes: Vec<_> = scopes.map(|scope| *scope).chain([host.scope.clone()]).collect();
            scopes.iter().for_each(|scope| {
                must_wait_for_something(&Terms::of(forward, scope, host.timeout));
            });
            assert!(forward.manner.piece.map(NonZeroU32::get).is_none_or(|piece| piece >= 512));
            let head = forward.manner.response_limits(config.rules.bad_header);
            assert!((1..=HEAD_MOST as u32 / 2).contains(&head.line), "no response fits");
        }
        must_have_paths(host);
    }
    assert!(used.iter().all(|used| *used), "a worker of no rule");
    let known = |entrance: &Entrance| {
        !entrance.hosts.is_empty() && entrance.hosts.iter().all(|host| *host < hosts.len())
    };
    assert!(entrances.iter().all(known), "a door to no host");
}

/// A path begins where paths begin, and the URL of an expression has no group that it has not.
fn must_have_paths(host: &Host) {
    let of_rules = host.rules.iter().map(|rule| &rule.paths);
    for paths in of_rules.chain(host.sections.iter().map(|section| &section.paths)) {
        let Pattern::Below(prefix) = paths else { continue };
        assert!(prefix.starts_with('/'), "{prefix:?} is no prefix of a path");
    }
    for rule in &host.rules {
        let (Pattern::Matching(expression), Some(forward)) = (&rule.paths, rule.action.forward())
        else {
            continue;
        };
        let groups = expression.0.captures_len();
        let is_there = |piece| !matches!(piece, Piece::Group(group) if group >= groups);
        assert!(pieces(&forward.target.path).all(is_there), "a group that is none");
    }
}

fn must_let_something_pass(limits: &Limits) {
    let lines = 64..=HEAD_MOST as u32 / 2;
    assert!(lines.contains(&limits.line) && lines.contains(&limits.field));
    assert!((1..=FIELDS_MOST as u32).contains(&limits.fields));
    assert!(limits.requests > 0 && limits.body_most > 0 && limits.keep_alive > Wait::ZERO);
    for pace in [limits.head, limits.body] {
        assert!(pace == Pace::OFF || pace.most > pace.first && pace.first > Wait::ZERO);
    }
}

fn must_wait_for_something(terms: &Terms) {
    let all = [terms.connect, terms.answer, terms.acquire, terms.idle, terms.half_closed];
    assert!(all.iter().all(|wait| *wait > Wait::ZERO), "{terms:?}");
}

/// Whether each line is a directive, or none: no continuation, no section.
fn is_one_a_line(text: &str) -> bool {
    let joined = |line: &str| line.trim_end_matches('\r').ends_with('\\');
    let section = |line: &str| line.trim_start().starts_with('<');
    !text.split('\n').any(|line| joined(line) || section(line))
}

/// Whether it may name its own file, which is a problem in that file, and none in a line of its own.
fn may_include_itself(text: &str) -> bool {
    let includes = text.to_ascii_lowercase().contains("include");
    includes && ["*", "$", "\\", "main"].iter().any(|part| text.contains(part))
}

fn line(text: &str) -> Input {
    Input::Line { name: "line".into(), text: text.into() }
}

type Loaded = Result<Config, Vec<Problem>>;

/// Lines from the command line say what lines of a file say.
fn must_be_alike(lines: &Loaded, file: &Loaded) {
    match (lines, file) {
        (Err(lines), Err(file)) => {
            let messages = |problems: &[Problem]| {
                problems.iter().map(|one| one.message.clone()).collect::<Vec<_>>()
            };
            assert_eq!(messages(lines), messages(file));
        }
        _ => assert_eq!(lines, file),
    }
}

/// Whether a line is accepted, and what is wrong with it, depends on no other line, but for variables,
/// for addresses that are listened on twice, and for what several lines together describe: TLS and balancers.
fn must_mean_by_themselves_what_they_mean_together(text: &str, loaded: &Loaded) {
    let problems = loaded.as_ref().err().map(Vec::as_slice).unwrap_or_default();
    if problems.len() == PROBLEMS_MOST {
        return;
    }
    let is_own = |problem: &&Problem| {
        let of_others =
            [NOWHERE, "`Listen "].iter().any(|start| problem.message.starts_with(start));
        problem.file == "main" && !of_others && problem.severity == Severity::Error
    };
    let told = |problem: &Problem| (problem.column, problem.message.clone(), problem.help.clone());
    for (number, text) in (1..).zip(text.split('\n')) {
        let text_lower = text.to_ascii_lowercase();
        // What a RewriteCond says is told of the rule behind it.
        let others = ["${", "include", "rewrite", "ssl", "https", "wss", "balancer"];
        if others.iter().any(|it| text_lower.contains(it)) {
            continue;
        }
        let here = problems.iter().filter(is_own).filter(|problem| problem.line == number);
        let lines = ["Listen 0", "ProxyPass / ws://b", text].map(line);
        let alone = load(&mut Files(BTreeMap::new()), &lines, &[]);
        let alone = alone.inspect(must_be_sound).err().unwrap_or_default();
        let errors = alone.iter().filter(|problem| problem.severity == Severity::Error);
        assert!(errors.map(told).eq(here.map(told)), "{text:?} by itself: {alone:?}");
    }
}
