//! `loadfactor lbset route redirect status eject…`: what is said of a backend as one of several.

use std::collections::BTreeSet;

use super::checking::Checking;
use super::expanding::Expanding;
use super::grouping::named;
use super::parameters::Options;
use super::problem::Flaw;
use super::values::number;
use super::words::Word;
use crate::route::{Admission, Check, Ejection, Role, Target};
use crate::time::Wait;

/// Seconds that an ejection remembers and lasts if it does not say.
const EJECT_WINDOW: Wait = Wait::from_secs(10);
const EJECT_TIME: Wait = Wait::from_secs(30);

/// A `BalancerMember` line.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Its URL as it is written.
    pub(super) word: Word,
    /// Its URL.
    pub(super) target: Target,
    /// What it says.
    pub(super) options: Options,
    /// What it and its template say of checks, once all is read.
    pub(super) check: Option<Check>,
}

/// What is said of a member.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Membership {
    /// `loadfactor=`, in hundredths.
    weight: Option<u32>,
    /// `lbset=`.
    pub(super) set: u8,
    /// `route=`.
    pub(super) route: Option<Word>,
    /// `redirect=`.
    pub(super) redirect: Option<Word>,
    /// `status=`: the letters that hold.
    letters: BTreeSet<char>,
    /// `slowstart=`.
    pub(super) slow_start: Wait,
    /// `eject…=`.
    pub(super) ejection: Ejecting,
    /// `hctemplate=`.
    pub(super) template: Option<Word>,
    /// `hc…=`.
    pub(super) checking: Checking,
    /// `addresses=`.
    pub(super) addresses: Expanding,
}

/// What `eject…=` say.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Ejecting {
    /// `ejectfails=`; 0 if nothing puts it out.
    pub(super) fails: u32,
    /// `ejectwindow=`.
    pub(super) window: Option<Wait>,
    /// `ejecttime=`.
    pub(super) time: Option<Wait>,
    /// `ejectlast=`.
    pub(super) even_last: bool,
    /// Where the last of them is written that means nothing without `ejectfails=`.
    word: Option<Word>,
}

