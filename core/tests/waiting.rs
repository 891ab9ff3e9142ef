//! A full worker (`max=`): sessions that wait for their turn, in order, and only for so long (`acquire=`).

mod world;

use underpass_core::negotiate::Refusal;
use underpass_core::report::Close;
use underpass_core::route::Rules;
use underpass_core::time::Wait;
use underpass_core::{Dial, Fault, Op, Side};
use world::crowd::Crowd;
use world::seeds::{Failing, only_seed};
use world::wires::CALM;
use world::{Luck, Rng, heads, rules};

use Side::{Backend, Client};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

fn one_at_a_time(parameters: &str) -> Rules {
    rules(&format!("Listen 80\nProxyPass / ws://backend:9000/ max=1 {parameters}"))
}

fn millis(millis: u64) -> Wait {
    Wait::from_millis(millis)
}

#[test]
fn requests_wait_for_their_turn_in_the_order_in_which_they_came() {
    let rules = one_at_a_time("");
    let mut crowd = Crowd::new(&rules, 3);
    [0, 2, 1].into_iter().for_each(|number| crowd.hear(number, Client, &heads::get("")));
    assert_eq!((crowd.states(), crowd.counts()), (vec!["Answer", "Elect", "Elect"], (1, 3)));
    // Whatever wakes a session, it is not its turn before it is.
    (1..3).for_each(|number| crowd.with(number, |world| world.pass(millis(1))));
    assert_eq!(crowd.states(), ["Answer", "Elect", "Elect"]);
    crowd.hear(0, Backend, OK);
    assert_eq!((crowd.states(), crowd.counts()), (vec!["Request", "Elect", "Answer"], (1, 2)));
    // Who has just been served stands behind those who wait.
    crowd.hear(0, Client, &heads::get(""));
    crowd.hear(2, Backend, OK);
    assert_eq!(crowd.states(), ["Elect", "Answer", "Request"]);
    crowd.hear(1, Backend, OK);
    crowd.hear(0, Backend, OK);
    for world in &mut crowd.worlds {
        assert!(world.heard(Client).starts_with(OK));
    }
    assert_eq!((crowd.states(), crowd.counts()), (vec!["Request"; 3], (0, 0)));
}

/// A tunnel keeps its place for life.
#[test]
fn a_tunnel_is_one_of_those_that_a_worker_serves() {
    let rules = one_at_a_time("");
    let mut crowd = Crowd::new(&rules, 2);
    crowd.hear(0, Client, &heads::ask(""));
    crowd.hear(0, Backend, &heads::switch(""));
    crowd.hear(1, Client, &heads::ask(""));
    assert_eq!((crowd.states(), crowd.counts()), (vec!["Tunnel", "Elect"], (1, 1)));
    crowd.leaves(0);
    assert_eq!((crowd.states(), crowd.counts()), (vec!["Closed", "Answer"], (1, 1)));
}

/// `acquire=`, or else `timeout=`: then 503, and whoever stands behind moves up.
#[test]
fn a_request_waits_so_long_and_no_longer() {
    for (parameters, wait) in [("acquire=250", 250), ("timeout=2", 2_000)] {
        let rules = one_at_a_time(parameters);
        let mut crowd = Crowd::new(&rules, 3);
        (0..2).for_each(|number| crowd.hear(number, Client, &heads::get("")));
        crowd.with(1, |world| world.pass(millis(wait - 1)));
        crowd.hear(2, Client, &heads::get(""));
        assert_eq!(crowd.states(), ["Answer", "Elect", "Elect"]);
        crowd.with(1, |world| world.pass(millis(1)));
        let late = &mut crowd.worlds[1];
        assert_eq!(late.report().close, Close::Refused(Refusal::LateWorker), "{parameters}");
        let said = late.heard(Client);
        assert!(said.starts_with("HTTP/1.1 503 Service Unavailable\r\nContent-"), "{said}");
        assert!(said.contains("\r\nRetry-After: 1\r\n"), "{said}");
        assert_eq!((crowd.states()[1], crowd.counts()), ("Request", (1, 2)), "it may ask again");
        crowd.hear(0, Backend, OK);
        assert_eq!(crowd.states(), ["Request", "Request", "Answer"]);
    }
}

