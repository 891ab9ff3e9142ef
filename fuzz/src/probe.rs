//! Bytes as what a member sends to whoever checks it.
//!
//! ```text
//! [ how it is checked, and bad lines | addresses that fail, and what is sent | cuts | what it sends … ]
//! ```

use underpass_core::Fault;
use underpass_core::balance::Probe;
use underpass_core::balance::probe::Outcome;
use underpass_core::head::BadHeader;
use underpass_core::limits::{CHECK_BODY_MOST, HEAD_MOST, INTERIM_MOST};
use underpass_core::route::check::{CheckMethod, Expectation, Test, Verb};
use underpass_core::route::{Check, Manner, Member, Scheme, Target};
use underpass_core::time::{Time, Wait};

/// Whoever takes this chance asks with the key of RFC 6455 §1.3.
const CHANCE: [u8; 20] = *b"the sample nonceMASK";
const ACCEPT: &[u8] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// More bytes than any check takes: all heads that it may read, and what it reads behind them.
const BYTES_MOST: usize = (INTERIM_MOST as usize + 2) * HEAD_MOST + CHECK_BODY_MOST as usize;

/// Checks that the verdict is the same however the bytes are cut, and comes after so many of them, or by the
/// deadline, at the latest; and that nobody passes who has not said what is asked for.
pub fn check(data: &[u8]) {
    let Some((&[how, luck, cut], sent)) = data.split_first_chunk() else { return };
    let check = check_of(how);
    let play = || Play::new(&check, how, luck);
    let whole = play().hear(sent, usize::MAX).or_end();
    assert_eq!(play().hear(sent, 1 + usize::from(cut)).or_end(), whole, "another cut");
    if whole == Ok(()) && luck >> 4 < FAILS_MOST {
        must_be_earned(check.method, sent);
    }
    must_be_late(play().hear(sent, usize::MAX));
    must_have_enough(play(), sent);
}

/// So many addresses fail at the most: further ones make the check fail.
const FAILS_MOST: u8 = 8;

/// One check, as far as it has come.
struct Play<'r> {
    probe: Probe<'r>,
    now: Time,
    outcome: Option<Outcome>,
}

impl<'r> Play<'r> {
    /// It is connected, or has failed before.
    fn new(check: &'r Check, how: u8, luck: u8) -> Self {
        let target = Target::new(Scheme::Ws, "b", 81);
        let bad = [BadHeader::IsError, BadHeader::Ignore, BadHeader::StartBody];
        let bad = bad[usize::from(how >> 4) % bad.len()];
        let (member, now) = (Member { manner: Manner::DEFAULT, ..Member::new(target) }, Time::ZERO);
        let probe = Probe::new(&member, check, bad, CHANCE, now);
        let mut play = Self { probe, now, outcome: None };
        play.dial(luck >> 4);
        if play.outcome.is_none() {
            play.outcome = play.probe.connected(play.now);
        }
        if luck & 1 == 0 {
            play.send();
        }
        play
    }

    /// So many addresses cannot be reached.
    fn dial(&mut self, fails: u8) {
        for number in 0..fails {
            assert_eq!(self.probe.address(), Some(number), "each is dialled once");
            self.outcome = match number {
                0..=1 => self.probe.broke(Fault::Refused, self.now),
                _ => self.wait_until_late(),
            };
            if self.outcome.is_some() {
                assert_eq!(number + 1, FAILS_MOST, "there are further addresses");
                return;
            }
        }
    }

    fn wait_until_late(&mut self) -> Option<Outcome> {
        let deadline = self.probe.deadline();
        assert!(deadline > self.now, "it has no time");
        assert!(deadline.since(self.now) <= Wait::from_secs(60), "it has too much time");
        self.now = deadline;
        self.probe.late(self.now)
    }

    fn send(&mut self) {
        let count = self.probe.to_send().len();
        self.probe.sent(count);
    }

    /// These bytes come, so many at a time.
    fn hear(mut self, bytes: &[u8], step: usize) -> Self {
        for piece in bytes.chunks(step) {
            if self.outcome.is_none() {
                self.outcome = self.probe.heard(piece, self.now);
            }
        }
        self
    }

    /// The verdict, if there is none before then when nothing more comes.
    fn or_end(mut self) -> Outcome {
        let ended = self.outcome.or_else(|| self.probe.ended(self.now));
        ended.expect("who has ended has a verdict")
    }
}

/// Whoever passes by more than a connection has answered, and has the key if it switched.
fn must_be_earned(method: CheckMethod, sent: &[u8]) {
    let has = |words: &[u8]| sent.windows(words.len()).any(|some| some == words);
    match method {
        CheckMethod::Tcp => {}
        CheckMethod::Http { .. } => assert!(has(b"HTTP/1."), "it has passed without an answer"),
        CheckMethod::WebSocket => {
            assert!(has(b" 101") && has(ACCEPT), "it has passed without the key");
        }
    }
}

fn must_be_late(mut play: Play<'_>) {
    if play.outcome.is_none() {
        assert!(play.wait_until_late().is_some(), "the deadline has come, and no verdict");
    }
}

/// The bytes come over and over.
fn must_have_enough(mut play: Play<'_>, sent: &[u8]) {
    let mut count = 0;
    while play.outcome.is_none() && !sent.is_empty() {
        assert!(count <= BYTES_MOST, "it never has enough");
        count += sent.len();
        play = play.hear(sent, usize::MAX);
    }
}

fn check_of(how: u8) -> Check {
    let http = |verb| CheckMethod::Http { verb, is_11: how & 8 > 0 };
    let method = match how & 7 {
        0 => CheckMethod::Tcp,
        1 | 2 => http(Verb::Get),
        3 => http(Verb::Head),
        4 => http(Verb::Options),
        _ => CheckMethod::WebSocket,
    };
    let picky = Expectation { name: "up".into(), test: Test::OneOf(vec![204, 426]) };
    Check {
        method,
        interval: Wait::from_secs(1),
        passes: 1,
        fails: 1,
        uri: "/".into(),
        expects: (how & 7 == 2).then_some(picky),
    }
}
