//! Each answer that a client saw is reported, in its order, and what a report counts adds up.

use underpass_core::Side;
use underpass_core::report::{Close, Report};
use underpass_core::time::Time;

use super::links::Links;
use super::{Each, Found, Kind, Violation};
use crate::event::{Event, What, Who};

/// The sessions, and what was seen and reported of each.
#[derive(Debug, Default)]
pub(super) struct Reports {
    sessions: Each<Answers>,
}

/// The statuses of one session's answers.
#[derive(Debug, Default)]
struct Answers {
    seen: Vec<u16>,
    reported: Vec<u16>,
}

impl Reports {
    pub(super) fn see(&mut self, event: &Event, links: &Links, found: &mut Found) {
        match (event.who, &event.what) {
            (Who::Session(number), What::Reports(told)) => {
                let answers = self.sessions.entry(number).or_default();
                answers.reported.extend((told.0.status != 0).then_some(told.0.status));
                add_up(&told.0, event, found);
            }
            (Who::Client(id), What::Heads(status, _)) => {
                let session = links.session(id).map(|number| self.sessions.entry(number));
                session.into_iter().for_each(|it| it.or_default().seen.push(*status));
            }
            _ => {}
        }
    }

    /// At the end everything was reported that anybody saw.
    pub(super) fn end(&self, at: Time, found: &mut Found) {
        for (number, Answers { seen, reported }) in &self.sessions {
            if !reported.starts_with(seen) {
                let (kind, who) = (Kind::Untold, Who::Session(*number));
                let why = format!("{seen:?} were seen, and {reported:?} were reported");
                found.violations.push(Violation { kind, at, who, why });
            }
        }
    }
}

/// What ended well went as it came.
fn add_up(report: &Report, event: &Event, found: &mut Found) {
    let Report { pulled, pushed, .. } = report;
    let well = |side: Side| match report.close {
        Close::Ended(_) => true,
        // A backend may answer before it has heard everything.
        Close::Answered => side == Side::Backend,
        _ => false,
    };
    let lost = Side::BOTH
        .into_iter()
        .find(|side| pulled[*side] < pushed[*side] || well(*side) && pulled[*side] > pushed[*side]);
    if let Some(side) = lost {
        let why = format!("{} bytes came from the {side}, {} went on", pulled[side], pushed[side]);
        found.violate(Kind::Untold, event, why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Told;
    use underpass_core::Both;

    /// What is found when one client, on one connection, sees those statuses, and those are reported.
    fn found(seen: &[u16], reported: &[u16], pulled: u64) -> Vec<Kind> {
        let (mut links, mut reports, mut found) =
            (Links::default(), Reports::default(), Found::default());
        let report = |status: &u16| Report {
            status: *status,
            pulled: Both { client: 0, backend: pulled },
            pushed: Both { client: 0, backend: 3 },
            ..Report::new(Close::Answered, Time::ZERO)
        };
        let mut see = |who, what| {
            let event = Event { at: Time::ZERO, who, what };
            links.see(&event);
            reports.see(&event, &links, &mut found);
        };
        see(Who::Session(4), What::Accepts(7, 2));
        see(Who::Client(7), What::Connects(2));
        seen.iter().for_each(|status| see(Who::Client(7), What::Heads(*status, None)));
        let told = |status| What::Reports(Box::new(Told(report(status))));
        reported.iter().for_each(|status| see(Who::Session(4), told(status)));
        reports.end(Time::ZERO, &mut found);
        found.violations.into_iter().map(|violation| violation.kind).collect()
    }

    #[test]
    fn what_was_seen_is_reported_in_its_order() {
        assert_eq!(found(&[200, 404], &[200, 0, 404, 101], 3), []);
        assert_eq!(found(&[200, 404], &[404, 200], 3), [Kind::Untold]);
        assert_eq!(found(&[200], &[], 3), [Kind::Untold]);
    }

    #[test]
    fn what_was_answered_went_as_it_came() {
        assert_eq!(found(&[], &[200], 4), [Kind::Untold]);
        assert_eq!(found(&[], &[200], 2), [Kind::Untold]);
    }
}
