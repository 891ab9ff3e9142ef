//! The table of directives, from which they are read, suggested and documented: one part a subject.

mod heads;
mod proxy;
mod record;
mod request;
mod response;
mod server;
mod tunnel;

use super::problem::Flaw;
use super::table::Directive;

/// Every directive, in the order of the manual.
pub fn directives() -> impl Iterator<Item = &'static Directive> {
    let parts = [
        server::DIRECTIVES,
        request::DIRECTIVES,
        proxy::DIRECTIVES,
        response::DIRECTIVES,
        heads::DIRECTIVES,
        tunnel::DIRECTIVES,
        record::DIRECTIVES,
    ];
    parts.into_iter().flatten()
}

/// Where a directive may stand.
const SERVER: &str = "server";

fn set<T>(slot: &mut T, value: Result<T, Flaw>) -> Result<(), Flaw> {
    *slot = value?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::good;
    use super::*;

    #[test]
    fn every_directive_has_an_example_that_works() {
        for directive in directives() {
            let (name, example) = (directive.name, directive.example);
            assert_eq!(example.split(' ').next(), Some(name));
            let upper = example.replace(name, &name.to_ascii_uppercase());
            assert_eq!(good(example), good(&upper));
            assert_ne!(
                Some(example),
                directive.default.map(|args| format!("{name} {args}")).as_deref()
            );
        }
    }

    #[test]
    fn the_default_of_the_table_is_what_absence_means() {
        for directive in directives() {
            if let Some(args) = directive.default {
                let line = format!("ProxyPass / ws://b\n{} {args}", directive.name);
                assert_eq!(good(&line), good("ProxyPass / ws://b"), "{line}");
            }
        }
    }

    #[test]
    fn no_name_stands_twice() {
        let names: Vec<_> = directives().map(|directive| directive.name).collect();
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(names.len(), distinct.len());
    }
}
