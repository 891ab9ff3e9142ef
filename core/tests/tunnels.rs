//! Who gets a tunnel: whose pages may ask for one (R15), which rule its subprotocol leads to, and how many there
//! may be at once (R53).

mod world;

use underpass_core::balance::NoWorker;
use underpass_core::negotiate::{BadOrigin, Nonsense, Refusal};
use underpass_core::report::Close;
use underpass_core::route::{QuotaId, Rules};
use underpass_core::time::Wait;
use underpass_core::{Fault, Side};
use world::crowd::Crowd;
use world::seeds::{Failing, only_seed};
use world::{Rng, World, heads, rules};

use Side::{Backend, Client};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

fn under(lines: &str) -> Rules {
    rules(&format!(
        "Listen 80\n{lines}\nProxyPass /ws/ ws://backend:9000/\nProxyPass / http://backend:9000/"
    ))
}

/// R15.
#[test]
fn a_foreign_page_gets_no_tunnel_and_its_request_goes_nowhere() {
    let rules = under("ProxyWebsocketOrigin https://app.example");
    for (origin, why) in [
        ("Origin: https://evil.example\r\n", BadOrigin::Foreign),
        ("Origin: https://app.example.evil.example\r\n", BadOrigin::Foreign),
        ("Origin: http://app.example\r\n", BadOrigin::Foreign),
        ("Origin: null\r\n", BadOrigin::Foreign),
        ("Origin: https://app.example/\r\n", BadOrigin::Malformed),
        ("Origin: https://app.example\r\nOrigin: https://app.example\r\n", BadOrigin::Malformed),
        ("", BadOrigin::Missing),
    ] {
        let mut world = World::recorded(&rules);
        world.hear(Client, &heads::ask(origin));
        assert_eq!(world.close(), Some(Close::Refused(Refusal::Origin(why))), "{origin}");
        let heard = world.heard(Client);
        assert!(heard.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{heard}");
        assert!(heard.contains("\r\nConnection: close\r\n"), "bytes may stand behind it: {heard}");
        assert_eq!((world.wires.dialled.len(), world.wires.pool.busy()), (0, 0), "{origin}");
        world.end(Client);
        world.assert_nothing_is_lent();
    }
}

/// R15: a page of ours gets its tunnel, and what it said goes on.
#[test]
fn a_page_that_is_listed_gets_its_tunnel() {
    let rules = under("ProxyWebsocketOrigin https://app.example same");
    for origin in ["https://app.example", "HTTPS://App.Example:443", "http://h"] {
        let mut world = World::recorded(&rules);
        let field = format!("Origin: {origin}\r\n");
        world.hear(Client, &heads::ask(&field));
        assert_eq!(
            world.heard(Backend),
            heads::asked(&field).replace("proxy.example", "underpass")
        );
        world.hear(Backend, &heads::switch(""));
        assert!(world.session.is_tunnel());
    }
}

/// A device that speaks TLS for us makes our own pages `https` ones.
#[test]
fn our_own_pages_have_the_scheme_that_clients_ask_by() {
    let rules = under("ServerName https://h\nProxyWebsocketOrigin same");
    for (origin, status) in [("https://h", "101"), ("http://h", "403")] {
        let mut world = World::recorded(&rules);
        world.hear(Client, &heads::ask(&format!("Origin: {origin}\r\n")));
        world.hear(Backend, &heads::switch(""));
        assert_eq!(&world.heard(Client)[9..12], status, "{origin}");
    }
}

/// Only upgrades escape what browsers do about foreign pages by themselves.
#[test]
fn ordinary_requests_are_not_judged_by_their_origin() {
    let rules = under("ProxyWebsocketOrigin https://app.example");
    for origin in ["Origin: https://evil.example\r\n", "Origin: nonsense\r\n", ""] {
        let mut world = World::recorded(&rules);
        world.hear(Client, &heads::get(origin));
        world.hear(Backend, OK);
        assert_eq!(world.report().status, 200, "{origin}");
    }
}

#[test]
fn a_section_has_its_own_pages() {
    let rules = under(
        "ProxyWebsocketOrigin https://app.example\n<Location /ws/open>\nProxyWebsocketOrigin *\n</Location>",
    );
    let status = |path: &str| {
        let mut world = World::recorded(&rules);
        world.hear(
            Client,
            &heads::ask("Origin: https://evil.example\r\n").replace("/ws/chat", path),
        );
        world.hear(Backend, &heads::switch(""));
        world.heard(Client)[9..12].to_owned()
    };
    assert_eq!((status("/ws/chat"), status("/ws/open/x")), ("403".into(), "101".into()));
}

/// RFC 6455 §4.1: what is offered leads to the rule for it, and goes on as it came.
#[test]
fn a_handshake_goes_where_its_subprotocol_is_spoken() {
    let rules = rules(
        "Listen 80\nProxyPass / ws://any:9000/\nProxyPass / ws://mqtt:9000/ protocol=mqtt,v1.mqtt\n\
         <Location /ws>\nProxyWebsocketProtocol chat\nProxyPass ws://chat:9000/\n</Location>",
    );
    for (offered, host, chosen) in [
        ("chat", "chat", "chat"),
        ("foo, chat", "chat", "foo"),
        ("foo\r\nSec-WebSocket-Protocol: v1.mqtt", "mqtt", "v1.mqtt"),
        ("Chat, chat2, cha", "any", "cha"),
        ("mqtt, chat", "chat", "chat"),
    ] {
        let mut world = World::recorded(&rules);
        let field = format!("Sec-WebSocket-Protocol: {offered}\r\n");
        world.hear(Client, &heads::ask(&field));
        let heard = world.heard(Backend);
        assert!(heard.contains(&format!("\r\nHost: {host}:9000\r\n")), "{offered}: {heard}");
        assert!(heard.contains(&field), "{heard}");
        let chosen = format!("Sec-WebSocket-Protocol: {chosen}\r\n");
        world.hear(Backend, &heads::switch(&chosen));
        assert_eq!(world.heard(Client), heads::switched(&chosen));
    }
    let mut plain = World::recorded(&rules);
    plain.hear(Client, &heads::get("Sec-WebSocket-Protocol: chat\r\n").replace("/page", "/ws/x"));
    assert!(plain.heard(Backend).contains("\r\nHost: any:9000\r\n"), "it is no handshake");
}

/// RFC 6455 §4.1: browsers fail what they did not offer; so does everybody here, and the log says why. It is
/// replayed as it was, though what is no rule's is veiled in the recording.
#[test]
fn a_subprotocol_that_was_not_offered_opens_no_tunnel() {
    let rules =
        rules("Listen 80\nProxyPass / ws://any:9000/\nProxyPass / ws://mqtt:9000/ protocol=mqtt");
    let offers = "Sec-WebSocket-Protocol: foo, mqtt\r\nSec-WebSocket-Protocol: t0k-en\r\n";
    for (offers, chosen) in [
        (offers, "Foo"),
        (offers, "mqt"),
        (offers, "mqtts"),
        (offers, "t0k_en"),
        (offers, "foo, mqtt"),
        (offers, "bar"),
        (offers, ""),
        (offers, "foo\r\nSec-WebSocket-Protocol: foo"),
        ("", "foo"),
    ] {
        let mut world = World::recorded(&rules);
        world.hear(Client, &heads::ask(offers));
        world.hear(Backend, &heads::switch(&format!("Sec-WebSocket-Protocol: {chosen}\r\n")));
        let lie = Close::Refused(Refusal::Nonsense(Nonsense::Subprotocol));
        assert_eq!(world.report().close, lie, "{chosen}");
        assert!(world.heard(Client).starts_with("HTTP/1.1 502 "), "{chosen}");
    }
}

/// Why a session was refused, which was told when to come again.
fn refusal(world: &mut World<'_>) -> NoWorker {
    let Close::Refused(Refusal::NoWorker(none)) = world.report().close else {
        panic!("{}", world.report().close)
    };
    assert!(world.wires.dialled.is_empty(), "the backend hears nothing of it");
    let heard = world.heard(Client);
    assert!(heard.starts_with("HTTP/1.1 503 "), "{heard}");
    assert!(heard.contains("\r\nRetry-After: 1\r\n"), "{heard}");
    none
}

#[test]
fn no_more_tunnels_are_open_than_may_be() {
    let rules = under("ProxyWebsocketMaxTunnels 2");
    let mut crowd = Crowd::new(&rules, 5);
    crowd.hear(0, Client, &heads::ask(""));
    crowd.hear(0, Backend, &heads::switch(""));
    crowd.hear(1, Client, &heads::ask(""));
    crowd.hear(2, Client, &heads::ask(""));
    assert_eq!(crowd.states(), ["Tunnel", "Answer", "Linger", "Hello", "Hello"]);
    assert_eq!(
        (refusal(&mut crowd.worlds[2]), crowd.pool.tunnels(QuotaId(0))),
        (NoWorker::Tunnels, 2)
    );
    crowd.hear(3, Client, &heads::get(""));
    assert_eq!(crowd.states()[3], "Answer", "it is no tunnel");
    crowd.leaves(0);
    crowd.hear(4, Client, &heads::ask(""));
    assert_eq!((crowd.states()[4], crowd.pool.tunnels(QuotaId(0))), ("Answer", 2));
}

/// A handshake that is answered otherwise, fails or comes too late makes room like a tunnel that ends.
#[test]
fn what_becomes_no_tunnel_makes_room_for_one() {
    let rules = under("ProxyWebsocketMaxTunnels 1\nProxyTimeout 9");
    let ends: [fn(&mut World<'_>); 6] = [
        |world| world.hear(Backend, OK),
        |world| world.hear(Backend, "nonsense\r\n\r\n"),
        |world| world.end(Backend),
        |world| world.pass(Wait::from_secs(9)),
        |world| {
            world.wires.peers.client.lost = Some(Fault::Reset);
            let _ = world.settle();
        },
        |world| world.hear(Backend, &heads::switch("").replace("s3pP", "S3pP")),
    ];
    for end in ends {
        let mut crowd = Crowd::new(&rules, 2);
        crowd.hear(0, Client, &heads::ask(""));
        assert_eq!((crowd.states()[0], crowd.pool.tunnels(QuotaId(0))), ("Answer", 1));
        crowd.with(0, end);
        assert_eq!(crowd.pool.tunnels(QuotaId(0)), 0);
        crowd.hear(1, Client, &heads::ask(""));
        assert_eq!(crowd.states()[1], "Answer");
    }
    let mut crowd = Crowd::new(&rules, 1);
    crowd.worlds[0].wires.addresses = vec![Err(Fault::Refused)];
    crowd.hear(0, Client, &heads::ask(""));
    assert_eq!((crowd.states()[0], crowd.pool.tunnels(QuotaId(0))), ("Linger", 0));
}

/// R53: until it is answered, and not while it is a tunnel.
#[test]
fn one_client_has_no_more_handshakes_under_way_than_it_may() {
    let rules = under("ProxyWebsocketMaxHandshakes 1");
    let mut crowd = Crowd::new(&rules, 4);
    crowd.hear(3, Client, &heads::get(""));
    crowd.hear(0, Client, &heads::ask(""));
    crowd.hear(1, Client, &heads::ask(""));
    assert_eq!((crowd.states()[0], refusal(&mut crowd.worlds[1])), ("Answer", NoWorker::Client));
    crowd.hear(0, Backend, &heads::switch(""));
    crowd.hear(2, Client, &heads::ask(""));
    assert_eq!(crowd.states(), ["Tunnel", "Linger", "Answer", "Answer"]);
}

/// Both are ours, and both may be said of a section.
#[test]
fn a_tunnel_lives_and_is_half_closed_only_as_long_as_is_said_of_its_path() {
    let rules = under(
        "ProxyWebsocketHalfCloseTimeout 5\nProxyWebsocketMaxDuration 90\n\
         <Location /ws/short>\nProxyWebsocketHalfCloseTimeout 2\nProxyWebsocketMaxDuration 7\n</Location>",
    );
    let lives = |path: &str, ended: bool, wait: u64| {
        let mut world = World::recorded(&rules);
        world.hear(Client, &heads::ask("").replace("/ws/chat", path));
        world.hear(Backend, &heads::switch(""));
        if ended {
            world.end(Backend);
        }
        world.pass(Wait::from_micros(wait * 1_000_000 - 1));
        assert_eq!(world.close(), None, "{path}");
        world.pass(Wait::from_micros(1));
        world.close()
    };
    for (path, half_closed, lifetime) in [("/ws/chat", 5, 90), ("/ws/short", 2, 7)] {
        assert_eq!(lives(path, true, half_closed), Some(Close::HalfClosed));
        assert_eq!(lives(path, false, lifetime), Some(Close::Lifetime));
    }
}

/// Whatever a crowd does, there are never more than may be; and in the end nobody is counted any more.
#[test]
fn a_crowd_keeps_to_its_bounds_whatever_happens() {
    let lines = "ProxyWebsocketMaxTunnels 3\nProxyWebsocketMaxHandshakes 2\n\
                 <Location /ws/few>\nProxyWebsocketMaxTunnels 2\n</Location>\n\
                 ProxyPass /ws/few ws://backend:9000/ max=1 acquire=400";
    let rules = under(lines);
    let (mut full, mut many) = (0, 0);
    for seed in only_seed().map_or(0..1_000, |seed| seed..seed + 1) {
        let failing = Failing("tunnels", seed);
        let mut rng = Rng::new(seed);
        let mut crowd = Crowd::new(&rules, 8);
        for _ in 0..rng.below(100) {
            something(&mut crowd, &mut rng);
            let counts = [0, 1].map(|line| crowd.pool.tunnels(QuotaId(line)));
            let open = crowd.states().iter().filter(|&&state| state == "Tunnel").count() as u32;
            assert!(counts[0] <= 3 && counts[1] <= 2, "{counts:?}");
            assert!(open <= counts[0] + counts[1], "{open} are open, {counts:?} counted");
        }
        let closes = crowd.worlds.iter().flat_map(|world| &world.wires.reports);
        let refused = |none| Close::Refused(Refusal::NoWorker(none));
        let closes: Vec<_> = closes.map(|report| report.close).collect();
        full += closes.iter().filter(|&&close| close == refused(NoWorker::Tunnels)).count();
        many += closes.iter().filter(|&&close| close == refused(NoWorker::Client)).count();
        for _ in 0..3 {
            crowd.pass(Wait::from_secs(61));
            (0..8).for_each(|number| crowd.leaves(number));
        }
        assert_eq!(crowd.states(), vec!["Closed"; 8]);
        let counts = [0, 1].map(|line| crowd.pool.tunnels(QuotaId(line)));
        assert_eq!((counts, crowd.pool.busy(), crowd.pool.pending()), ([0, 0], 0, 0));
        std::mem::forget(failing);
    }
    assert!(only_seed().is_some() || (full > 100 && many > 100), "{full} full, {many} too many");
}

/// One session of the crowd goes on, in one of the ways in which it can.
fn something(crowd: &mut Crowd<'_>, rng: &mut Rng) {
    let number = rng.below(crowd.worlds.len());
    let (switch, ask, get) = (heads::switch(""), heads::ask(""), heads::get(""));
    let few = ask.replace("/ws/chat", "/ws/few");
    let address = if rng.permille(100) { Err(Fault::Refused) } else { Ok(()) };
    crowd.worlds[number].wires.addresses = vec![address];
    match (crowd.states()[number], rng.below(8)) {
        ("Closed", _) => {}
        (_, 0) => crowd.pass(Wait::from_millis(100)),
        (_, 1) => crowd.leaves(number),
        ("Answer", _) => crowd.hear(number, Backend, rng.of(&[OK, "nonsense\n", &switch, &switch])),
        ("Tunnel", _) => {}
        _ => crowd.hear(number, Client, rng.of(&[&get, &ask, &few])),
    }
}
