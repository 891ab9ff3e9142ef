//! What the table says of one directive, and how a line finds its entry.

use core::ops::RangeInclusive;

use super::context::Context;
use super::directives::{directives, refused};
use super::loader::Loader;
use super::problem::Flaw;
use super::suggest::suggest;
use super::words::Word;

/// One directive.
#[derive(Debug)]
pub struct Directive {
    /// Its name. Its case does not matter.
    pub name: &'static str,
    /// What its arguments are.
    pub args: &'static str,
    /// The arguments that stand for its absence, if there are any.
    pub default: Option<&'static str>,
    /// Where it may stand.
    pub contexts: &'static [Context],
    /// Whose it is.
    pub origin: Origin,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// A line that says something else than its absence.
    pub example: &'static str,
    /// How many arguments it has.
    pub(super) count: RangeInclusive<usize>,
    /// Does what it says; called with as many arguments as `count` allows.
    pub(super) apply: fn(&mut Loader<'_>, &[Word]) -> Result<(), Flaw>,
}

impl Directive {
    /// Does what the line of `name` and `args` says.
    pub(super) fn apply(
        &self,
        loader: &mut Loader<'_>,
        name: &Word,
        args: &[Word],
    ) -> Result<(), Flaw> {
        self.check_place(loader.context(), name)?;
        let (least, most) = (*self.count.start(), *self.count.end());
        if let Some(surplus) = args.get(most) {
            let flaw = surplus.flaw(format!("too many arguments for `{}`", self.name));
            return Err(flaw.help(self.usage()));
        }
        if args.len() < least {
            let flaw = name.flaw(format!("too few arguments for `{}`", self.name));
            return Err(flaw.help(self.usage()));
        }
        (self.apply)(loader, args)
    }

    fn check_place(&self, context: Context, name: &Word) -> Result<(), Flaw> {
        if self.contexts.contains(&context) {
            return Ok(());
        }
        let flaw = name.flaw(format!("`{}` may not stand {}", self.name, context.section()));
        let places: Vec<_> = self.contexts.iter().map(|context| context.section()).collect();
        Err(flaw.help(format!("it may stand {}", places.join(" or "))))
    }

    fn usage(&self) -> String {
        match self.name.strip_suffix('>') {
            Some(opening) => format!("write `{opening} {}>`", self.args),
            None => format!("write `{} {}`", self.name, self.args),
        }
    }

    /// Whether it is a section, and not a line of its own.
    pub fn is_section(&self) -> bool {
        self.name.starts_with('<')
    }
}

/// Whose a directive is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin {
    /// httpd's: it means the same here.
    Httpd,
    /// Ours: httpd does not know it.
    Ours,
}

/// The directive of that name.
pub(super) fn find(name: &Word) -> Result<&'static Directive, Flaw> {
    let lines = || directives().filter(|directive| !directive.is_section());
    let mut known = lines().chain(refused::DIRECTIVES);
    known.find(|directive| name.is(directive.name)).ok_or_else(|| {
        let help = suggest(name.text(), lines().map(|directive| directive.name));
        let flaw = name.flaw(format!("unknown directive `{name}`"));
        help.into_iter().fold(flaw, Flaw::help)
    })
}

/// The section of that name, which is without its brackets.
pub(super) fn find_section(name: &Word) -> Result<&'static Directive, Flaw> {
    let bare = |section: &'static Directive| section.name.trim_matches(['<', '>']);
    let sections = || directives().filter(|directive| directive.is_section());
    sections().find(|section| name.is(bare(section))).ok_or_else(|| {
        let help = suggest(name.text(), sections().map(bare));
        let flaw = name.flaw(format!("unknown section `<{name}>`"));
        help.into_iter().fold(flaw, Flaw::help)
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::problem;

    #[test]
    fn the_number_of_arguments_is_checked() {
        assert_eq!(
            problem("Threads"),
            "conf:1:1: too few arguments for `Threads` (write `Threads number`)"
        );
        assert_eq!(
            problem("Threads 1 2"),
            "conf:1:11: too many arguments for `Threads` (write `Threads number`)"
        );
        assert_eq!(
            problem("ProxyPass /a"),
            "conf:1:11: a rule outside of `<Location>` has a path and a URL (write `ProxyPass path url`)"
        );
    }

    #[test]
    fn an_unknown_directive_is_a_problem() {
        let unknown = "conf:1:1: unknown directive `DocumentRoot`";
        assert_eq!(problem("DocumentRoot /var/www"), unknown);
        let near = "conf:1:1: unknown directive `timout` (did you mean `Timeout`?)";
        assert_eq!(problem("timout 5"), near);
    }
}
