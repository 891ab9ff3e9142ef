//! Balancers as lines describe them, and what is wrong with them.

use crate::config::testing::{good, problem, problems, said};
use crate::edit::Real;
use crate::route::{Rules, Scheme, Upgrade};
use crate::time::Wait;

/// Whom each rule of a server goes to.
fn members(rules: &Rules, host: usize) -> Vec<Vec<String>> {
    let forwards = rules.hosts[host].rules.iter().filter_map(|rule| rule.action.forward());
    let balancers = forwards.map(|forward| &rules.balancers[forward.balancer.0 as usize]);
    let url = |id| rules.worker(id)?.member.as_ref().map(|member| member.target.to_string());
    balancers.map(|it| it.workers.iter().filter_map(|id| url(*id)).collect()).collect()
}

const APP: &str =
    "<Proxy balancer://App_1>\nBalancerMember ws://b1\nBalancerMember ws://b2:81/x\n</Proxy>";

#[test]
fn a_rule_goes_to_the_members_wherever_they_are_described() {
    let texts = [
        format!("ProxyPass / balancer://app_1/y\n{APP}"),
        format!("{APP}\nProxyPass / balancer://app_1/y"),
        "BalancerMember balancer://app_1 ws://b1\nProxyPass / balancer://app_1/y\n\
         BalancerMember balancer://app_1/ ws://b2:81/x"
            .into(),
    ];
    let [first, others @ ..] = texts.map(|text| good(&text).rules);
    assert_eq!(members(&first, 0), [["ws://b1", "ws://b2:81/x"]]);
    assert!(others.iter().all(|rules| *rules == first));
    let forward = first.main().rules[0].action.forward().expect("it forwards");
    assert_eq!(forward.target.to_string(), "balancer://app_1/y");
    assert_eq!(forward.scheme, Scheme::Ws);
    assert_eq!(forward.upgrade, Upgrade::default_of(Scheme::Ws));
}

#[test]
fn a_rule_waits_for_the_most_patient_member() {
    let text = "ProxyPass / balancer://a noquery nocanon interpolate protocol=chat\nBalancerMember balancer://a http://b acquire=2s\n\
                BalancerMember balancer://a http://c acquire=5s";
    said(text, |said| {
        assert_eq!(said.forward.manner.acquire, Wait::from_secs(5));
    });
    said(&format!("{text}\nProxySet balancer://a timeout=9"), |said| {
        assert_eq!(said.forward.manner.acquire, Wait::from_secs(9));
        assert!(!said.forward.passes_query && said.forward.interpolates);
        assert_eq!(said.forward.protocols, ["chat"]);
        assert_eq!(said.forward.mapping, crate::route::Mapping::Verbatim);
    });
}

#[test]
fn a_virtual_host_has_its_own_balancers_before_those_of_the_main_server() {
    let text = "BalancerMember balancer://a http://m\nBalancerMember balancer://b http://m\n\
                ProxyPass /a balancer://a\n<VirtualHost *>\nProxyPass /a2 balancer://a\n\
                ProxyPass /b balancer://b\nBalancerMember balancer://b http://own\n</VirtualHost>";
    let rules = good(text).rules;
    assert_eq!(members(&rules, 1), [["http://m"], ["http://m"], ["http://own"]]);
    let other = "BalancerMember balancer://a http://m\n<VirtualHost *>\n\
                 ProxySet balancer://a lbmethod=hash\n</VirtualHost>";
    let told = "conf:3:10: `balancer://a` is the main server's \
                (set its parameters there, or give this server one of its own members)";
    assert_eq!(problem(other), told);
}

/// A member's counts and health are its balancer's.
#[test]
fn nobody_shares_a_member() {
    let text = "ProxyPass /a balancer://a\nProxyPass /b balancer://b\nProxyPass /c http://m retry=60\n\
                BalancerMember balancer://a http://m\nBalancerMember balancer://b http://m";
    assert_eq!(good(text).rules.workers.len(), 3);
}

#[test]
fn the_lines_of_a_balancer_speak_over_its_rules_and_those_of_a_url_reach_its_members() {
    let text = "ProxyPass / balancer://a timeout=1 maxattempts=3\n\
                <Proxy balancer://a timeout=2>\nBalancerMember http://b/x loadfactor=2 timeout=7\n</Proxy>\n\
                ProxySet http://b loadfactor=3 noquery\nProxyPass /b http://b\n\
                <Proxy http://b/x timeout=8>\n</Proxy>";
    let rules = good(text).rules;
    let balancer = &rules.balancers[0];
    assert_eq!((balancer.patience, balancer.retries), (Wait::from_secs(2), 3));
    let member = rules.workers[0].member.as_ref().expect("it is a member");
    assert_eq!((member.weight, member.manner.answer), (200, Wait::from_secs(8)));
}

