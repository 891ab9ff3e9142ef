//! What of a request decides on its way, but is not said by a question: by the variables that it sets.

use super::Step;
use crate::edit::interpolate::{Piece, pieces};
use crate::edit::vars::{NO_PROXY, SetVars};
use crate::route::host::Host;
use crate::route::place::Said;

/// What decides whether the request is forwarded at all.
pub(super) fn of_forwarding(host: &Host, path: &[u8]) -> Vec<Step> {
    let what = "no-proxy may be set by it, or taken back: where it is set, the answer is 404";
    unsaid(host, path, |name| name.eq_ignore_ascii_case(NO_PROXY), what)
}

/// What decides which path the backend sees.
pub(super) fn of_url(said: &Said<'_>, path: &[u8]) -> Vec<Step> {
    let forward = said.forward;
    let fills = forward.interpolates && said.scope.interpolates;
    let is_in_url = |name: &str| {
        let is_it = |piece| matches!(piece, Piece::Variable(it) if it.eq_ignore_ascii_case(name));
        fills && pieces(&forward.target.path).any(is_it)
    };
    unsaid(said.host, path, is_in_url, "a variable in the URL of the rule may be set by it")
}

fn unsaid(
    host: &Host,
    path: &[u8],
    is_meant: impl Fn(&str) -> bool,
    what: &'static str,
) -> Vec<Step> {
    let decides = |line: &&SetVars| line.assigns.iter().any(|it| is_meant(&it.name));
    let lines = host.heads.setting_vars(path).filter(decides);
    let unknown = lines.filter_map(|line| line.when.as_ref()?.of.unsaid());
    unknown.map(|on| Step::Depends { on, what }).collect()
}

#[cfg(test)]
mod tests {
    use crate::route::explain::tests::explained_by;

    #[test]
    fn a_variable_in_the_url_of_the_rule_is_filled_in_or_depends() {
        let said = |on: &str, line: &str| {
            let conf = format!(
                "Listen 80\n{line}\nProxyPassInterpolateEnv {on}\nProxyPass /a ws://b/${{T}} interpolate"
            );
            explained_by(&conf, "127.0.0.1:80", "one.example", "/a/x", true)
        };
        let by_host = said("On", "SetEnvIf Host ^[^.]+ T=$0");
        assert!(
            by_host.ends_with("rule      /a ws://b/${T}\nbackend   ws://b, asked for /one/x\n"),
            "{by_host}"
        );
        let by_field = said("On", "SetEnvIf X-Tenant (.*) t=$1");
        let depends = "asked for //x\ndepends   on X-Tenant: a variable in the URL of the rule may be set by it\n";
        assert!(by_field.ends_with(depends), "{by_field}");
        assert!(said("Off", "SetEnvIf X-Tenant (.*) T=$1").ends_with("asked for /${T}/x\n"));
        assert!(said("On", "SetEnvIf X-Tenant (.*) U=$1").ends_with("asked for //x\n"));
    }
}
