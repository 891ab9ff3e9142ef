//! A client that resets its connection is missed: its session is over soon, once all is delivered that it has sent,
//! whatever the session waits for, and whatever its clocks say.

use underpass_core::time::{Time, Wait};

use super::links::Links;
use super::{Each, Found, Kind};
use crate::event::{Event, What, Who};
use crate::outcome::Outcome;

/// The sessions whose clients have left like that.
#[derive(Debug)]
pub(super) struct Missed {
    /// Within this time a session is over then; none where something may hold it up.
    most: Option<Wait>,
    /// When they left, or something last moved since.
    left: Each<Time>,
}

impl Missed {
    pub(super) const fn new(most: Option<Wait>) -> Self {
        Self { most, left: Each::new() }
    }

    pub(super) fn see(&mut self, event: &Event, links: &Links, found: &mut Found) {
        match (event.who, &event.what) {
            (Who::Client(id), What::Aborts) => {
                if let Some(session) = links.session(id) {
                    self.left.entry(session).or_insert(event.at);
                }
            }
            (Who::Session(number), What::Makes(_, Outcome::Moved(_))) => {
                let left = self.left.get_mut(&number);
                left.into_iter().for_each(|left| *left = event.at);
            }
            (Who::Session(number), What::Gone) => {
                let Some(left) = self.left.remove(&number) else { return };
                if self.most.is_some_and(|most| event.at.since(left) > most) {
                    let why = format!("its client had left, and nothing moved since {left}");
                    found.violate(Kind::Late, event, why);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found when a session is gone so many seconds after its client was, where one is the most.
    fn found(seconds: u64, most: Option<Wait>) -> Vec<Kind> {
        let (mut links, mut missed, mut found) =
            (Links::default(), Missed::new(most), Found::default());
        let mut see = |second, who, what| {
            let event = Event { at: Time::ZERO.after(Wait::from_secs(second)), who, what };
            links.see(&event);
            missed.see(&event, &links, &mut found);
        };
        see(1, Who::Session(4), What::Accepts(7, 2));
        see(1, Who::Client(7), What::Connects(2));
        see(2, Who::Client(7), What::Aborts);
        see(2 + seconds, Who::Session(4), What::Gone);
        found.violations.into_iter().map(|violation| violation.kind).collect()
    }

    #[test]
    fn a_session_does_not_outlive_its_client_for_long() {
        let second = Some(Wait::from_secs(1));
        assert_eq!(found(1, second), []);
        assert_eq!(found(2, second), [Kind::Late]);
        assert_eq!(found(2, None), []);
    }
}
