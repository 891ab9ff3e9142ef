//! Laws of all numbers, tried on many: what a direction counts, when clocks run out, and what the numbers
//! and times of a configuration mean.

use std::ops::RangeInclusive;

use proptest::collection::vec;
use proptest::prelude::*;
use underpass_core::config::{self, Config, Input, Nowhere, Problem};
use underpass_core::limits::{LENGTH_MOST, Pace};
use underpass_core::route::{Park, Terms};
use underpass_core::time::{Millis, Time, Wait};
use underpass_core::tunnel::{End, Flow, Tunnel};
use underpass_core::{Both, Op, Side};

/// One event of a direction: which, how many bytes, and when.
type Event = (u8, u32, u64);

fn events() -> impl Strategy<Value = Vec<Event>> {
    vec((0_u8..8, 1_u32..1_000, 0_u64..5_000_000), 0..40)
}

/// The event happens, if it can: how many bytes came by it, and how many went.
fn happen(flow: &mut Flow, (kind, count, at): Event) -> (u64, u64) {
    let all = count % 2 == 0;
    let left = if all { flow.in_flight() } else { count.min(flow.in_flight()) };
    let now = Time::from_micros(at);
    match (kind, flow.end()) {
        (_, End::Shut) | (7, _) => flow.touch(now),
        (0..=2, End::Open) => {
            flow.add_pulled(count, now);
            return (count.into(), 0);
        }
        (0..=4, _) => {
            flow.add_pushed(left, now);
            return (0, left.into());
        }
        (5, _) => flow.drain(now),
        (_, End::Drain) if left == 0 => flow.shut(now),
        (_, End::Open | End::Drain) if count > 900 => flow.cut(now),
        (_, End::Open | End::Drain) => {}
    }
    (0, 0)
}

/// Small numbers, and any.
fn any_size() -> impl Strategy<Value = u64> {
    (0..4, 0_u64..1_000_000, any::<u64>())
        .prop_map(|(kind, small, any)| if kind > 0 { small } else { any })
}

/// A span that ends, or one that does not.
fn span() -> impl Strategy<Value = Wait> {
    let wait = (0..5, 1_u64..4_000_000);
    wait.prop_map(|(kind, wait)| if kind > 0 { Wait::from_micros(wait) } else { Wait::FOREVER })
}

fn terms() -> impl Strategy<Value = Terms> {
    let park = (any::<bool>(), span());
    let park = park.prop_map(|(parks, delay)| if parks { Park::After(delay) } else { Park::Never });
    let spans = (span(), span(), span(), span(), park);
    spans.prop_map(|(answer, idle, half_closed, lifetime, park)| Terms {
        answer,
        idle,
        half_closed,
        lifetime,
        park,
        ..Terms::DEFAULT
    })
}

/// What a line says beside a rule, and a port to listen on.
fn loaded(line: &str) -> Result<Config, Vec<Problem>> {
    let lines = [line, "Listen 1", "ProxyPass / ws://b"];
    let inputs = lines.map(|text| Input::Line { name: "conf".into(), text: text.into() });
    config::load(&mut Nowhere, &inputs, &[])
}

/// Units of time, and how many milliseconds each is.
const UNITS: [(&str, u64); 8] = [
    ("", 1_000),
    ("ms", 1),
    ("s", 1_000),
    ("S", 1_000),
    ("mi", 60_000),
    ("min", 60_000),
    ("h", 3_600_000),
    ("H", 3_600_000),
];

