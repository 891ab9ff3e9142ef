//! `ProxyErrorOverride Off|On [status]...`: which errors are said in our own words.

use super::problem::Flaw;
use super::values::{number, switch};
use super::words::Word;
use crate::route::Overrides;
use crate::route::overrides::ERRORS;

/// What a line with at least one argument says; every status that is none goes to `flaws`.
pub(super) fn overrides(args: &[Word], flaws: &mut Vec<Flaw>) -> Result<Overrides, Flaw> {
    let is_on = switch(&args[0])?;
    let statuses = &args[1..];
    match (is_on, statuses) {
        (true, []) => Ok(Overrides::All),
        (true, _) => Ok(Overrides::Only(noted(statuses, flaws))),
        (false, []) => Ok(Overrides::None),
        (false, [status, ..]) => Err(status.flaw("`Off` takes no statuses")),
    }
}

fn noted(statuses: &[Word], flaws: &mut Vec<Flaw>) -> Vec<u16> {
    let numbers = statuses.iter().map(|status| number(status, ERRORS));
    numbers.filter_map(|number| number.map_err(|flaw| flaws.push(flaw)).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{good, problem, problems};
    use super::*;

    fn said(args: &str) -> Overrides {
        let rules = good(&format!("ProxyPass / ws://b\nProxyErrorOverride {args}")).rules;
        rules.main().scope.overrides.clone()
    }

    #[test]
    fn none_all_or_those_that_are_named() {
        assert_eq!(said("Off"), Overrides::None);
        assert_eq!(said("on"), Overrides::All);
        assert_eq!(said("On 404 400 599"), Overrides::Only(vec![404, 400, 599]));
        assert_eq!(said("On 404\nProxyErrorOverride On"), Overrides::All, "the last one wins");
    }

    #[test]
    fn what_is_no_error_is_a_problem_where_it_stands() {
        let range = "is not in the range 400 to 599";
        assert_eq!(
            problems("Listen 1\nProxyErrorOverride On 399 404 x 600"),
            [
                format!("conf:2:23: 399 {range}"),
                "conf:2:31: `x` is not a whole number".to_owned(),
                format!("conf:2:33: 600 {range}"),
            ]
        );
        let off = "conf:1:24: `Off` takes no statuses";
        assert_eq!(problem("ProxyErrorOverride Off 404"), off);
        let neither = "conf:1:20: `404` is neither `On` nor `Off`";
        assert_eq!(problem("ProxyErrorOverride 404"), neither);
    }
}