/// `retry=`: nobody waits for a worker that is left alone.
#[test]
fn a_failure_is_told_to_all_who_wait() {
    let rules = one_at_a_time("retry=5");
    let mut crowd = Crowd::new(&rules, 3);
    let wires = &mut crowd.worlds[0].wires;
    wires.addresses = vec![Err(Fault::Refused)];
    wires.luck = Box::new(|op| if op == Op::Connect { Luck::Block } else { CALM });
    (0..3).for_each(|number| crowd.hear(number, Client, &heads::ask("")));
    assert_eq!((crowd.states(), crowd.counts()), (vec!["Connect", "Elect", "Elect"], (1, 3)));
    crowd.worlds[0].wires.luck = Box::new(|_| CALM);
    crowd.hear(0, Client, "");
    for world in &mut crowd.worlds {
        let said = world.heard(Client);
        assert!(said.contains("\r\nRetry-After: 5\r\n"), "{said}");
    }
    assert_eq!(crowd.counts(), (0, 0));
}

/// Each request has a connection of its own, and the backend is told.
#[test]
fn without_reuse_each_request_has_its_own_connection() {
    let rules = one_at_a_time("disablereuse=On");
    let mut crowd = Crowd::new(&rules, 1);
    for _ in 0..2 {
        crowd.hear(0, Client, &heads::get(""));
        let heard = crowd.worlds[0].heard(Backend);
        assert!(heard.ends_with("\r\nConnection: close\r\n\r\n"), "{heard}");
        crowd.hear(0, Backend, OK);
        assert_eq!(crowd.worlds[0].heard(Client), OK, "the client's own connection is kept");
    }
    let wires = &crowd.worlds[0].wires;
    assert_eq!(wires.dialled, [Dial::Address(0); 2]);
    assert!(wires.reports.iter().all(|report| !report.reusable));
}

/// Whatever a crowd does, no more are served at once than may be, and in the end everybody has been
/// answered, by the backend or by us.
#[test]
fn a_crowd_is_served_whatever_happens() {
    let both = ["acquire=400", "retry=200ms"]
        .map(|text| rules(&format!("Listen 80\nProxyPass / ws://backend:9000/ max=2 {text}")));
    let (mut waited, mut late) = (0, 0);
    for seed in only_seed().map_or(0..1_000, |seed| seed..seed + 1) {
        let failing = Failing("waiting", seed);
        let mut rng = Rng::new(seed);
        let mut crowd = Crowd::new(&both[rng.below(2)], 8);
        for _ in 0..rng.below(200) {
            something(&mut crowd, &mut rng);
            waited += crowd.states().iter().filter(|&&state| state == "Elect").count();
            assert!(crowd.pool.busy() <= 2, "more at once than may be");
        }
        goodbye(&mut crowd);
        let reports = crowd.worlds.iter().flat_map(|world| &world.wires.reports);
        let is_late = |close| close == Close::Refused(Refusal::LateWorker);
        late += reports.filter(|report| is_late(report.close)).count();
        std::mem::forget(failing);
    }
    assert!(
        only_seed().is_some() || (waited > 1_000 && late > 100),
        "{waited} waited, {late} late"
    );
}

/// One session of the crowd goes on, in one of the ways in which it can.
fn something(crowd: &mut Crowd<'_>, rng: &mut Rng) {
    let number = rng.below(crowd.worlds.len());
    let switch = heads::switch("");
    let answer = rng.of(&[OK, OK, "nonsense\n", &switch]);
    let address = if rng.permille(100) { Err(Fault::Refused) } else { Ok(()) };
    crowd.worlds[number].wires.addresses = vec![address];
    match (crowd.states()[number], rng.below(4)) {
        ("Closed", _) => {}
        (_, 0) => crowd.pass(millis(100)),
        ("Request", _) => crowd.hear(number, Client, &rng.of(&[heads::get, heads::ask])("")),
        ("Answer", _) => crowd.hear(number, Backend, answer),
        ("Tunnel", _) => crowd.with(number, |world| world.end(rng.of(&Side::BOTH))),
        _ => crowd.hear(number, Client, ""),
    }
}

/// Everybody gets an answer to the last request, and leaves.
fn goodbye(crowd: &mut Crowd<'_>) {
    for _ in 0..crowd.worlds.len() {
        for number in 0..crowd.worlds.len() {
            if crowd.states()[number] == "Answer" {
                crowd.hear(number, Backend, OK);
            }
            let busy = ["Answer", "Elect"].contains(&crowd.states()[number]);
            if !busy && crowd.states()[number] != "Closed" {
                crowd.leaves(number);
            }
        }
    }
    assert_eq!((crowd.states(), crowd.counts()), (vec!["Closed"; 8], (0, 0)));
}
