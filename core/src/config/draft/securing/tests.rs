//! What rules and members by TLS are told, and the contradictions.

use crate::config::testing::{good, problem, warnings};
use crate::route::Back;
use crate::route::tls::{Dialect, Machine, Paths, Trust, Versions};

/// What is said of the first backend.
fn back(text: &str) -> Back {
    *good(text).rules.workers[0].tls.clone().expect("it is spoken to by TLS")
}

const ON: &str = "ProxyPass / wss://b/\nSSLProxyEngine on";

#[test]
fn a_backend_of_which_nothing_is_said_must_prove_who_it_is() {
    let trust = Trust { issuers: Paths::default(), depth: 6, revoked: None };
    let expected = Back {
        name: "b".into(),
        trust: Some(trust),
        checks_name: true,
        checks_date: true,
        machine: None,
        dialect: Dialect::all(),
    };
    assert_eq!(back(ON), expected);
    assert_eq!(back(&ON.replace("wss", "https")), expected);
    assert_eq!(good(&ON.replace("wss", "ws")).rules.workers[0].tls, None);
}

#[test]
fn each_directive_says_its_part() {
    let with = |lines: &str| back(&format!("{ON}\n{lines}"));
    assert_eq!(with("SSLProxyVerify none").trust, None);
    assert!(!with("SSLProxyCheckPeerName off\nSSLProxyCheckPeerCN off").checks_name);
    assert!(with("SSLProxyCheckPeerCN off").checks_name);
    assert!(!with("SSLProxyCheckPeerExpire off").checks_date);
    assert_eq!(with("SSLProxyProtocol TLSv1.2").dialect.versions, Versions::Only12);
    assert_eq!(with("SSLProxyCipherSuite AES128").dialect.suites.len(), 3 + 2);
    let trust = with(
        "SSLProxyVerifyDepth 2\nSSLProxyCACertificateFile /a\nSSLProxyCACertificatePath /b\n\
         SSLProxyCARevocationFile /c\nSSLProxyCARevocationPath /d\nSSLProxyCARevocationCheck leaf",
    );
    let trust = trust.trust.expect("it is checked");
    let lists = trust.revoked.expect("they are asked");
    assert_eq!((trust.depth, lists.whole_chain), (2, false));
    assert_eq!(
        (trust.issuers.files, trust.issuers.folders),
        (vec!["/a".into()], vec!["/b".into()])
    );
    assert_eq!((lists.lists.files, lists.lists.folders), (vec!["/c".into()], vec!["/d".into()]));
    let machine = with("SSLProxyMachineCertificateFile /m\nSSLProxyMachineCertificateChainFile /n");
    assert_eq!(machine.machine, Some(Machine { file: "/m".into(), chain: Some("/n".into()) }));
}

#[test]
fn a_section_says_it_of_its_own_backends() {
    let verified = |section: &str| {
        let lines =
            format!("{ON}\n{section}\nSSLProxyVerify none\n</Proxy>\nProxyPass /c https://c");
        let workers = good(&lines).rules.workers;
        [0, 1].map(|worker| workers[worker].tls.as_ref().unwrap().trust.is_some())
    };
    assert_eq!(verified("<Proxy wss://b/>"), [false, true]);
    assert_eq!(verified("<Proxy https://*>"), [true, false]);
    assert_eq!(verified("<Proxy *>"), [false, false]);
    let later = format!(
        "{ON}\n<Proxy *>\nSSLProxyVerify none\nSSLProxyProtocol TLSv1.3\n</Proxy>\n\
         <Proxy wss://b>\nSSLProxyVerify require\n</Proxy>"
    );
    assert!(back(&later).trust.is_some());
    assert_eq!(back(&later).dialect.versions, Versions::Only13);
}

/// `reference/httpd.md`, PR-01.
#[test]
fn a_section_of_a_balancer_says_it_of_its_members() {
    let text = "ProxyPass / balancer://a\n<Proxy balancer://a>\nBalancerMember https://b\n\
                BalancerMember wss://c upgrade=NEVER\nSSLProxyEngine on\n</Proxy>";
    let text = text.replace("BalancerMember wss://c upgrade=NEVER\n", "BalancerMember http://c\n");
    let workers = good(&text).rules.workers;
    let secure: Vec<_> = workers.iter().map(|worker| worker.tls.is_some()).collect();
    assert_eq!(secure, [true, false], "members may differ in TLS");
}

