//! Sections: what begins and ends one, and what a line means that stands in it.

use super::context::Context;
use super::lines::Letter;
use super::loader::Loader;
use super::problem::Place;
use super::table;
use super::words::{Word, split};

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
    /// They are about some backends.
    Backends,
    /// Nothing: its condition holds.
    Holds,
    /// They do not count.
    Skipped,
}

/// A section that does not count because the work of its module is not built in.
pub(super) struct LeftOut {
    /// The module, as the section names it.
    module: Word,
    /// How many directives stand in it.
    directives: usize,
}

impl Loader<'_> {
    /// Where the present line stands.
    pub(super) fn context(&self) -> Context {
        let is_in = |kind| self.sections.iter().any(|open| open.kind == kind);
        let parts = [
            (Kind::Backends, Context::Backends),
            (Kind::Paths, Context::Location),
            (Kind::Host, Context::Host),
        ];
        let inner = parts.into_iter().find(|(kind, _)| is_in(*kind));
        inner.map_or(Context::Server, |(_, context)| context)
    }

    /// Whether the present line does not count.
    pub(super) fn skips(&self) -> bool {
        self.sections.last().is_some_and(|open| open.kind == Kind::Skipped)
    }

    /// The section that has just begun does not count, for want of that module: which is told at its end.
    pub(super) fn leave_out(&mut self, module: &Word) {
        self.left_out = Some(LeftOut { module: module.clone(), directives: 0 });
    }

    /// A directive that does not count.
    pub(super) fn skip(&mut self) {
        if let Some(left_out) = &mut self.left_out {
            left_out.directives += 1;
        }
    }

    /// A section has ended: if it was the outermost of those that are skipped, and one of a module that is not
    /// built in, what it says is not passed over in silence.
    fn tell_left_out(&mut self) {
        let ended = if self.skips() { None } else { self.left_out.take() };
        let Some(LeftOut { module, directives }) = ended.filter(|ended| ended.directives > 0)
        else {
            return;
        };
        let count = if directives == 1 {
            "1 directive is"
        } else {
            &format!("{directives} directives are")
        };
        let flaw = module.flaw(format!("the work of `{module}` is not built in: {count} skipped"));
        let help = "leave the section out, and move out of it what is to count";
        self.warnings.push(flaw.help(help).warning());
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
        let Some(line) = self.expanded(line, false) else { return self.miss() };
        let words = inner(&line).and_then(split);
        let entered = words.and_then(|words| match words.split_first() {
            Some((name, args)) => table::find_section(name)?.apply(self, name, args),
            None => Err(line[0].place.flaw("the section has no name")),
        });
        self.flaws.extend(entered.err());
        let Some(kind) = self.sections.get(depth).map(|open| open.kind) else {
            return self.miss();
        };
        if matches!(kind, Kind::Host | Kind::Paths | Kind::Backends) {
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
            Some(Kind::Paths | Kind::Backends) => self.draft.close_section(),
            Some(Kind::Skipped) => return self.tell_left_out(),
            Some(Kind::Holds) | None => return,
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
    use super::super::testing::{good, problem, problems, warnings};

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

    #[test]
    fn what_is_skipped_for_want_of_a_module_is_told_with_its_place() {
        let told = |at: &str, module: &str, count: &str| {
            format!(
                "conf:{at}: the work of `{module}` is not built in: {count} skipped \
                 (leave the section out, and move out of it what is to count)"
            )
        };
        let text = "<VirtualHost *>\n<IfModule mod_md.c>\n# x\nMDomain a\n<IfModule mod_php.c>\n\
                    <Location />\nA b\n</Location>\n</IfModule>\nC \\\n d\n</IfModule>\n</VirtualHost>\n\
                    <IfModule rewrite_module>\nRewriteEngine On\n</IfModule>";
        let expected = [
            told("2:11", "mod_md.c", "3 directives are"),
            told("14:11", "rewrite_module", "1 directive is"),
        ];
        assert_eq!(warnings(text), expected);
        // Beside an error, and where the section is the last of its text.
        let unclosed = problems("Listen 1\n<IfModule mod_md.c>\nA b");
        assert_eq!(unclosed[1], told("2:11", "mod_md.c", "1 directive is"));
    }

    #[test]
    fn what_is_skipped_on_purpose_is_not_told() {
        for text in [
            "<IfModule mod_md.c>\n# only this\n</IfModule>",
            "<IfModule mod_md.c>\n<Location />\n</Location>\n</IfModule>",
            "<IfModule !mod_proxy.c>\nA b\n</IfModule>",
            "<IfModule !mod_md.c>\nTimeout 5\n</IfModule>",
            "<IfModule mod_proxy.c>\nTimeout 5\n</IfModule>",
            "<IfDefine X>\n<IfModule mod_md.c>\nA b\n</IfModule>\n</IfDefine>",
            "<IfModule mod_md.c>\n</IfModule>\n<IfDefine X>\nA b\n</IfDefine>",
        ] {
            assert_eq!(warnings(text), [""; 0], "{text}");
        }
    }
}
