//! TLS with clients: which of them are let in by their certificates.

use crate::config::context::Context;
use crate::config::problem::Flaw;
use crate::config::table::{Directive, Origin};
use crate::config::tls::{Shown, asking, file, one_of};
use crate::config::values::number;
use crate::config::words::Word;

pub(super) static DIRECTIVES: &[Directive] = &[
    Directive {
        name: "SSLVerifyClient",
        args: "none|optional|require|optional_no_ca",
        default: Some("none"),
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "Whether clients are asked for a certificate, and whether they need a good one; of optional_no_ca \
                  nothing is known but that the client has its key.",
        example: "SSLVerifyClient optional_no_ca",
        count: 1..=1,
        apply: |loader, args| {
            let known = [
                ("none", Shown::Nothing),
                ("optional", Shown::GoodOrNothing),
                ("require", Shown::Good),
                ("optional_no_ca", Shown::Anything),
            ];
            loader.draft.front().shown = Some((one_of(&args[0], &known)?, args[0].clone()));
            Ok(())
        },
    },
    Directive {
        name: "SSLVerifyDepth",
        args: "number",
        default: Some("1"),
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "How many certificates may lead from a client's to its issuer, itself included.",
        example: "SSLVerifyDepth 2",
        count: 1..=1,
        apply: |loader, args| {
            loader.draft.front().trust.depth = Some(depth(&args[0])?);
            Ok(())
        },
    },
    Directive {
        name: "SSLCACertificateFile",
        args: "path",
        default: None,
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "The certificates, in PEM, of those whose certificates are good for clients.",
        example: "SSLCACertificateFile /etc/underpass/clients.pem",
        count: 1..=1,
        apply: |loader, args| {
            let path = file(&args[0])?;
            loader.draft.front().trust.files.push(path);
            Ok(())
        },
    },
    Directive {
        name: "SSLCACertificatePath",
        args: "path",
        default: None,
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "A folder of such files: all of them are read, whatever their names.",
        example: "SSLCACertificatePath /etc/underpass/clients",
        count: 1..=1,
        apply: |loader, args| {
            let path = file(&args[0])?;
            loader.draft.front().trust.folders.push(path);
            Ok(())
        },
    },
    Directive {
        name: "SSLCARevocationFile",
        args: "path",
        default: None,
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "Lists, in PEM, of clients' certificates that have been taken back by their issuers.",
        example: "SSLCARevocationFile /etc/underpass/clients.crl",
        count: 1..=1,
        apply: |loader, args| {
            let path = file(&args[0])?;
            loader.draft.front().trust.list_files.push(path);
            Ok(())
        },
    },
    Directive {
        name: "SSLCARevocationPath",
        args: "path",
        default: None,
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "A folder of such lists: all of them are read, whatever their names.",
        example: "SSLCARevocationPath /etc/underpass/crls",
        count: 1..=1,
        apply: |loader, args| {
            let path = file(&args[0])?;
            loader.draft.front().trust.list_folders.push(path);
            Ok(())
        },
    },
    Directive {
        name: "SSLCARevocationCheck",
        args: "none|leaf|chain",
        default: Some("none"),
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "Whether the lists are asked: about the client's own certificate, or about its issuers' too.",
        example: "SSLCARevocationCheck chain",
        count: 1..=2,
        apply: |loader, args| {
            loader.draft.front().trust.asking = Some(asking(args)?);
            Ok(())
        },
    },
];

/// How many certificates a chain may have: more are looked at by nobody.
const DEPTH_MOST: u8 = 6;

/// A number of certificates; none at all would be for those that vouch for themselves.
pub(super) fn depth(word: &Word) -> Result<u8, Flaw> {
    number(word, 1..=DEPTH_MOST)
}

#[cfg(test)]
mod tests {
    use crate::config::testing::{good, problem, warnings};
    use crate::route::tls::{Paths, Revoked, Trust, Visitors};

    const ON: &str = "SSLEngine on\nSSLCertificateFile /a.pem";

    fn visitors(lines: &str) -> Visitors {
        let rules = good(&format!("{ON}\n{lines}")).rules;
        rules.main().tls.clone().expect("it speaks TLS").visitors
    }

    fn paths(files: &[&str], folders: &[&str]) -> Paths {
        let texts = |all: &[&str]| all.iter().map(|&path| path.into()).collect();
        Paths { files: texts(files), folders: texts(folders) }
    }

    #[test]
    fn clients_show_what_is_asked_of_them() {
        let trust = Trust { issuers: paths(&["/ca"], &[]), depth: 1, revoked: None };
        let ca = "SSLCACertificateFile /ca\nSSLVerifyClient";
        assert_eq!(visitors(&format!("{ca} none")), Visitors::Any);
        assert_eq!(visitors("SSLVerifyClient optional_no_ca"), Visitors::Unchecked);
        assert_eq!(visitors(&format!("{ca} Optional")), Visitors::Optional(trust.clone()));
        assert_eq!(visitors(&format!("{ca} require")), Visitors::Known(trust));
        let none = "conf:3:17: nobody's certificates are good (write `SSLCACertificateFile path`)";
        assert_eq!(problem(&format!("{ON}\nSSLVerifyClient require")), none);
        let unknown = "conf:1:17: `on` is none of none, optional, require, optional_no_ca";
        assert_eq!(problem("SSLVerifyClient on"), unknown);
    }

    #[test]
    fn trust_is_what_all_lines_say() {
        let lines = "SSLVerifyClient require\nSSLCACertificateFile /a\nSSLCACertificateFile /b\n\
                     SSLCACertificatePath /c\nSSLVerifyDepth 3\nSSLCARevocationFile /d\n\
                     SSLCARevocationPath /e\nSSLCARevocationCheck";
        let trust = |whole_chain| Trust {
            issuers: paths(&["/a", "/b"], &["/c"]),
            depth: 3,
            revoked: Some(Revoked { lists: paths(&["/d"], &["/e"]), whole_chain }),
        };
        assert_eq!(visitors(&format!("{lines} chain")), Visitors::Known(trust(true)));
        assert_eq!(visitors(&format!("{lines} leaf")), Visitors::Known(trust(false)));
        let none = visitors(&format!("{lines} none"));
        assert_eq!(none.trust().expect("it has one").revoked, None);
    }

    #[test]
    fn lists_and_the_asking_of_them_belong_together() {
        let lines = format!("{ON}\nSSLVerifyClient require\nSSLCACertificateFile /a");
        let none = "conf:5:22: there is no list of what has been taken back \
                    (name its file beside this line)";
        assert_eq!(problem(&format!("{lines}\nSSLCARevocationCheck chain")), none);
        let unasked =
            "conf:1:21: this list is not asked (write `SSLCARevocationCheck chain` beside it)";
        assert_eq!(warnings("SSLCARevocationFile /c"), [unasked]);
        assert_eq!(warnings("SSLCARevocationFile /c\nSSLCARevocationCheck none"), [""; 0]);
        let flag = "SSLCARevocationCheck leaf no_crl_for_cert_ok";
        assert!(problem(flag).starts_with("conf:1:27: `no_crl_for_cert_ok` is not built"));
        assert_eq!(problem("SSLVerifyDepth 0"), "conf:1:16: 0 is not in the range 1 to 6");
    }
}