/// A number of a configuration: its directive, its range, and where it is written.
type Number = (&'static str, RangeInclusive<u64>, fn(&Config) -> u64);

const NUMBERS: [Number; 6] = [
    ("LimitRequestLine", 64..=32_768, |config| config.rules.limits.line.into()),
    ("LimitRequestFieldSize", 64..=32_768, |config| config.rules.limits.field.into()),
    ("LimitRequestFields", 1..=256, |config| config.rules.limits.fields.into()),
    ("LimitRequestBody", 0..=LENGTH_MOST, |config| config.rules.limits.body_most),
    ("ProxyMaxForwards", 0..=u32::MAX as u64, |config| {
        config.rules.max_forwards.map_or(u64::MAX, u64::from)
    }),
    ("Threads", 1..=u16::MAX as u64, |config| config.threads.map_or(0, |most| most.get().into())),
];

/// A number near the ends of what is allowed, or any.
fn number() -> impl Strategy<Value = (Number, u64)> {
    let near = |number: Number| {
        let (least, most) = (*number.1.start(), *number.1.end());
        let value = (0..4, 0_u64..5, number.1.clone(), any::<u64>());
        let value = value.prop_map(move |(kind, near, within, any)| match kind {
            0 => (least + near).saturating_sub(2),
            1 => (most - 2).saturating_add(near),
            2 => within,
            _ => any,
        });
        (Just(number), value)
    };
    prop::sample::select(&NUMBERS[..]).prop_flat_map(near)
}

proptest! {
    // They are cheap, and what two clocks say of each other is rare.
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// A direction counts every byte once, moves one way until it is over, and its clock with it.
    #[test]
    fn a_direction_counts_what_moves_and_ends_once(events in events(), holds in any::<bool>()) {
        let (mut flow, mut came, mut went) = (Flow::default(), 0, 0);
        for event in events {
            let before = flow;
            let (more, gone) = happen(&mut flow, event);
            (came, went) = (came + more, went + gone);
            prop_assert_eq!((flow.pulled(), flow.pushed()), (came, went));
            prop_assert_eq!(u64::from(flow.in_flight()), came - went);
            prop_assert!(flow.end() >= before.end());
            prop_assert!(flow.moved() >= before.moved());
            let (out, into) = (flow.outward(Side::Backend, holds), flow.inward(Side::Client, holds));
            prop_assert!(out.is_none() || into.is_none(), "{:?} beside {:?}", out, into);
            prop_assert_eq!(out.or(into).is_none(), flow.is_over(), "there is always a next move");
            prop_assert!(out != Some(Op::Shut(Side::Backend)) || flow.in_flight() == 0);
        }
    }

    /// The moment that a tunnel names is the first at which it does something: it is never early, and
    /// once it has done that, a later one is due.
    #[test]
    fn a_tunnel_is_due_when_it_says(
        terms in terms(),
        events in vec((any::<bool>(), (0_u8..8, 1_u32..1_000, 0_u64..5_000_000)), 0..20),
        holds in (any::<bool>(), any::<bool>()),
    ) {
        let (mut tunnel, mut flows) = (Tunnel::open(&terms, Time::ZERO), Both::<Flow>::default());
        for (from, event) in events {
            let from = if from { Side::Client } else { Side::Backend };
            if happen(&mut flows[from], event).0 > 0 {
                tunnel.pulled(from);
            }
        }
        let holds = Both { client: holds.0, backend: holds.1 };
        let due = tunnel.poll_timeout(&flows, holds);
        let quiet = flows.client.moved().max(flows.backend.moved());
        let whole = |wait: Wait| Wait::from(Millis::from(wait));
        prop_assert!(due <= quiet.after(whole(terms.idle)) && due <= Time::ZERO.after(terms.lifetime));
        let (same, before) = (tunnel, Time::from_micros(due.as_micros().saturating_sub(1)));
        if before < due {
            prop_assert_eq!(tunnel.expire(&flows, holds, before), None, "early");
            prop_assert_eq!(tunnel, same, "it was asked early, and did something");
        }
        if due != Time::NEVER && tunnel.expire(&flows, holds, due).is_none() {
            prop_assert!(tunnel.poll_timeout(&flows, holds) > due, "it is due, and does nothing");
        }
    }

    /// Bytes push a deadline back, never forward, and not beyond the most (R50).
    #[test]
    fn a_pace_gives_time_for_bytes(
        first in span(),
        most in span(),
        rate in 0_u32..2_000,
        start in any_size(),
        bytes in (any_size(), any_size()),
    ) {
        let (pace, start) = (Pace { first, most, rate }, Time::from_micros(start));
        let (few, many) = (bytes.0.min(bytes.1), bytes.0.max(bytes.1));
        prop_assert_eq!(pace.deadline(start, 0), start.after(first.min(most)));
        prop_assert!(pace.deadline(start, few) <= pace.deadline(start, many));
        prop_assert!(pace.deadline(start, many) <= start.after(most));
        let endless = Pace { most: Wait::FOREVER, ..pace };
        if let (1.., Some(more)) = (rate, few.checked_add(rate.into())) {
            let second_later = endless.deadline(start, few).after(Wait::from_secs(1));
            prop_assert_eq!(endless.deadline(start, more), second_later);
        }
    }

    /// Moments and spans add up, and stop at the end of time.
    #[test]
    fn time_adds_up_and_never_wraps(at in any_size(), wait in any_size()) {
        let (start, wait) = (Time::from_micros(at), Wait::from_micros(wait));
        let end = start.after(wait);
        prop_assert_eq!(end.as_micros(), at.saturating_add(wait.as_micros()));
        prop_assert_eq!(end.since(start), wait.min(Time::NEVER.since(start)));
        prop_assert_eq!(start.since(end), Wait::ZERO);
        let kept = Wait::from(Millis::from(wait));
        let exact = wait.as_micros().div_ceil(1_000);
        let expected = if exact < u64::from(u32::MAX) { Wait::from_millis(exact) } else { Wait::FOREVER };
        prop_assert_eq!(kept, expected);
    }

    /// A time means the same in whatever unit it is written.
    #[test]
    fn a_time_is_read_as_it_was_written(count in any::<u32>(), unit in 0_usize..8, other in 0_usize..8) {
        let ((unit, millis), (other, others)) = (UNITS[unit], UNITS[other]);
        let wait = |text: &str| {
            let config = loaded(&format!("Timeout {text}")).ok()?;
            config.rules.forward(0).map(|forward| forward.terms.half_closed)
        };
        let all = u64::from(count) * millis;
        let read = wait(&format!("{count}{unit}"));
        prop_assert_eq!(read, (all > 0).then(|| Wait::from_millis(all)));
        let again = all / others;
        if all % others == 0 && again <= u32::MAX.into() {
            prop_assert_eq!(wait(&format!("{again}{other}")), read);
        }
    }

    /// A number is what it says, or it is out of its range, and that is where the problem is.
    #[test]
    fn a_number_is_read_as_it_was_written(number in number(), zeros in 0_usize..4) {
        let ((name, range, written), value) = number;
        let text = format!("{}{value}", "0".repeat(zeros));
        match loaded(&format!("{name} {text}")) {
            Ok(config) => {
                prop_assert!(range.contains(&value));
                // A body of 0 bytes stands for one of any length.
                let expected = if name == "LimitRequestBody" && value == 0 { u64::MAX } else { value };
                prop_assert_eq!(written(&config), expected);
            }
            Err(problems) => {
                prop_assert!(!range.contains(&value), "{}", problems[0]);
                prop_assert_eq!((problems.len(), &problems[0].text[problems[0].span.clone()]), (1, &text[..]));
            }
        }
    }
}
