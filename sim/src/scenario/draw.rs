//! What scripts and networks are made of.

use super::step;
use crate::plan::{Answer, Ask, Framing, Kind, Network, Op, Pace, Reply, Then, Tls, Upload};
use crate::rng::Rng;

/// Draws from one entity's stream of chance.
pub(super) struct Draw(pub(super) Rng);

/// What kind of talk a tunnel is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Talk {
    Bulk,
    HalfClose,
    LongIdle,
    Short,
}

impl Draw {
    /// A network: mostly an ordinary one, sometimes one that cuts everything to pieces.
    pub(super) fn network(&mut self, bulk: bool) -> Network {
        let rng = &mut self.0;
        let least = rng.pick(&[1, 50, 1_000, 20_000]);
        let tiny = if bulk { 500 } else { 1 };
        let window = if bulk { &[2_000, 20_000, 200_000][..] } else { &[90, 2_000, 65_536] };
        Network {
            chance: rng.draw() >> 12,
            latency: [least, least * rng.pick(&[1, 2, 10])],
            segment: rng.pick(&[tiny, 1_460, 1_460, 16_384]).max(tiny),
            window: rng.pick(window),
            call: rng.pick(&[65_536, 65_536, 4_096, 7]).max(if bulk { 1_000 } else { 1 }),
            hesitates: rng.pick(&[0, 0, 3, 10]),
            lag: rng.pick(&[0, 0, 100, 2_000]),
            tls: Tls::default(),
        }
    }

    /// TLS with the clients, or not; sometimes with those who end without a word.
    pub(super) fn tls(&mut self) -> Tls {
        Tls { clients: self.0.pick(&[true, true, false]), rude: self.0.pick(&[0, 0, 2, 5]) }
    }

    /// What is said of TLS, with the clients and with the backends.
    pub(super) fn secrecy(&mut self) -> Vec<String> {
        let most = self.0.within(1, 9);
        let clock = self.0.one_in(2).then(|| format!("RequestReadTimeout handshake={most}"));
        let preserves = self.0.one_in(2).then(|| "ProxyPreserveHost On".to_owned());
        ["SSLProxyEngine on".to_owned()].into_iter().chain(clock).chain(preserves).collect()
    }

    /// For which hosts the requests are.
    pub(super) fn name(&mut self, script: &mut [Op]) {
        for op in script {
            if let Op::Ask(ask) = op {
                ask.host = self.0.pick(&[None, Some("i"), Some("b0")]).map(str::to_owned);
            }
        }
    }

    /// A number of bytes of any order of magnitude, perhaps none.
    fn size(&mut self, most: u32) -> u32 {
        if self.0.one_in(6) { 0 } else { self.0.piece(most as usize) as u32 }
    }

    fn to(&mut self) -> String {
        self.0.pick(&["b0", "b0", "b1"]).to_owned()
    }

    fn ask(&mut self, kind: Kind, reply: Reply) -> Ask {
        Ask {
            to: self.to(),
            host: None,
            kind,
            pipelined: false,
            old: false,
            last: false,
            tail: String::new(),
            fields: Vec::new(),
            reply,
        }
    }

    /// A request for a tunnel that is granted, and what both do in it.
    pub(super) fn tunnel(&mut self, talk: Talk) -> Vec<Op> {
        let early = [self.early(), self.early()];
        let script = [(); 2].map(|()| self.talk(talk));
        let [mine, theirs] = script;
        let delay = self.0.pick(&[0, 0, 40, 700]);
        let interims = self.0.pick(&[0, 0, 0, 1]);
        let answer = Answer::Switch { early: early[1], script: theirs };
        let reply = Reply { delay, interims, ..Reply::new(answer) };
        let mut all = Vec::new();
        // A client that ends before it knows whether it has a tunnel.
        if talk == Talk::HalfClose && self.0.one_in(4) {
            let ask = Ask { pipelined: true, ..self.ask(Kind::Upgrade(early[0]), reply) };
            return vec![step(ask), Op::HalfClose, Op::Expect(self.size(3_000))];
        }
        all.push(step(self.ask(Kind::Upgrade(early[0]), reply)));
        all.extend(mine);
        all
    }

    fn early(&mut self) -> u32 {
        if self.0.one_in(2) { self.size(2_000) } else { 0 }
    }

    fn talk(&mut self, talk: Talk) -> Vec<Op> {
        match talk {
            Talk::Bulk => self.bulk(),
            Talk::HalfClose => self.half_close(),
            Talk::LongIdle => self.long_idle(),
            Talk::Short => {
                let mut script = Vec::new();
                for _ in 0..self.0.within(0, 3) {
                    script.push(Op::Send(self.size(4_000)));
                    script.push(Op::Expect(self.size(1_000)));
                }
                script.extend(self.0.one_in(8).then_some(Op::Abort));
                script
            }
        }
    }

    fn bulk(&mut self) -> Vec<Op> {
        let mut script = Vec::new();
        for _ in 0..self.0.within(1, 3) {
            let rest = self.0.pick(&[0, 50, 3_000, 20_000, 70_000]);
            script.extend((rest > 0).then_some(Op::Rest(rest)));
            let sip = Pace { bytes: self.0.within(200, 4_000), every: self.0.within(1, 20) };
            script.extend(self.0.one_in(6).then_some(Op::Sip(sip)));
            script.push(Op::Send(self.size(60_000)));
            script.extend(self.0.one_in(3).then(|| Op::Expect(self.size(20_000))));
        }
        script.extend(self.0.one_in(8).then_some(Op::Abort));
        script
    }