#[test]
fn a_server_speaks_for_its_own_backends_over_the_main_server() {
    let text = "SSLProxyEngine on\nSSLProxyCheckPeerExpire off\n\
                <VirtualHost *:1>\nProxyPass / wss://b\nSSLProxyCheckPeerExpire on\n</VirtualHost>\n\
                <VirtualHost *:2>\nProxyPass / wss://b\n</VirtualHost>";
    let workers = good(text).rules.workers;
    let dates: Vec<_> = workers.iter().map(|it| it.tls.as_ref().unwrap().checks_date).collect();
    assert_eq!(dates, [true, false], "and they are not one worker");
}

#[test]
fn what_contradicts_the_rest_is_told_in_its_place() {
    let off = |text: &str| problem(text);
    let engine =
        |at: &str| format!("conf:{at}: TLS to backends is off here (write `SSLProxyEngine on`)");
    assert_eq!(off("ProxyPass / wss://b"), engine("1:13"));
    assert_eq!(off("BalancerMember balancer://a https://b"), engine("1:29"));
    assert_eq!(off("SSLProxyEngine off\nProxyPass / https://b"), engine("2:13"));
    let cn = format!("{ON}\nSSLProxyCheckPeerName off");
    assert!(problem(&cn).starts_with("conf:3:23: the CN alone is not checked"), "{}", problem(&cn));
    let chain = format!("{ON}\nSSLProxyMachineCertificateChainFile /n");
    assert!(problem(&chain).starts_with("conf:3:37: there is no certificate that this leads from"));
    let list = format!("{ON}\nSSLProxyCARevocationCheck chain");
    assert!(problem(&list).starts_with("conf:3:27: there is no list"));
    let nobody = "<Proxy http://c>\nSSLProxyVerify require\n</Proxy>";
    assert_eq!(
        problem(nobody),
        "conf:1:8: no backend of `http://c` is spoken to by TLS (what is said here of TLS is nobody's)"
    );
    let other = "conf:1:16: `optional` is not built: a backend always has a certificate \
                 (write `require`, or `none`)";
    assert_eq!(problem("SSLProxyVerify optional"), other);
}

#[test]
fn who_is_not_checked_is_told() {
    let unchecked = "conf:3:16: whoever stands on the way may pass for the backend \
                     (write `SSLProxyCACertificateFile path` instead, and `SSLProxyVerify require`)";
    assert_eq!(warnings(&format!("{ON}\nSSLProxyVerify none")), [unchecked]);
    let unasked =
        "conf:3:26: this list is not asked (write `SSLProxyCARevocationCheck chain` beside it)";
    assert_eq!(warnings(&format!("{ON}\nSSLProxyCARevocationFile /c")), [unasked]);
}

const CERTIFIED: &str = "SSLCertificateFile /a\nSSLEngine on";

#[test]
fn all_servers_of_an_address_speak_alike() {
    let two = |one: &str, other: &str| {
        format!(
            "<VirtualHost *:1234>\n{one}\n</VirtualHost>\n<VirtualHost *:1234>\n{other}\n</VirtualHost>"
        )
    };
    good(&two(CERTIFIED, CERTIFIED));
    let help = "(write `SSLEngine on` in both, or give them addresses of their own)";
    assert_eq!(
        problem(&two(CERTIFIED, "")),
        format!("conf:5:14: this server speaks none, and the first one of this address TLS {help}")
    );
    assert_eq!(
        problem(&two("", CERTIFIED)),
        format!("conf:4:14: this server speaks TLS, and the first one of this address none {help}")
    );
}

#[test]
fn a_listener_is_what_its_servers_speak() {
    good(&format!("Listen 443 https\n<VirtualHost *:443>\n{CERTIFIED}\n</VirtualHost>"));
    good("Listen 80 http");
    let none = "conf:1:12: no server of this port speaks TLS \
                (write `SSLEngine on` in its `<VirtualHost>`)";
    assert_eq!(problem("Listen 443 https"), none);
    let elsewhere = format!("Listen 443 https\n<VirtualHost *:1234>\n{CERTIFIED}\n</VirtualHost>");
    assert_eq!(problem(&elsewhere), none);
    let all = "conf:1:11: every server of this port speaks TLS (leave `http` out)";
    assert_eq!(problem(&format!("Listen 80 http\n{CERTIFIED}")), all);
    assert_eq!(problem("Listen 80 ftp"), "conf:1:11: `ftp` is none of http, https");
}
