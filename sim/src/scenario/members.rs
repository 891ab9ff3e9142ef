//! Balancers: what is said of them and of their members, and the clients that belong to a member.

use super::draw::Draw;
use crate::plan::{Kind, Op};

/// The name of the balancer, and of the path that leads to it.
const NAME: &str = "app";

/// How a member is chosen.
const METHODS: [&str; 6] =
    ["byrequests", "bytraffic", "bybusyness", "leasttunnels", "hash", "hash hashkey=cookie:RT"];

/// What else may be said of a balancer.
const GROUP: [&str; 6] = [
    "nofailover=On",
    "failonstatus=500",
    "maxattempts=1",
    "forcerecovery=Off",
    "failontimeout=On",
    "scolonpathdelim=On",
];

/// When a member serves, and whom.
const STATUSES: [&str; 9] =
    ["", "", "", "", " status=+R", " status=+H", " status=+N", " status=+D", " status=+R lbset=1"];

/// What else may be said of a member.
const MEMBER: [&str; 4] = [" loadfactor=3", " lbset=1", " redirect=r0", " disablereuse=On"];

impl Draw {
    /// The section of a balancer of those backends, and the rule that leads there.
    pub(super) fn balancer(&mut self, backends: usize) -> Vec<String> {
        let mut lines = vec![format!("<Proxy balancer://{NAME}>")];
        let all = self.said_of_all();
        for number in 0..backends {
            // The first one serves everybody.
            let more = if number == 0 { String::new() } else { self.said_of_one() };
            lines.push(format!("BalancerMember ws://b{number} route=r{number}{more}{all}"));
        }
        let method = self.0.pick(&METHODS);
        lines.push(format!("ProxySet stickysession=RT|rt lbmethod={method}"));
        let group = GROUP.iter().filter(|_| self.0.one_in(6));
        lines.extend(group.map(|more| format!("ProxySet {more}")));
        lines.extend(self.0.one_in(2).then(|| "ProxySet timeout=2".to_owned()));
        lines.extend(["</Proxy>".to_owned(), format!("ProxyPass /{NAME}/ balancer://{NAME}/")]);
        lines
    }

    fn said_of_all(&mut self) -> String {
        let rng = &mut self.0;
        let most = rng.pick(&["", "", "", " max=1", " max=2 acquire=900ms", " max=1 acquire=20s"]);
        let connect = rng.pick(&[" connectiontimeout=2", " connectiontimeout=2", ""]);
        let retry = rng.pick(&[" retry=1", " retry=1", " retry=0", " retry=9", ""]);
        let eject = rng.pick(&["", "", " ejectfails=1 ejecttime=1", " ejectfails=2 ejectlast=On"]);
        [most, connect, retry, eject, rng.pick(&["", " slowstart=5"])].concat()
    }

    fn said_of_one(&mut self) -> String {
        let status = self.0.pick(&STATUSES);
        let sets = status.contains("lbset");
        let more = MEMBER.into_iter().filter(|it| !(sets && it.contains("lbset")));
        [status].into_iter().chain(more.filter(|_| self.0.one_in(5))).collect()
    }

    /// Sends the requests of a script to the balancer. Their client may belong to a member, or to one that is
    /// gone, and says so each time but sometimes.
    pub(super) fn belong(&mut self, script: &mut [Op]) {
        let rng = &mut self.0;
        let says = format!("x.r{}", rng.below(6));
        let how = rng.below(4);
        for op in script {
            let Op::Ask(ask) = op else { continue };
            if ask.to != "nowhere" {
                NAME.clone_into(&mut ask.to);
            }
            // Whoever answers at once cannot break off before.
            if rng.one_in(3) && !matches!(ask.kind, Kind::Post(_)) {
                ask.reply.delay = ask.reply.delay.max(rng.pick(&[300, 1_500]));
            }
            match how {
                _ if rng.one_in(8) => {}
                0 => ask.fields.push(format!("Cookie: other=1; RT={says}")),
                1 => ask.tail = format!(";rt={says}{}", rng.pick(&["", ";v=1", "?rt=x.r0"])),
                2 => ask.tail = format!("?start=x.r0&rt={says}{}", rng.pick(&["", "&v=1"])),
                _ => {}
            }
        }
    }
}
