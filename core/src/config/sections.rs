//! Sections: what begins and ends one, and what a line means that stands in it.

use super::context::Context;
use super::lines::Letter;
use super::loader::Loader;
use super::problem::Place;
use super::table;
use super::words::split;

/// A section that has begun and not ended yet.
pub(super) struct Open {
    /// Its name, without brackets.
    name: String,
    place: Place,
    kind: Kind,
}

/// What a section does to the lines in it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// They are a virtual host's.
    Host,
    /// They are about some paths.
    Paths,
    /// Nothing: its condition holds.
    Holds,
    /// They do not count.
    Skipped,
}

impl Loader<'_> {
    /// Where the present line stands.
    pub(super) fn context(&self) -> Context {
        let is_in = |kind| self.sections.iter().any(|open| open.kind == kind);
        match (is_in(Kind::Paths), is_in(Kind::Host)) {
            (true, _) => Context::Location,
            (_, true) => Context::Host,
            _ => Context::Server,
        }
    }

    /// Whether the present line does not count.
    pub(super) fn skips(&self) -> bool {
        self.sections.last().is_some_and(|open| open.kind == Kind::Skipped)
    }

    /// A line that begins a section. What stands in one that cannot begin is skipped.
    pub(super) fn open(&mut self, line: &[Letter]) {
        let place = line[0].place.to(line[line.len() - 1].place);
        let text: String = line[1..].iter().map(|letter| letter.char).collect();
        let name = text.split([' ', '\t', '>']).next().unwrap_or_default().into();
        let depth = self.sections.len();
        let kind = if self.skips() { Kind::Skipped } else { self.enter(line) };
        self.sections.truncate(depth);
        self.sections.push(Open { name, place, kind });
    }

    /// Does what the line that begins a section says; it calls [`begin`](Self::begin) if that can be done.
    fn enter(&mut self, line: &[Letter]) -> Kind {
        let depth = self.sections.len();
        let Some(line) = self.expanded(line) else { return self.miss() };
        let words = inner(&line).and_then(split);
        let entered = words.and_then(|words| match words.split_first() {
            Some((name, args)) => table::find_section(name)?.apply(self, name, args),
            None => Err(line[0].place.flaw("the section has no name")),
        });
        self.flaws.extend(entered.err());
        let Some(kind) = self.sections.get(depth).map(|open| open.kind) else {
            return self.miss();
        };
        if matches!(kind, Kind::Host | Kind::Paths) {
            self.transcript.push(line.iter().map(|letter| letter.char).collect());
        }
        kind
    }

    /// There may be a `Listen` in a section that could not begin.
    fn miss(&mut self) -> Kind {
        self.listen_due = false;
        Kind::Skipped
    }

    /// The section whose first line is being read has begun, and is of that kind.
    pub(super) fn begin(&mut self, kind: Kind) {
        self.sections.push(Open { name: String::new(), place: Place::default(), kind });
    }

    /// A line that ends the innermost section, unless that is one of the first `outer` ones.
    pub(super) fn close(&mut self, line: &[Letter], outer: usize) {
        let place = line[0].place.to(line[line.len() - 1].place);
        let text: String = line[2..].iter().map(|letter| letter.char).collect();
        let name = text.trim_end().strip_suffix('>').unwrap_or(&text).trim();
        let Some(open) = self.sections[outer..].last() else {
            return self.flaws.push(place.flaw(format!("`</{name}>` closes nothing")));
        };
        if open.name.eq_ignore_ascii_case(name) && text.trim_end().ends_with('>') {
            self.leave(&format!("</{name}>"));
        } else {
            self.flaws.push(place.flaw(format!("`</{}>` is due here", open.name)));
        }
    }

    fn leave(&mut self, line: &str) {
        match self.sections.pop().map(|open| open.kind) {
            Some(Kind::Host) => self.draft.close_host(),
            Some(Kind::Paths) => self.draft.close_section(),
            Some(Kind::Holds | Kind::Skipped) | None => return,
        }
        self.transcript.push(line.into());
    }

    /// Ends every section but the first `outer` ones, because their text has ended.
    pub(super) fn close_all(&mut self, outer: usize) {
        while let Some(open) = self.sections[outer..].last() {
            let flaw = open.place.flaw(format!("`<{}>` is never closed", open.name));
            self.flaws.push(flaw.help(format!("write `</{}>` behind its last line", open.name)));
            self.listen_due = false;
            self.leave("");
        }
    }
}

/// What stands between the brackets of a line that begins a section.
fn inner(line: &[Letter]) -> Result<&[Letter], super::problem::Flaw> {
    let last = line.iter().rposition(|letter| !letter.char.is_ascii_whitespace()).unwrap_or(0);
    match line[last].char {
        '>' => Ok(&line[1..last]),
        _ => Err(line[last].place.flaw("the section's line does not end in `>`")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{good, problem, problems};

    #[test]
    fn what_stands_in_an_unknown_section_is_skipped() {
        let text = "<Locatio /a>\n nonsense ${x}\n<Limit>\n</Limit>\n</locatio>\n</Proxy>";
        assert_eq!(
            problems(text),
            [
                "conf:1:2: unknown section `<Locatio>` (did you mean `Location`?)",
                "conf:6:1: `</Proxy>` closes nothing",
            ]
        );
    }

    #[test]
    fn a_section_ends_as_it_begins_and_before_its_text() {
        assert_eq!(
            problem("<IfDefine !A>\n</IfModule>\n</IfDefine>"),
            "conf:2:1: `</IfDefine>` is due here"
        );
        let open =
            "conf:2:1: `<Location>` is never closed (write `</Location>` behind its last line)";
        assert_eq!(problems("Listen 1\n<Location /a>"), [open]);
        assert_eq!(
            problem("<Location /a\n</Location>"),
            "conf:1:12: the section's line does not end in `>`"
        );
        assert_eq!(problem("<>\n</>"), "conf:1:1: the section has no name");
    }

    #[test]
    fn a_directive_stands_where_it_may() {
        let text = "<VirtualHost *>\nThreads 2\n</VirtualHost>";
        let threads = "conf:2:1: `Threads` may not stand in `<VirtualHost>` \
                       (it may stand outside of sections)";
        assert_eq!(problem(text), threads);
        let text = "<Location />\n<VirtualHost *>\n</VirtualHost>\n</Location>";
        assert!(
            problem(text).starts_with("conf:2:2: `<VirtualHost>` may not stand in `<Location>`")
        );
    }

    #[test]
    fn what_is_conditional_counts_or_is_not_even_read() {
        let name = |text: &str| good(text).rules.main().name.clone();
        assert_eq!(name("Define A\n<IfDefine A>\nServerName a\n</IfDefine>"), "a");
        let skipped = "<IfDefine A>\nnonsense ${x}\n<Unknown>\n</Unknown>\n</IfDefine>";
        assert_eq!(name(skipped), "underpass");
        assert_eq!(name("<IfModule mod_proxy.c>\nServerName a\n</IfModule>"), "a");
        assert_eq!(name("<IfModule !proxy_http_module>\nServerName a\n</IfModule>"), "underpass");
        assert_eq!(name("<IfModule mod_php.c>\nServerName a\n</IfModule>"), "underpass");
    }
}