#[test]
fn what_is_set_of_nobody_is_a_problem() {
    let text = "ProxyPass / http://b\nProxySet http://b loadfactor=3";
    let none = "conf:2:19: `loadfactor` is said of a member of a balancer, and `http://b` is none \
                (leave it out)";
    assert_eq!(problem(text), none);
    let rule =
        "conf:1:22: `route=` is said of a member of a balancer (write it behind `BalancerMember`)";
    assert_eq!(problem("ProxyPass / http://b route=a"), rule);
    let text = format!("{APP}\nProxyPass / balancer://app_1 upgrade=ANY loadfactor=1 lbmethd=hash");
    let told = problems(&format!("Listen 1\n{text}"));
    assert!(
        told[0].contains("`upgrade=` is said of a backend (write it behind `BalancerMember`"),
        "{told:?}"
    );
    assert!(told[1].contains("`loadfactor=` is said of a member"), "{told:?}");
    assert!(
        told[2].ends_with("unknown parameter `lbmethd` (did you mean `lbmethod`?)"),
        "{told:?}"
    );
}

#[test]
fn a_balancer_that_cannot_serve_is_a_problem() {
    let none =
        "conf:2:8: `balancer://a` has no members (write `BalancerMember url` in its section)";
    assert_eq!(problem("ProxyPass / balancer://a\n<Proxy balancer://a>\n</Proxy>"), none);
    let nobody =
        "conf:1:13: nobody describes `balancer://a` (write `BalancerMember balancer://a url`)";
    assert_eq!(problem("ProxyPass / balancer://a"), nobody);
    let member = |second: &str| {
        problem(&format!(
            "BalancerMember balancer://a ws://b\nBalancerMember balancer://a {second}"
        ))
    };
    assert!(member("WS://B:80").starts_with("conf:2:29: `WS://B:80` is a member twice"));
    let why = "a request is routed by what all of them take";
    assert_eq!(
        member("http://c"),
        format!(
            "conf:2:29: this member is spoken to in another way than the first one ({why}: \
                 give all of them the same scheme)"
        )
    );
    assert_eq!(
        member("ws://c upgrade=ANY"),
        format!(
            "conf:2:29: this member is upgraded in another way than the first one ({why}: \
                 give all of them the same `upgrade=`)"
        )
    );
    assert_eq!(
        member("balancer://b"),
        "conf:2:29: a balancer is no member (write the URL of a backend)"
    );
}

/// httpd's manual, "mod_proxy_balancer", with the cookie that it sets.
#[test]
fn the_recipe_of_httpds_manual_is_read() {
    let text = "Header add Set-Cookie \"ROUTEID=.%{BALANCER_WORKER_ROUTE}e; path=/\" env=BALANCER_ROUTE_CHANGED\n\
        <Proxy \"balancer://mycluster\">\n\
        BalancerMember \"http://192.168.1.50:80\" route=1\nBalancerMember \"http://192.168.1.51:80\" route=2\n\
        ProxySet stickysession=ROUTEID\n</Proxy>\n\
        ProxyPass        \"/test\" \"balancer://mycluster\"\nProxyPassReverse \"/test\" \"balancer://mycluster\"";
    let rules = good(text).rules;
    assert_eq!(members(&rules, 0), [["http://192.168.1.50", "http://192.168.1.51"]]);
    assert!(rules.balancers[0].routes.values().eq(["1", "2"]));
    let reverse = rules.main().heads.reverse.iter().map(|line| {
        let Real { origin, path } = &line.says.real;
        (origin.as_ref().map(|origin| origin.host.clone()), path.clone())
    });
    let expected = ["192.168.1.50", "192.168.1.51"].map(|host| (Some(host.into()), String::new()));
    assert_eq!(reverse.collect::<Vec<_>>(), expected);
}

#[test]
fn a_section_of_a_balancer_speaks_of_what_goes_there() {
    let text = "ProxyPass / balancer://a/x\n<Proxy balancer://a>\nBalancerMember http://b\n\
                ProxyPreserveHost On\n</Proxy>";
    said(text, |said| assert!(said.scope.preserve_host));
    said(
        &text
            .replace("<Proxy balancer://a>", "<Proxy balancer://*>")
            .replace("BalancerMember http://b", "")
            .replace("</Proxy>", "</Proxy>\nBalancerMember balancer://a http://b"),
        |said| assert!(said.scope.preserve_host),
    );
}

#[test]
fn who_blocks_a_member_blocks_its_balancer() {
    let text = "ProxyBlock secret\nProxyPass / balancer://a\nBalancerMember balancer://a http://b\n\
                BalancerMember balancer://a http://top.secret";
    said(text, |said| assert!(said.forward.blocked));
    said(&text.replace("top.secret", "c"), |said| assert!(!said.forward.blocked));
}

#[test]
fn what_a_rule_says_is_its_own_balancers() {
    let text = "BalancerMember balancer://a http://m\nBalancerMember balancer://b http://m\n\
                ProxyPass /b balancer://b stickysession=S";
    let balancers = good(text).rules.balancers;
    assert_eq!(balancers.iter().map(|it| it.sticky.is_some()).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn a_virtual_host_may_say_of_a_balancer_what_is_no_parameter() {
    let text = "BalancerMember balancer://a http://m\n<VirtualHost *>\nProxyPass / balancer://a\n\
                <Proxy balancer://a>\nProxyPreserveHost On\n</Proxy>\n</VirtualHost>";
    assert_eq!(members(&good(text).rules, 1), [["http://m"]]);
    let text = "Listen 1\n<Proxy balancer://a>\n</Proxy>\n<VirtualHost *>\nProxyPass / balancer://a\n</VirtualHost>";
    let told = problems(text);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("`balancer://a` has no members"), "{told:?}");
}
