//! The members of the balancer that a request falls to, as `check --explain` says them.

use std::collections::BTreeMap;

use super::Step;
use crate::route::{Admission, Member, Role, RouteId, Rules, Said, Target};

/// One step for each member of the balancer behind a rule, if there is a balancer.
pub(super) fn of(rules: &Rules, said: &Said<'_>) -> Vec<Step> {
    let Some(balancer) = rules.balancers.get(said.forward.balancer.0 as usize) else {
        return Vec::new();
    };
    let workers = balancer.workers.iter().filter_map(|id| rules.worker(*id));
    let step = |member: &Member| Step::Member {
        backend: authority(&member.target),
        path: String::from_utf8_lossy(&said.path_at(&member.target)).into_owned(),
        serves: serves(member, &balancer.routes),
    };
    workers.filter_map(|worker| worker.member.as_deref()).map(step).collect()
}

fn authority(target: &Target) -> String {
    let socket = target.socket.as_ref().map_or(String::new(), |path| format!("unix:{path}|"));
    format!("{socket}{}://{}", target.scheme.as_str(), target.authority())
}

/// When and whom a member serves.
fn serves(member: &Member, routes: &BTreeMap<RouteId, String>) -> String {
    let route = member.route.and_then(|route| routes.get(&route));
    let role = match member.role {
        Role::Regular => None,
        Role::Spare => Some("in the place of one that cannot"),
        Role::Standby => Some("when no other can"),
    };
    let admission = match member.admission {
        Admission::Open => None,
        Admission::Draining => Some("only who belongs to it"),
        Admission::Closed => Some("nobody"),
    };
    let says = [
        (member.set > 0).then(|| format!("set {}", member.set)),
        member.expansion.as_ref().map(|_| "each of its addresses for itself".into()),
        route.map(|route| format!("route {route}")),
        role.map(String::from),
        admission.map(String::from),
    ];
    says.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::tests::explained_by;

    #[test]
    fn a_balancer_is_explained_by_its_members() {
        let conf = "ServerName main\nProxyPass /a balancer://app/b\n<Proxy balancer://app>\n\
            BalancerMember http://one:81/x/ route=r lbset=1\nBalancerMember unix:/s|http://two status=H-H+N\n\
            BalancerMember http://many addresses=all\n\
            ProxySet stickysession=S\n</Proxy>";
        let said = explained_by(conf, "127.0.0.1:80", "a", "/a/c", false);
        let expected = "rule      /a balancer://app/b\n\
            backend   balancer://app, asked for /b/c\n\
            member    http://one:81, asked for /x/b/c: set 1, route r\n\
            member    unix:/s|http://two, asked for /b/c: only who belongs to it\n\
            member    http://many, asked for /b/c: each of its addresses for itself\n";
        assert!(said.ends_with(expected), "{said}");
    }
}
