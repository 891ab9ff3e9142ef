//! Stage 4 of 6 · heartbeats: who is chosen by them, and how long what was heard of each one counts.

use std::collections::BTreeMap;
use std::fmt;
use std::mem::discriminant;
use std::net::IpAddr;

use super::Pool;
use super::heartbeat::{BadBeat, Heartbeat, UNSAID};
use crate::limits::HEARTBEATS_MOST;
use crate::route::{Method, Peer, Rules, WorkerId};
use crate::time::{Time, Wait};

/// How often the file is read.
const PACE: Wait = Wait::from_secs(1);
/// How long a member counts as alive after it was heard, as in httpd.
const ALIVE: Wait = Wait::from_secs(10);

/// The members of all balancers whose method is [`Method::Heartbeat`], and what was heard of them. A driver
/// reads the file (`HeartbeatStorage`) when that is [due](Self::next), and [tells](Self::read) what it says.
#[derive(Clone, Debug)]
pub struct Heartbeats {
    pulses: Vec<Pulse>,
    next: Time,
    /// What was wrong with the file the last time.
    trouble: Option<Trouble>,
}

/// One member, which is heard of by its address.
#[derive(Clone, Debug)]
struct Pulse {
    worker: WorkerId,
    address: IpAddr,
    port: u16,
    /// What it could take when it was heard,
    ready: u32,
    /// and until when that counts.
    until: Time,
}

/// What is wrong with the file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Trouble {
    /// It cannot be read; the driver knows why.
    Unread,
    /// It is longer than [`HEARTBEATS_MOST`]: nothing of it counts.
    TooLong,
    /// The line of that number, counted from 1, is none: the first of those that are passed over.
    Line(usize, BadBeat),
}

impl Heartbeats {
    /// Those members, of whom nothing is heard yet; the file is due at once. Who is not named by an address
    /// is never heard of: the configuration is warned of it.
    pub fn new(rules: &Rules) -> Self {
        let balancers = rules.balancers.iter().filter(|it| it.method == Method::Heartbeat);
        let pulse = |worker: &WorkerId| match &rules.worker(*worker)?.peer {
            Peer::Tcp(tcp) => {
                let address = tcp.host.parse::<IpAddr>().ok()?.to_canonical();
                let (port, ready, until) = (tcp.port, 0, Time::ZERO);
                Some(Pulse { worker: *worker, address, port, ready, until })
            }
            Peer::Unix(_) => None,
        };
        let pulses = balancers.flat_map(|it| &it.workers).filter_map(pulse).collect();
        Self { pulses, next: Time::ZERO, trouble: None }
    }

    /// When the file is to be read; never if nobody is heard of by it.
    pub fn next(&self) -> Option<Time> {
        (!self.pulses.is_empty()).then_some(self.next)
    }

    /// The file says that, and was written so long ago; nothing if it could not be read. The pool learns
    /// what each member can take. Gives what is wrong with the file, unless it was the same the last time.
    ///
    /// A member of whom the file says nothing, as all of them if it cannot be read, keeps what was heard of
    /// it for as long as that counts.
    pub fn read<W: Copy + Eq>(
        &mut self,
        file: Option<(&[u8], Wait)>,
        pool: &mut Pool<W>,
        now: Time,
    ) -> Option<Trouble> {
        self.next = now.after(PACE);
        let trouble = match file {
            None => Some(Trouble::Unread),
            Some((text, _)) if text.len() > HEARTBEATS_MOST => Some(Trouble::TooLong),
            Some((text, written)) => self.hear(text, written, now),
        };
        for pulse in &self.pulses {
            pool.heard(pulse.worker, if now < pulse.until { pulse.ready } else { 0 });
        }
        let before = std::mem::replace(&mut self.trouble, trouble);
        trouble.filter(|it| before.as_ref().map(discriminant) != Some(discriminant(it)))
    }

    /// Takes all lines; gives the first that is none.
    fn hear(&mut self, text: &[u8], written: Wait, now: Time) -> Option<Trouble> {
        let (beats, bad) = parse(text);
        for pulse in &mut self.pulses {
            let of = |port| beats.get(&(pulse.address, port));
            // Who says no port speaks for all that are at its address.
            if let Some(beat) = of(pulse.port).or_else(|| of(UNSAID)) {
                let age = beat.age.plus(written).as_micros();
                let left = Wait::from_micros(ALIVE.as_micros().saturating_sub(age));
                (pulse.ready, pulse.until) = (beat.capacity(), now.after(left));
            }
        }
        bad
    }
}