    fn half_close(&mut self) -> Vec<Op> {
        let mut script = vec![Op::Send(self.size(3_000))];
        match self.0.below(6) {
            0 => script.push(Op::HalfClose),
            1 => script.extend([Op::HalfClose, Op::Sleep(self.0.within(1, 4_000)), Op::Abort]),
            2 => script.extend([Op::Expect(self.size(3_000)), Op::HalfClose]),
            3 => script.extend([Op::Sleep(self.0.within(1, 90_000)), Op::Send(self.size(500))]),
            4 => script.extend([Op::Rest(self.0.within(1, 9_000)), Op::Send(self.size(20_000))]),
            _ => script.extend([Op::Expect(self.size(3_000)), Op::Abort]),
        }
        script
    }

    fn long_idle(&mut self) -> Vec<Op> {
        let mut script = Vec::new();
        for _ in 0..self.0.within(1, 4) {
            script.push(Op::Sleep(self.0.pick(&[100, 5_000, 40_000, 400_000])));
            script.push(Op::Send(self.size(3_000)));
        }
        script
    }

    /// A request for a tunnel that may not be granted.
    pub(super) fn hasty_tunnel(&mut self) -> Vec<Op> {
        match self.0.below(8) {
            0 | 1 => vec![self.victim()],
            2 => self.leaver(),
            _ => self.tunnel(Talk::Short),
        }
    }

    /// A client that does not wait for an answer that never comes.
    fn leaver(&mut self) -> Vec<Op> {
        let kind = if self.0.one_in(2) { Kind::Upgrade(self.early()) } else { Kind::Get };
        let ask = self.ask(kind, Reply::new(Answer::Silence));
        vec![step(ask), Op::Sleep(self.0.within(1, 300)), Op::Abort]
    }

    /// A request whose answer is all wrong.
    pub(super) fn victim(&mut self) -> Op {
        let answer = match self.0.below(9) {
            0 => Answer::Hangup,
            1 => Answer::Lie,
            2 => Answer::Nonsense,
            3 => Answer::Reset,
            4 => Answer::Short(self.size(3_000)),
            5 => Answer::Silence,
            6 => Answer::Switch { early: self.size(300), script: vec![Op::Send(10)] },
            _ => self.body(self.0.clone().pick(&[403, 500, 200])),
        };
        let kind = if self.0.one_in(2) { Kind::Upgrade(self.early()) } else { Kind::Get };
        let switches = matches!(answer, Answer::Switch { .. } | Answer::Lie);
        let pace = self
            .0
            .one_in(4)
            .then(|| Pace { bytes: self.0.within(1, 200), every: self.0.pick(&[1, 100, 4_000]) });
        let mut reply = Reply::new(answer);
        reply.pace = pace;
        reply.interims = self.0.pick(&[0, 0, 1, 12]);
        let kind = if switches { Kind::Upgrade(self.early()) } else { kind };
        let mut ask = self.ask(kind, reply);
        if self.0.one_in(8) {
            "nowhere".clone_into(&mut ask.to);
        }
        step(ask)
    }

    fn body(&mut self, status: u16) -> Answer {
        let rng = &mut self.0;
        let framing =
            rng.pick(&[Framing::Length, Framing::Length, Framing::Chunks, Framing::Close]);
        let after = rng.within(1, 3_000);
        let then = rng.pick(&[
            Then::Keep,
            Then::Keep,
            Then::Keep,
            Then::Close,
            Then::Drop(after),
            Then::Excess,
            Then::Speak(after),
        ]);
        Answer::Body { status, framing, bytes: self.size(5_000), then }
    }

    /// One exchange, and perhaps a pause behind it.
    pub(super) fn exchange(&mut self) -> Vec<Op> {
        let kind = match self.0.below(6) {
            0 | 1 => Kind::Put(self.upload()),
            2 => Kind::Post(self.upload()),
            _ => Kind::Get,
        };
        let status = self.0.pick(&[200, 200, 200, 200, 500]);
        let answer = self.body(status);
        let mut reply = Reply::new(answer);
        reply.delay = self.0.pick(&[0, 0, 10, 500]);
        reply.early = kind != Kind::Get && self.0.one_in(6);
        reply.interims = self.0.pick(&[0, 0, 0, 2]);
        let plain = kind == Kind::Get;
        let old = plain && self.0.one_in(8);
        let (pipelined, last) = (plain && !old && self.0.one_in(4), self.0.one_in(8));
        let ask = Ask { pipelined, old, last, ..self.ask(kind, reply) };
        let mut script = vec![step(ask)];
        let pause = self.0.pick(&[0, 0, 0, 20, 1_500, 9_000]);
        script.extend((pause > 0).then_some(Op::Sleep(pause)));
        script
    }

    fn upload(&mut self) -> Upload {
        let framing = self.0.pick(&[Framing::Length, Framing::Chunks]);
        let most = self.0.pick(&[900, 900, 5_000, 10_000]);
        Upload { framing, bytes: self.size(most), waits: self.0.one_in(4) }
    }

    /// A client that takes its time with its head, or has nothing to say.
    pub(super) fn slow(&mut self) -> Vec<Op> {
        let pace =
            Pace { bytes: self.0.within(1, 60), every: self.0.pick(&[10, 400, 3_000, 15_000]) };
        let mut script = vec![Op::Dribble(pace)];
        match self.0.below(4) {
            0 => script.push(Op::Garbage("GET / HTTP/1.1\r\nHost: h\r\n".to_owned())),
            1 => script.push(Op::Garbage("\u{0}nonsense\r\n\r\n".to_owned())),
            2 => script.extend(self.exchange()),
            _ => script.extend(self.tunnel(Talk::Short)),
        }
        script
    }
}
