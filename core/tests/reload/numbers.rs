//! Who is in both configurations has one number in both.

use underpass_core::balance::Pool;
use underpass_core::limits::PENDING;
use underpass_core::route::{BalancerId, InUse, QuotaId, Rules, TooManyLines, WorkerId};

use super::rules;

/// The rules of that text, after others of which no session is left but those.
fn after(text: &str, live: &[&Rules]) -> Rules {
    rules(text).after(live, &InUse::default()).expect("there are few lines")
}

/// The place of each worker that a rule may lead to, by its number.
fn places(rules: &Rules) -> Vec<(u32, String)> {
    let members = rules.balancers.iter().flat_map(|balancer| &balancer.workers);
    let mut places: Vec<_> = members
        .map(|id| (id.0, rules.worker(*id).expect("it is there").peer.to_string()))
        .collect();
    places.sort();
    places
}

fn named(rules: &Rules, path: &str) -> BalancerId {
    let says = |rule: &&underpass_core::route::Rule| rule.paths.has(path.as_bytes());
    let rule = rules.main().rules.iter().find(says).expect("a rule for it");
    rule.action.forward().expect("it forwards").balancer
}

const TWO: &str = "<Proxy balancer://app>\nBalancerMember http://a route=1\nBalancerMember http://b route=2\n\
    ProxySet stickysession=S\n</Proxy>\nProxyPass /app balancer://app\nProxyPass /x http://x\n";

#[test]
fn the_same_text_makes_the_same_rules() {
    let first = rules(TWO);
    assert_eq!(after(TWO, &[]), first);
    assert_eq!(after(TWO, &[&first]), first);
}

#[test]
fn who_is_in_both_keeps_its_number_wherever_it_stands() {
    let first = rules(TWO);
    let text = "ProxyPass /y http://y\nProxyPass /z http://x max=3\nProxyPass /app balancer://app\n\
        <Proxy balancer://app>\nBalancerMember http://c\nBalancerMember http://b route=1 loadfactor=5\n\
        ProxySet stickysession=S\n</Proxy>";
    let second = after(text, &[&first]);
    let number = |rules: &Rules, place: &str| {
        places(rules).into_iter().find(|(_, it)| it == place).map(|(number, _)| number)
    };
    for place in ["b:80", "x:80"] {
        assert_eq!(number(&second, place), number(&first, place), "{place}");
    }
    assert_eq!(named(&second, "/app"), named(&first, "/app"));
    assert_eq!(named(&second, "/z"), named(&first, "/x"));
    assert_ne!(named(&second, "/y"), named(&first, "/x"));
    assert_eq!(number(&second, "a:80"), None, "no rule leads there");
    let app = second.balancer(named(&second, "/app")).expect("it is there");
    assert_eq!((app.workers.len(), app.former.len()), (2, 1));
    let gone = second.worker(app.former[0]).expect("it has its number");
    assert_eq!(gone.peer.to_string(), "a:80");
}

/// One URL may be dialled in two ways, and then there are two workers: each is what it was, if it is there.
#[test]
fn who_is_exactly_the_same_comes_before_who_is_alike() {
    let first = rules("ProxyPass /1 http://x max=1\nProxyPass /2 http://x max=2");
    let second = after("ProxyPass /3 http://x max=3\nProxyPass /2 http://x max=2", &[&first]);
    assert_eq!(named(&second, "/2"), named(&first, "/2"));
    assert_eq!(named(&second, "/3"), named(&first, "/1"));
}

/// Another scheme, another port, another balancer: another worker.
#[test]
fn who_is_dialled_elsewhere_is_somebody_else() {
    let first = rules(TWO);
    for (was, is) in [("http://a", "http://a:81"), ("http://a", "http://a/p"), ("app", "other")] {
        let second = after(&TWO.replace(was, is), &[&first]);
        let same = places(&first).iter().filter(|it| places(&second).contains(it)).count();
        assert!(same < 3, "{is}: {:?}", places(&second));
    }
}

#[test]
fn who_comes_back_has_its_number_again() {
    let first = rules(TWO);
    let second = after("ProxyPass /x http://x", &[&first]);
    let third = after(TWO, &[&second]);
    assert_eq!((places(&third), third.workers.len()), (places(&first), first.workers.len()));
}

#[test]
fn numbers_that_nobody_has_any_more_are_given_again() {
    let mut last = rules("ProxyPass / http://host");
    for number in 0..50 {
        let text = format!("ProxyPass /a http://a{number}\nProxyPass /b http://b{number}");
        last = after(&text, &[&last]);
        assert!(
            last.workers.len() <= 4 && last.balancers.len() <= 4,
            "{} workers",
            last.workers.len()
        );
    }
}

/// A session may have begun long ago, and a tunnel knows of no rules at all.
#[test]
fn numbers_that_a_session_may_name_are_given_to_nobody_else() {
    let first = rules("ProxyPass / http://host");
    let second = after("ProxyPass / http://a", &[&first]);
    let third = after("ProxyPass / http://b", &[&second, &first]);
    assert_eq!(places(&third), [(2, "b:80".into())]);
    let fourth = after("ProxyPass / http://c", &[&third]);
    assert_eq!(places(&fourth), [(0, "c:80".into())], "those of the first are over");
    let in_use = InUse { workers: [WorkerId(0)].into(), ..InUse::default() };
    let tunnel = rules("ProxyPass / http://c").after(&[&third], &in_use).expect("few lines");
    assert_eq!(places(&tunnel), [(1, "c:80".into())]);
    let host = tunnel.worker(WorkerId(0)).expect("it has its number").peer.to_string();
    assert_eq!(host, "host:80");
}

const LINES: &str = "ProxyWebsocketMaxTunnels 9\n<Location /a>\nProxyWebsocketMaxTunnels 3\n</Location>\n\
    ProxyPass / http://x\n";

/// The numbers of the lines for all paths, and for `/a`.
fn lines(rules: &Rules) -> [Option<QuotaId>; 2] {
    let inner = rules.main().inner_scope(b"/a").and_then(|scope| scope.tunnels);
    [rules.main().scope.tunnels, inner].map(|quota| quota.map(|quota| quota.line))
}

#[test]
fn a_line_that_bounds_tunnels_is_known_by_where_it_stands() {
    let first = rules(LINES);
    let other = "<Location /b>\nProxyWebsocketMaxTunnels 1\n</Location>\n";
    let second = after(&[other, &LINES.replace('9', "8")].concat(), &[&first]);
    assert_eq!(lines(&second), lines(&first));
    let third = after(other, &[&second, &first]);
    let inner = third.main().inner_scope(b"/b").and_then(|scope| scope.tunnels);
    assert!(inner.is_some_and(|quota| !lines(&first).contains(&Some(quota.line))));
}

#[test]
fn lines_have_no_more_numbers_than_there_are() {
    let first = rules(LINES);
    let lines = (0..=u16::MAX).map(QuotaId).collect();
    let in_use = InUse { lines, ..InUse::default() };
    assert!(rules(LINES).after(&[&first], &in_use).is_ok());
    let other = LINES.replace("/a", "/b");
    assert_eq!(rules(&other).after(&[&first], &in_use), Err(TooManyLines));
}

#[test]
fn a_pool_says_which_numbers_leases_have() {
    let pool = Pool::<u32>::new(&rules(LINES), PENDING);
    assert_eq!(pool.in_use(), InUse::default());
}
