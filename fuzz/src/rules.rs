//! The configurations that fuzzed bytes are judged by.

use std::sync::OnceLock;

use underpass_core::config::{self, Input, Problem};
use underpass_core::route::Rules;

/// The configuration of that number, of whose bits the lower four count; every number has one.
pub fn rules(number: u8) -> &'static Rules {
    static RULES: OnceLock<Vec<Rules>> = OnceLock::new();
    let all = RULES.get_or_init(|| TEXTS.iter().map(|text| load(text)).collect());
    &all[usize::from(number & 0xF) % all.len()]
}

/// One for each way to treat upgrades, with one setting each of those that change heads and clocks.
const TEXTS: [&str; 16] = [
    "ProxyPass /ws/ ws://b:9000/\nProxyPass / http://b/base\nSetEnvIf X-In (.*) in=$1\nRequestHeader set X-In <%{in}e>\nHeader always add X-Out %{in}e",
    "ProxyPass / ws://b/ upgrade=ANY timeout=5\nProxy100Continue Off",
    "ProxyPass /no !\nProxyPass / http://[::1]:81/x/ upgrade=foo,WebSocket\nProxyPreserveHost On",
    "ProxyPass /ws ws://b\nProxyPass / http://b\nProxyWebsocketFallbackToProxyHttp Off\nRequestHeader unset Cookie\nRequestHeader append X-In x\nHeader unset Server\nHeader edit* Set-Cookie ; ,",
    "ProxyPass / http://b/ upgrade=NONE\nProxyAddHeaders Off",
    "ProxyPass / ws://b/\nProxyWebsocketAsyncDelay 2\nProxyWebsocketIdleTimeout 3\nTimeout 4\nSetEnvIf Upgrade . proxy-nohalfclose\nProxyPassReverse / http://b/\nProxyPassReverseCookiePath / /x/",
    "ProxyPass / ws://b/ connectiontimeout=1 retry=9 max=1 disablereuse=On\nProxyWebsocketAsync Off\nProxyErrorOverride On",
    "ProxyPass / http://b/\nRequestReadTimeout header=1-2,MinRate=10 body=1,MinRate=10\nLimitRequestBody 9",
    "ProxyPass / ws://b/ upgrade=ANY\nProxyVia On\nProxyAddForwarded On\nProxyMaxForwards 7",
    "ProxyPass / http://b/\nProxyVia Full\nServerName [::1]\nProxyAddForwarded On\nProxyAddHeaders Off",
    "ProxyPass / ws://b/\nProxyVia Block\nProxyMaxForwards 0",
    "ProxyPass / http://b/ smax=0 responsefieldsize=64\nProxyIOBufferSize 512\nSetEnvIf X-In . proxy-nokeepalive",
    "ProxyPass / ws://b/ upgrade=ANY\nProxyBadHeader Ignore",
    "ProxyPass / ws://b/ upgrade=ANY\nProxyBadHeader StartBody\nProxyErrorOverride On 500",
    "ProxyPassMatch ^/w(.)/(.*)$ http://b/$2/$1 nocanon upgrade=ANY\nProxyPass / ws://b/ noquery nocanon",
    "ProxyPass /ws/ ws://b/ mapping=servlet\n<Location /x>\nProxyPass http://b/ mapping=encoded\nProxyAddHeaders Off\n</Location>",
];

fn load(text: &str) -> Rules {
    try_load(text).unwrap_or_else(|problems| panic!("{text:?}: {}", problems[0]))
}

/// The rules of a text that need not say where to listen.
pub(crate) fn try_load(text: &str) -> Result<Rules, Vec<Problem>> {
    let lines = text.lines().chain(["Listen 0"]);
    let line = |text: &str| Input::Line { name: "fuzz".into(), text: text.into() };
    let inputs: Vec<_> = lines.map(line).collect();
    config::load(&mut config::Nowhere, &inputs, &[]).map(|config| config.rules)
}
