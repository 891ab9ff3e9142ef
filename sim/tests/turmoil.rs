//! Plans on turmoil: nothing goes wrong there either, and all comes as on the network of discrete events.

mod gist;

use std::process::Command;

use gist::gist;
use underpass_core::time::Time;
use underpass_sim::engine::Engine;
use underpass_sim::event::Who;
use underpass_sim::file;
use underpass_sim::oracle::Met;
use underpass_sim::plan::{Client, End, Fault, Leg, Op, Plan, Timed};
use underpass_sim::run::Run;
use underpass_sim::scenario::Scenario;

fn run(engine: Engine, plan: &Plan) -> Run {
    engine.run(plan, true).expect("the plan can be run")
}

/// The first plans of each scenario that turmoil can run, and that are over within so many seconds, as the
/// other engine knows: turmoil looks at every millisecond, even of the time in which nothing happens.
fn short(plans: usize, seconds: u64) -> impl Iterator<Item = Plan> {
    let is_short = move |plan: &Plan| {
        let mut faults = plan.faults.iter().map(|timed| &timed.fault);
        faults.all(|fault| Engine::Turmoil.supports(plan, fault)) && lasts(plan) < seconds
    };
    let drawn = |scenario: Scenario| (0..120).map(move |seed| scenario.draw(seed));
    Scenario::ALL.into_iter().flat_map(move |it| drawn(it).filter(is_short).take(plans))
}

/// How many seconds it takes until every client has done its script.
fn lasts(plan: &Plan) -> u64 {
    let sleeps = |op: &Op| if let Op::Sleep(millis) = op { u64::from(*millis) } else { 0 };
    let sleeps = |client: &Client| client.script.iter().map(sleeps).sum::<u64>() / 1_000;
    let run = run(Engine::Des, plan);
    let last = run.events.iter().rfind(|event| matches!(event.who, Who::Client(_)));
    let last = last.map_or(0, |event| event.at.since(Time::ZERO).as_micros() / 1_000_000);
    last.max(plan.clients.iter().map(sleeps).max().unwrap_or(0))
}

#[test]
fn nothing_goes_wrong_on_turmoil_and_much_happens() {
    let plans = std::env::var("PLANS").ok().and_then(|plans| plans.parse().ok()).unwrap_or(8);
    let (mut met, mut failed) = (Met::default(), Vec::new());
    for plan in short(plans, 4) {
        let run = run(Engine::Turmoil, &plan);
        met.join(&run.met);
        let (scenario, seed) = (&plan.scenario, plan.seed);
        let replay =
            format!("underpass-sim run --engine turmoil --scenario {scenario} --seed {seed}");
        failed.extend(run.violations.first().map(|violation| format!("{violation}\n  {replay}\n")));
    }
    assert!(failed.is_empty(), "{}", failed.concat());
    let missing = met.missing();
    let must = MUST.iter().filter(|mark| missing.contains(mark)).collect::<Vec<_>>();
    assert!(must.is_empty(), "never happened: {must:?}");
}

/// What must happen in that few plans; the rest takes longer, or is what turmoil cannot do.
const MUST: [&str; 16] = [
    "a 101 came in pieces",
    "a full worker made a request wait",
    "a pipelined request was answered",
    "a request for an upgrade was not granted",
    "a session was woken from another loop",
    "a tunnel broke on the side of the backend",
    "a tunnel broke on the side of the client",
    "a tunnel carried bytes after one side had ended",
    "a tunnel ended well",
    "an answer was no HTTP, or a lie",
    "an idle connection served again",
    "an idle connection was forgotten",
    "an upgrade on a connection that had carried exchanges",
    "early bytes waited for their tunnel",
    "early bytes waited while an address failed",
    "the next address was dialled",
];

#[test]
fn the_same_plan_is_the_same_run() {
    for plan in short(1, 4) {
        let traces =
            [(); 2].map(|()| file::trace(Engine::Turmoil, &plan, &run(Engine::Turmoil, &plan)));
        assert_eq!(file::parting(&traces[0], &traces[1]), None, "{} {}", plan.scenario, plan.seed);
    }
}

#[test]
fn two_processes_run_the_same_seed_in_the_same_way() {
    for engine in Engine::ALL {
        let said = [(); 2].map(|()| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_underpass-sim"));
            command.args([
                "run",
                "--scenario",
                "hostile",
                "--seed",
                "3",
                "--engine",
                engine.name(),
            ]);
            String::from_utf8(command.output().expect("it runs").stdout).expect("it is text")
        });
        let hash = format!("hash {:016x}", run(engine, &Scenario::Hostile.draw(3)).hash);
        assert!(said[0].contains(&hash) && said[0] == said[1], "{said:?}, {hash}");
    }
}

/// What nothing hinders comes to the same on both engines, request by request.
#[test]
fn both_engines_agree_on_what_nothing_hinders() {
    let mut compared = 0;
    for mut plan in short(60, 10).filter(is_light) {
        // turmoil has no windows, and whoever does not read is given up where there are any.
        plan.network.window = 1 << 20;
        // Nor has it TLS, which changes nothing as long as all ends are said.
        plan.network.tls.rude = 0;
        let [one, other] = Engine::ALL.map(|engine| gist(&run(engine, &plan).events));
        assert_eq!(one, other, "{} {}", plan.scenario, plan.seed);
        compared += one.len();
    }
    assert!(compared > 100, "{compared} requests");
}

/// Whether nothing goes wrong in a plan, nobody breaks anything off, and nobody is kept out by who came before:
/// what is lost by a reset, and who comes first, is chance.
fn is_light(plan: &Plan) -> bool {
    let is_light = |op: &Op| match op {
        Op::Abort | Op::Dribble(_) | Op::Sip(_) => false,
        Op::Ask(ask) => ask.is_good() && ask.reply.pace.is_none(),
        Op::Expect(_)
        | Op::Garbage(_)
        | Op::HalfClose
        | Op::Rest(_)
        | Op::Send(_)
        | Op::Sleep(_) => true,
    };
    let is_full = |line: &String| line.starts_with("ProxyWebsocketMax");
    let is_open = plan.faults.is_empty() && !plan.config.iter().any(is_full);
    is_open && plan.clients.iter().flat_map(|client| &client.script).all(is_light)
}

/// What turmoil cannot do is left out, and the trace says so.
#[test]
fn a_fault_that_turmoil_cannot_do_is_left_out_loudly() {
    let mut plan = Scenario::Storm.draw(1);
    let leg = Leg::Client(plan.clients[0].id);
    let faults = [Fault::Reset { leg, end: End::Both }, Fault::ClockJump(5)];
    plan.faults = faults.map(|fault| Timed { at: 20, fault }).into();
    let run = run(Engine::Turmoil, &plan);
    assert_eq!(run.skipped, [0]);
    let trace = file::trace(Engine::Turmoil, &plan, &run);
    let head = trace.lines().next().expect("it has a head");
    let said = r#""skipped":["at 20 ms: the connection of c0 is reset, and both ends are told"]"#;
    assert!(head.contains(said) && head.contains(r#""engine":"turmoil""#), "{head}");
    assert_eq!(file::engine_of(&trace), Some(Engine::Turmoil));
    assert!(trace.contains("fault 1 begins") && !trace.contains("fault 0 begins"));
    let trace =
        file::trace(Engine::Turmoil, &Scenario::Tls.draw(1), &Run { skipped: Vec::new(), ..run });
    assert!(trace.contains(r#""skipped":["TLS: all connections are plain"]"#), "{head}");
}