/// What each line says, the last of two counts; and the first that is no heartbeat. Empty ones and comments
/// are neither.
fn parse(text: &[u8]) -> (BTreeMap<(IpAddr, u16), Heartbeat>, Option<Trouble>) {
    let (mut beats, mut first) = (BTreeMap::new(), None);
    for (line, number) in text.split(|&byte| byte == b'\n').zip(1..) {
        if line.trim_ascii().is_empty() || line.starts_with(b"#") {
            continue;
        }
        match Heartbeat::parse(line) {
            Ok(beat) => drop(beats.insert((beat.address, beat.port), beat)),
            Err(bad) => first = first.or(Some(Trouble::Line(number, bad))),
        }
    }
    (beats, first)
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unread => f.write_str("it cannot be read"),
            Self::TooLong => write!(f, "it has more than {HEARTBEATS_MOST} bytes"),
            Self::Line(number, bad) => write!(f, "line {number} is no heartbeat: {bad}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use super::*;
    use crate::balance::{Ask, Purpose};
    use crate::limits::PENDING;
    use crate::report::{Close, Report};
    use crate::route::{Balancer, BalancerId, Worker};

    struct Play {
        heartbeats: Heartbeats,
        pool: Pool<()>,
        now: Time,
    }

    impl Play {
        /// A balancer of members at those hosts and ports.
        fn new(members: &[(&str, u16)]) -> Self {
            let workers = (0..members.len() as u32).map(WorkerId).collect();
            let method = Method::Heartbeat;
            let rules = Rules {
                workers: members.iter().map(|(host, port)| Worker::new(*host, *port)).collect(),
                balancers: vec![Balancer { workers, method, ..Balancer::alone(WorkerId(0)) }],
                ..Rules::default()
            };
            let (heartbeats, pool) = (Heartbeats::new(&rules), Pool::new(&rules, PENDING));
            Self { heartbeats, pool, now: Time::ZERO }
        }

        /// What is wrong with the file when it is read so many seconds after it was written.
        fn read(&mut self, text: &str, written: u64) -> Option<Trouble> {
            let file = Some((text.as_bytes(), Wait::from_secs(written)));
            self.then(file)
        }

        fn then(&mut self, file: Option<(&[u8], Wait)>) -> Option<Trouble> {
            self.now = self.heartbeats.next().expect("there are members").max(self.now);
            self.heartbeats.read(file, &mut self.pool, self.now)
        }

        /// Who is elected, so many times.
        fn elected(&mut self, times: usize) -> Vec<Option<u32>> {
            let ask = Ask::new(BalancerId(0), [127, 0, 0, 1].into(), Purpose::Exchange);
            let mut elect = |_| match self.pool.elect(&ask, None, (), self.now) {
                Poll::Ready(Ok(lease)) => {
                    let WorkerId(number) = lease.worker();
                    self.pool.release(Some(lease), (), &Report::new(Close::Answered, Time::ZERO));
                    Some(number)
                }
                Poll::Ready(Err(_)) | Poll::Pending => None,
            };
            (0..times).map(&mut elect).collect()
        }
    }

    const TWO: [(&str, u16); 2] = [("192.0.2.1", 8080), ("192.0.2.2", 8080)];

    #[test]
    fn members_are_chosen_by_what_they_can_take() {
        let mut play = Play::new(&TWO);
        assert_eq!(play.elected(1), [None], "nobody is heard of yet");
        let file = "# x\n\n192.0.2.1 &ready=1&busy=1&lastseen=0&port=80\n\
                    192.0.2.2 &ready=3&busy=1&lastseen=9&port=80\n";
        assert_eq!(play.read(file, 0), None);
        assert_eq!(play.elected(4), [1, 0, 1, 1].map(Some));
        play.read("192.0.2.2 ready=0&busy=9&lastseen=0", 0);
        assert_eq!(play.elected(2), [Some(0); 2], "the other one is remembered");
    }

    #[test]
    fn who_is_not_heard_of_for_ten_seconds_is_gone() {
        for (age, written) in [(0, 0), (4, 0), (0, 4), (3, 6), (5, 5), (10, 0), (4_294_967_295, 9)]
        {
            let mut play = Play::new(&TWO);
            play.read(&format!("192.0.2.1 ready=1&busy=1&lastseen={age}"), written);
            let alive = 10_u64.saturating_sub(age + written) as usize;
            let mut seconds = 0;
            while play.elected(1) == [Some(0)] {
                play.then(None);
                seconds += 1;
            }
            assert_eq!(seconds, alive, "{age} {written}");
        }
    }

    #[test]
    fn who_says_its_port_speaks_for_itself_and_who_does_not_for_its_address() {
        let mut play = Play::new(&[("192.0.2.1", 1), ("192.0.2.1", 2), ("192.0.2.1", 3)]);
        let file =
            "192.0.2.1 ready=0&busy=1&lastseen=0&port=2\n192.0.2.1 ready=1&busy=1&lastseen=0";
        assert_eq!(play.read(file, 0), None);
        assert_eq!(play.elected(4), [0, 2, 0, 2].map(Some));
        let mut play = Play::new(&[("192.0.2.1", 1)]);
        play.read("192.0.2.1 ready=1&busy=1&lastseen=0&port=2", 0);
        assert_eq!(play.elected(1), [None], "it is another one's");
    }

    #[test]
    fn what_is_wrong_is_told_once_and_passed_over() {
        let mut play = Play::new(&TWO);
        let bad = "192.0.2.2 x\n192.0.2.1 ready=1&busy=1&lastseen=0\nx";
        let told = Some(Trouble::Line(1, BadBeat::Missing("ready")));
        assert_eq!((play.read(bad, 0), play.read(bad, 0)), (told, None));
        assert_eq!(play.elected(1), [Some(0)]);
        assert_eq!((play.then(None), play.then(None)), (Some(Trouble::Unread), None));
        assert_eq!((play.read("", 0), play.read(bad, 0)), (None, told), "it was good meanwhile");
        let long = format!("192.0.2.2 ready=1&busy=1&lastseen=0\n{}", " ".repeat(HEARTBEATS_MOST));
        assert_eq!(play.read(&long, 0), Some(Trouble::TooLong));
        assert_eq!(play.elected(2), [Some(0); 2], "nothing of it counts");
    }

    #[test]
    fn the_file_is_read_once_a_second_if_somebody_is_heard_of_by_it() {
        let mut play = Play::new(&TWO);
        assert_eq!(play.heartbeats.next(), Some(Time::ZERO));
        play.then(None);
        assert_eq!(play.heartbeats.next(), Some(Time::ZERO.after(PACE)));
        assert_eq!(Play::new(&[("back.example", 80)]).heartbeats.next(), None);
    }
}
