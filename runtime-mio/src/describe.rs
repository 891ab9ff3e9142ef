//! `underpass directives`: the manual, made from the table that the reader itself uses.

use std::fmt::Write as _;

use underpass_core::config::{
    Directive, Origin, Parameter, Subject, directives, parameters, refused_directives,
    refused_parameters,
};

/// What is known of the directive of that name, or of all of them in short; `Err` if there is none.
pub(crate) fn describe(name: Option<&str>) -> Result<String, String> {
    let Some(name) = name else { return Ok(all()) };
    let known = directives().find(|directive| directive.name.eq_ignore_ascii_case(name)).map(one);
    let refused = || {
        let mut all = refused_directives();
        let (name, why) = all.find(|(refused, _)| refused.eq_ignore_ascii_case(name))?;
        Some(format!("{name} {why}\n"))
    };
    known.or_else(refused).ok_or_else(|| format!("underpass: there is no directive `{name}`\n"))
}

fn all() -> String {
    let width = directives().map(|directive| directive.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for Directive { name, summary, .. } in directives() {
        let _ = writeln!(text, "{name:width$}  {summary}");
    }
    text.push_str("\nKnown and refused:\n");
    for (name, why) in refused_directives() {
        let _ = writeln!(text, "{name:width$}  {why}");
    }
    text
}

fn one(directive: &Directive) -> String {
    let Directive { name, args, default, contexts, origin, summary, example, .. } = directive;
    let origin = match origin {
        Origin::Httpd => "httpd's; it means the same here",
        Origin::Ours => "ours; httpd does not know it",
    };
    let mut text = format!("{name} {args}\n\n  {summary}\n\n");
    let _ = writeln!(text, "  Default: {}", default.unwrap_or("none"));
    let _ = writeln!(text, "  Example: {example}");
    let contexts: Vec<_> = contexts.iter().map(|context| context.name()).collect();
    let _ = writeln!(text, "  Context: {}", contexts.join(", "));
    let _ = writeln!(text, "  Origin:  {origin}");
    for subject in subjects(name) {
        let _ = writeln!(text, "\nParameters of {}:", subject.name());
        let of_it = parameters().filter(|parameter| parameter.of == *subject);
        of_it.for_each(|parameter| text.push_str(&lines_of(parameter)));
    }
    if *name == "ProxyPass" {
        text.push_str("\nParameters that are known and refused:\n");
        for (name, why) in refused_parameters() {
            let _ = writeln!(text, "  {name}\n      {why}");
        }
    }
    text
}

/// Of whom the parameters of that directive are said.
fn subjects(name: &str) -> &'static [Subject] {
    match name {
        "ProxyPass" => &[Subject::Rule, Subject::Worker, Subject::Balancer],
        "BalancerMember" => &[Subject::Worker, Subject::Member, Subject::Check],
        "ProxyHCTemplate" => &[Subject::Check],
        _ => &[],
    }
}

/// A parameter: one with a value, or a name alone.
fn lines_of(Parameter { name, values, default, summary, .. }: &Parameter) -> String {
    if values.is_empty() {
        return format!("  {name}\n      {summary}\n");
    }
    let default = default.unwrap_or("see there");
    format!("  {name}={values}\n      {summary} Default: {default}.\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_directive_has_its_page_and_its_line() {
        let all = describe(None).unwrap();
        for Directive { name, summary, .. } in directives() {
            assert!(all.contains(name) && all.contains(summary), "{name}");
            let page = describe(Some(&name.to_lowercase())).unwrap();
            assert!(page.starts_with(name) && page.contains(summary), "{page}");
        }
        assert!(describe(Some("Nothing")).is_err());
        for (name, why) in refused_directives() {
            assert!(all.contains(&why), "{name}");
            assert_eq!(describe(Some(&name.to_lowercase())), Ok(format!("{name} {why}\n")));
        }
        let page = describe(Some("proxypass")).unwrap();
        assert!(page.contains("\n  flushpackets\n"), "{page}");
        assert!(page.contains("Parameters of a balancer:\n") && page.contains("\n  lbmethod=by"));
        let member = describe(Some("balancermember")).unwrap();
        assert!(
            member.contains("\n  loadfactor=") && !member.contains("\n  noquery\n"),
            "{member}"
        );
        assert!(page.contains("\n  noquery\n") && page.contains("\n  upgrade=ANY|"), "{page}");
    }
}
