//! The table of directives, from which they are read, suggested and documented: one part a subject.

mod backends;
mod balancers;
mod edits;
mod handshake;
mod heads;
mod proxy;
mod record;
pub(super) mod refused;
mod request;
mod response;
mod reverse;
mod sections;
mod server;
mod tls_back;
mod tls_front;
mod tls_trust;
mod tunnel;
mod variables;

use super::problem::Flaw;
use super::table::Directive;

/// Every directive, in the order of the manual.
pub fn directives() -> impl Iterator<Item = &'static Directive> {
    let parts = [
        server::DIRECTIVES,
        sections::DIRECTIVES,
        request::DIRECTIVES,
        proxy::DIRECTIVES,
        backends::DIRECTIVES,
        balancers::DIRECTIVES,
        response::DIRECTIVES,
        heads::DIRECTIVES,
        edits::DIRECTIVES,
        reverse::DIRECTIVES,
        variables::DIRECTIVES,
        handshake::DIRECTIVES,
        tunnel::DIRECTIVES,
        tls_front::DIRECTIVES,
        tls_trust::DIRECTIVES,
        tls_back::DIRECTIVES,
        record::DIRECTIVES,
    ];
    parts.into_iter().flatten()
}

fn set<T>(slot: &mut T, value: Result<T, Flaw>) -> Result<(), Flaw> {
    *slot = value?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::good;
    use super::*;
    use crate::config::{Config, Context};

    /// The directive as a whole configuration, in the first part that it may stand in.
    fn alone(directive: &Directive, line: &str) -> Config {
        let name = directive.name.trim_matches(['<', '>']);
        let end = if directive.is_section() { format!("</{name}>") } else { String::new() };
        let context = directive.contexts.iter().find(|context| **context == Context::Server);
        let (open, close) = match context {
            Some(_) => ("", ""),
            None => ("<VirtualHost *>", "</VirtualHost>"),
        };
        // What is said of keys and of TLS as a whole is nothing without a certificate.
        let common = "ProxyPass / ws://b\nSSLCertificateFile /a.pem";
        good(&format!("{common}\n{open}\n{line}\n{end}\n{close}"))
    }

    #[test]
    fn every_directive_has_an_example_that_works() {
        for directive in directives() {
            let (name, example) = (directive.name.trim_end_matches('>'), directive.example);
            assert_eq!(example.split(' ').next(), Some(name));
            let upper = example.replace(name, &name.to_ascii_uppercase());
            assert_eq!(alone(directive, example), alone(directive, &upper));
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
                let line = format!("{} {args}", directive.name);
                assert_eq!(alone(directive, &line), alone(directive, ""), "{line}");
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