impl Membership {
    /// `loadfactor=decimal`
    pub(super) fn set_weight(&mut self, value: &Word) -> Result<(), Flaw> {
        let (whole, part) = value.text().split_once('.').unwrap_or((value.text(), "0"));
        let is_number = |text: &str, most: usize| {
            (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        let weight = || {
            let hundredths: u32 = format!("{part:0<2}").parse().ok()?;
            Some(whole.parse::<u32>().ok()? * 100 + hundredths)
        };
        let weight = if is_number(whole, 3) && is_number(part, 2) { weight() } else { None };
        self.weight =
            Some(weight.filter(|weight| (100..=10_000).contains(weight)).ok_or_else(|| {
                let flaw = value.flaw(format!("`{value}` is not a share"));
                flaw.help("write 1 to 100, with two decimals at the most")
            })?);
        Ok(())
    }

    /// `route=name`
    pub(super) fn set_route(&mut self, value: &Word) -> Result<(), Flaw> {
        named(value)?;
        self.route = Some(value.clone());
        Ok(())
    }

    /// `redirect=name`
    pub(super) fn set_redirect(&mut self, value: &Word) -> Result<(), Flaw> {
        named(value)?;
        self.redirect = Some(value.clone());
        Ok(())
    }

    /// `status=letters`: each is set, or behind a `-` taken back.
    pub(super) fn set_status(&mut self, value: &Word) -> Result<(), Flaw> {
        let mut holds = true;
        for (at, char) in value.text().char_indices() {
            let letter = char.to_ascii_uppercase();
            match letter {
                '+' | '-' => holds = letter == '+',
                'D' | 'S' | 'I' | 'H' | 'R' | 'N' if holds => drop(self.letters.insert(letter)),
                'D' | 'S' | 'I' | 'H' | 'R' | 'N' => drop(self.letters.remove(&letter)),
                _ => return Err(unfit(&value.part(at..at + char.len_utf8()), letter)),
            }
        }
        if self.letters.contains(&'H') && self.letters.contains(&'R') {
            let flaw = value.flaw("a member is a spare (`R`) or a standby (`H`), and not both");
            return Err(flaw.help("leave one of them out"));
        }
        Ok(())
    }

    /// Its share, in hundredths.
    pub(super) fn weight(&self) -> u32 {
        self.weight.unwrap_or(100)
    }

    /// When it serves.
    pub(super) fn role(&self) -> Role {
        match (self.letters.contains(&'R'), self.letters.contains(&'H')) {
            (true, _) => Role::Spare,
            (_, true) => Role::Standby,
            _ => Role::Regular,
        }
    }

    /// Whom it serves.
    pub(super) fn admission(&self) -> Admission {
        if self.letters.contains(&'D') || self.letters.contains(&'S') {
            Admission::Closed
        } else if self.letters.contains(&'N') {
            Admission::Draining
        } else {
            Admission::Open
        }
    }

    /// Whether its failures do not count (`status=+I`).
    pub(super) fn never_rests(&self) -> bool {
        self.letters.contains(&'I')
    }
}

impl Ejecting {
    /// Writes what `word` says.
    pub(super) fn say(&mut self, word: &Word, write: impl FnOnce(&mut Self)) {
        self.word = Some(word.clone());
        write(self);
    }

    /// What it comes to, or what is wrong with it.
    pub(super) fn ejection(&self) -> Result<Option<Ejection>, Flaw> {
        match &self.word {
            Some(word) if self.fails == 0 => {
                let flaw = word.flaw("this says something of ejections, and there are none");
                Err(flaw.help("write `ejectfails=number` too"))
            }
            _ => Ok((self.fails > 0).then_some(Ejection {
                fails: self.fails,
                window: self.window.unwrap_or(EJECT_WINDOW),
                time: self.time.unwrap_or(EJECT_TIME),
                even_last: self.even_last,
            })),
        }
    }
}

fn unfit(word: &Word, letter: char) -> Flaw {
    let flaw = |message: &str| word.flaw(format!("`{letter}` {message}"));
    match letter {
        'E' => flaw("is found out, and not written: whether a member has failed")
            .help("write `D` to disable it"),
        'C' => flaw("is found out, and not written: whether a member fails its checks")
            .help("write `D` to disable it"),
        _ => flaw("is no status").help("known are D, S, I, H, R and N, behind + or -"),
    }
}

/// How often in a row: 0 is once.
pub(super) fn times(value: &Word) -> Result<u32, Flaw> {
    Ok(number(value, 0..=u32::MAX)?.max(1))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{good, problem};
    use super::*;
    use crate::route::{Recovery, Worker};

    fn worker(says: &str) -> Worker {
        let text = format!("ProxyTimeout 9\nBalancerMember balancer://a http://b:8/x {says}");
        good(&text).rules.workers.remove(0)
    }

    fn member(says: &str) -> crate::route::Member {
        *worker(says).member.expect("it is a member")
    }

    #[test]
    fn a_share_is_a_decimal() {
        let weight = |says: &str| member(says).weight;
        assert_eq!((weight(""), weight("loadfactor=1"), weight("loadfactor=2.5")), (100, 100, 250));
        assert_eq!((weight("loadfactor=1.05"), weight("loadfactor=100.00")), (105, 10_000));
        for bad in ["0.99", "100.01", "1.", ".5", "1.234", "x", "-1", "1e2", "1,5"] {
            let message = format!(
                "conf:1:49: `{bad}` is not a share (write 1 to 100, with two decimals at the most)"
            );
            assert_eq!(
                problem(&format!("BalancerMember balancer://a http://b loadfactor={bad}")),
                message
            );
        }
    }

    #[test]
    fn letters_say_when_and_whom_a_member_serves() {
        let says = |status: &str| {
            let member = member(&format!("status={status}"));
            (member.role, member.admission)
        };
        assert_eq!(says("+H"), (Role::Standby, Admission::Open));
        assert_eq!(says("r"), (Role::Spare, Admission::Open));
        assert_eq!(says("N"), (Role::Regular, Admission::Draining));
        for closed in ["D", "+S", "DN", "+D+N"] {
            assert_eq!(says(closed), (Role::Regular, Admission::Closed), "{closed}");
        }
        assert_eq!(says("HD-HD"), (Role::Regular, Admission::Open));
        let told = |status: &str| {
            problem(&format!("BalancerMember balancer://a http://b status={status}"))
        };
        let both = "conf:1:45: a member is a spare (`R`) or a standby (`H`), and not both \
                    (leave one of them out)";
        assert_eq!(told("+RH"), both);
        assert!(told("+DE").starts_with("conf:1:47: `E` is found out, and not written"));
        assert!(told("c").starts_with("conf:1:45: `C` is found out, and not written"));
        let unknown = "conf:1:45: `X` is no status (known are D, S, I, H, R and N, behind + or -)";
        assert_eq!(told("x"), unknown);
    }

    #[test]
    fn a_member_rests_for_a_minute_unless_it_says_otherwise() {
        let recovery = |says: &str| worker(says).recovery;
        assert_eq!(recovery(""), Recovery::After(Wait::from_secs(60)));
        assert_eq!(recovery("retry=5"), Recovery::After(Wait::from_secs(5)));
        assert_eq!([recovery("retry=0"), recovery("status=+I retry=9")], [Recovery::AtOnce; 2]);
    }

    #[test]
    fn failures_put_out_whoever_says_how_many() {
        assert_eq!(member("").ejection, None);
        let terms = |fails, window, time, even_last| {
            let secs = Wait::from_secs;
            Some(Ejection { fails, window: secs(window), time: secs(time), even_last })
        };
        assert_eq!(member("ejectfails=5").ejection, terms(5, 10, 30, false));
        let all = "ejectfails=5 ejectwindow=1 ejecttime=2 ejectlast=On";
        assert_eq!(member(all).ejection, terms(5, 1, 2, true));
        let none = "conf:1:48: this says something of ejections, and there are none \
                    (write `ejectfails=number` too)";
        assert_eq!(problem("BalancerMember balancer://a http://b ejecttime=1"), none);
    }

    #[test]
    fn a_member_says_the_rest_of_itself_and_its_server_what_it_does_not() {
        let member = member("lbset=3 slowstart=7 route=a redirect=a connectiontimeout=2");
        assert_eq!((member.set, member.slow_start), (3, Wait::from_secs(7)));
        assert_eq!(
            (member.route, member.redirect),
            (Some(crate::route::RouteId::of(b"a")), member.route)
        );
        assert_eq!(member.target.to_string(), "http://b:8/x");
        let times = [member.manner.connect, member.manner.answer, member.manner.acquire];
        assert_eq!(times.map(Wait::as_secs_ceil), [2, 9, 9]);
    }

    #[test]
    fn a_status_that_is_none_is_pointed_at() {
        let word = super::super::testing::word("Dé");
        assert_eq!(Membership::default().set_status(&word), Err(unfit(&word.part(1..3), 'é')));
    }
}
