//! What heads are edited by, and what they bear before they are.

use super::draw::Draw;
use crate::plan::{Kind, Op};

/// Lines that edit heads, those of a section together.
const EDITS: [&[&str]; 20] = [
    &["SetEnvIf X-Sim-Mark ^on$ marked=yes"],
    &["SetEnvIf X-Sim-Mark ^off$ unmarked"],
    &["RequestHeader unset X-Sim-Secret"],
    &["RequestHeader set X-Sim-A %{marked}e env=marked"],
    &["RequestHeader set X-Sim-Hop ours"],
    &["RequestHeader append X-Sim-List last"],
    &["RequestHeader merge X-Sim-List b"],
    &["RequestHeader add X-Sim-A more env=!marked"],
    &["RequestHeader setifempty X-Sim-New new env=unmarked"],
    &["RequestHeader edit* X-Sim-List a z"],
    &["Header always set X-Sim-Policy strict"],
    &["Header always add X-Sim-Policy %{marked}e env=marked"],
    &["Header unset X-Sim-Inner"],
    &["Header append X-Sim-List out"],
    &["Header edit X-Sim-List a z"],
    &["ProxyPassReverse /b0/ http://b0/"],
    &["ProxyPassReverseCookieDomain b0 front.example"],
    &["<Location /b0/>", "ProxyPassReverseCookiePath / /b0/", "</Location>"],
    &[
        "<Location /b1/>",
        "RequestHeader unset X-Sim-List",
        "Header always unset X-Sim-Policy",
        "</Location>",
    ],
    &[
        "<Location /b0/>",
        "RequestHeader set X-Sim-List all",
        "Header onsuccess set X-Sim-B b",
        "</Location>",
    ],
];

/// Fields that requests may have, those that go together together.
const ASKED: [&[&str]; 10] = [
    &["X-Sim-Mark: on"],
    &["X-Sim-Mark: off"],
    &["X-Sim-Secret: s3cret"],
    &["X-Sim-List: a, b", "X-Sim-List: c, a"],
    &["X-Sim-List: c"],
    &["X-Sim-A: theirs", "x-sim-a: theirs"],
    &["X-Sim-Hop: theirs", "Connection: x-sim-hop"],
    &["Origin: http://good.example"],
    &["Origin: http://evil.example"],
    &["Sec-WebSocket-Protocol: more, chat"],
];

/// Fields that answers may have.
const ANSWERED: [&[&str]; 6] = [
    &["X-Sim-Inner: 10.1.2.3"],
    &["X-Sim-List: a, b, a"],
    &["X-Sim-Policy: lax", "x-sim-policy: none"],
    &["Location: http://b0/page?x"],
    &["Location: http://b0.example/page"],
    &["Set-Cookie: a=b; Path=/x; Domain=b0", "Set-Cookie: c=d; Domain=b1"],
];

impl Draw {
    /// Some of the lines that edit heads, in their order.
    pub(super) fn edits(&mut self) -> Vec<String> {
        self.some(&EDITS, 2)
    }

    /// The line that says whose pages may come in, if any does.
    pub(super) fn origins(&mut self) -> Option<String> {
        let missing = self.0.pick(&["", " missing=allow"]);
        self.0.one_in(3).then(|| format!("ProxyWebsocketOrigin{missing} http://good.example"))
    }

    /// Has the requests of a script, and their answers, bear something.
    pub(super) fn dress(&mut self, script: &mut [Op]) {
        for op in script {
            let Op::Ask(ask) = op else { continue };
            // A field that is one value stands there once.
            ask.fields = once(self.some(&ASKED, 3));
            if !matches!(ask.kind, Kind::Upgrade(_)) {
                ask.fields.retain(|field| !field.starts_with("Sec-"));
            }
            ask.reply.fields = once(self.some(&ANSWERED, 2));
        }
    }

    fn some(&mut self, of: &[&[&str]], often: usize) -> Vec<String> {
        let drawn: Vec<_> = of.iter().filter(|_| self.0.one_in(often)).collect();
        drawn.into_iter().flat_map(|lines| lines.iter().map(|&line| line.to_owned())).collect()
    }
}

/// Those fields without what contradicts one before it.
fn once(mut fields: Vec<String>) -> Vec<String> {
    for name in ["X-Sim-Mark: ", "Origin: ", "Location: "] {
        let mut first = true;
        fields.retain(|field| !field.starts_with(name) || std::mem::take(&mut first));
    }
    fields
}
