//! `underpass directives --markdown`: the whole manual as one page, from the table that is read by.

use std::fmt::Write as _;

use underpass_core::config::{
    Context, Directive, Origin, Subject, directives, parameters, refused_directives,
    refused_parameters,
};

const HEAD: &str = "\
# Directives

Made by `underpass directives --markdown` from the table that the configuration is read by: they cannot disagree.

A line is a directive and its arguments, separated by blanks; quotes hold an argument together, a `\\` at the \
end of a line joins the next one to it, `#` begins a comment, `${NAME}` stands for what `Define`, `-D` or the \
environment say. A time is a number and `ms`, `s`, `mi` or `h`; without a unit it is seconds, unless it says otherwise. \
Settings apply to every rule, wherever they stand; of two the last one wins. What is unknown is an error.

Those marked **ours** are not httpd's.

";

/// The page.
pub(crate) fn manual() -> String {
    let mut page = HEAD.to_owned();
    for directive in directives() {
        let _ = writeln!(page, "- [{}](#{})", escaped(directive.name), anchor(directive.name));
    }
    directives().for_each(|directive| describe(directive, &mut page));
    Subject::ALL.into_iter().for_each(|subject| describe_parameters(subject, &mut page));
    page.push_str("\n## Known and refused\n\nWith the reason, and what to do instead.\n");
    list("directive", refused_directives(), &mut page);
    list("parameter", refused_parameters(), &mut page);
    page
}

fn describe_parameters(subject: Subject, page: &mut String) {
    let (of, place) = (subject.name(), subject.place());
    let _ = writeln!(page, "\n## Parameters of {of}\n\nThey stand {place}, and in `ProxySet`.\n");
    page.push_str("| parameter | value | default | |\n|---|---|---|---|\n");
    for parameter in parameters().filter(|parameter| parameter.of == subject) {
        let values = parameter.values.replace('|', "\\|");
        let default = parameter.default.unwrap_or("");
        let (name, sign, summary) = (parameter.name, parameter.sign(), parameter.summary);
        let _ = writeln!(page, "| `{name}{sign}` | {values} | {default} | {summary} |");
    }
}

/// What is refused, in rows.
fn list(title: &str, refused: impl Iterator<Item = (&'static str, String)>, page: &mut String) {
    let _ = writeln!(page, "\n| {title} | |\n|---|---|");
    for (name, why) in refused {
        let _ = writeln!(page, "| `{name}` | {why} |");
    }
}

fn describe(directive: &Directive, page: &mut String) {
    let Directive { name, args, default, contexts, origin, summary, example, .. } = directive;
    let contexts: Vec<_> = contexts.iter().copied().map(Context::name).collect();
    let ours = if *origin == Origin::Ours { " · **ours**" } else { "" };
    let syntax = match name.strip_suffix('>') {
        Some(opening) => format!("{opening} {args}> … </{}>", &opening[1..]),
        None => format!("{name} {args}"),
    };
    let _ = writeln!(page, "\n## {}\n\n```\n{syntax}\n```\n\n{summary}\n", escaped(name));
    let _ = write!(page, "Context: {}{ours}", contexts.join(", "));
    if let Some(default) = default {
        let _ = write!(page, " · default: `{default}`");
    }
    let _ = writeln!(page, "\n\n```apache\n{example}\n```");
}

fn escaped(name: &str) -> String {
    name.replace('<', "\\<").replace('>', "\\>")
}

fn anchor(name: &str) -> String {
    name.trim_matches(['<', '>']).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/directives.md");

    /// `UPDATE=1 cargo test -p underpass manual` writes the page anew.
    #[test]
    fn the_page_says_what_the_table_says() {
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(PAGE, manual()).expect("the page can be written");
        }
        let page = std::fs::read_to_string(PAGE).expect("the page is there");
        assert_eq!(page, manual(), "UPDATE=1 cargo test -p underpass manual");
    }

    /// D1 to D20 of `reference/httpd.md`: what httpd does, what we do, and why.
    #[test]
    fn every_fault_of_httpds_is_on_the_migration_page_with_a_reason() {
        let page = include_str!("../docs/migration.md");
        for number in 1..=20 {
            let row = page.lines().find(|line| line.starts_with(&format!("| D{number} |")));
            let cells = row.unwrap_or_else(|| panic!("no D{number}")).trim_matches('|').split('|');
            assert_eq!(cells.filter(|cell| cell.trim().len() > 1).count(), 4, "D{number}");
        }
    }

    #[test]
    fn every_directive_and_every_parameter_is_on_the_page() {
        let page = manual();
        for Directive { name, summary, example, .. } in directives() {
            assert!(page.contains(&format!("\n## {}\n", escaped(name))), "{name}");
            assert!(page.contains(summary) && page.contains(example), "{name}");
        }
        for (name, why) in refused_directives().chain(refused_parameters()) {
            assert!(page.contains(&format!("| `{name}` | {why} |")), "{name}");
        }
        for parameter in parameters() {
            let row = format!("| `{}{}` |", parameter.name, parameter.sign());
            assert!(page.contains(&row), "{}", parameter.name);
        }
    }
}
