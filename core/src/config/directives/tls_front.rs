//! TLS with clients: certificates, versions and suites.

use crate::config::context::Context;
use crate::config::table::{Directive, Origin};
use crate::config::tls::{file, suites, versions};
use crate::config::values::switch;

pub(super) static DIRECTIVES: &[Directive] = &[
    Directive {
        name: "SSLEngine",
        args: "on|off",
        default: Some("off"),
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "Whether clients speak to this server by TLS: all servers of one address do, or none. Which one it \
                  is a client says in its hello, and who names none gets the first.",
        example: "SSLEngine on",
        count: 1..=1,
        apply: |loader, args| {
            let word = &args[0];
            if word.is("optional") {
                let flaw = word.flaw("TLS in the middle of a connection is not built (RFC 2817)");
                return Err(flaw.help("write `SSLEngine on` in a `<VirtualHost>` of its own"));
            }
            loader.draft.front().engine = Some((switch(word)?, word.clone()));
            Ok(())
        },
    },
    Directive {
        name: "SSLCertificateFile",
        args: "path",
        default: None,
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "A certificate of this server in PEM, with those behind it that lead to its issuer; several lines \
                  name several, of which a client gets the first that it can check. Those of the main server are of \
                  those virtual hosts that name none.",
        example: "SSLCertificateFile /etc/underpass/proxy.pem",
        count: 1..=1,
        apply: |loader, args| {
            let path = file(&args[0])?;
            loader.draft.front().certificates.push(path);
            Ok(())
        },
    },
    Directive {
        name: "SSLCertificateKeyFile",
        args: "path",
        default: None,
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "The key of a certificate in PEM, without a passphrase: the first line is that of the first \
                  certificate. Where there is none, the key is in the certificate's file.",
        example: "SSLCertificateKeyFile /etc/underpass/proxy.key",
        count: 1..=1,
        apply: |loader, args| {
            let path = file(&args[0])?;
            loader.draft.front().keys.push(path);
            Ok(())
        },
    },
    Directive {
        name: "SSLStapleFile",
        args: "path",
        default: None,
        contexts: Context::HOSTS,
        origin: Origin::Ours,
        summary: "What the issuer of a certificate has last said of it (OCSP, in DER), which is shown with it: the \
                  first line is that of the first certificate. Nothing is asked of the issuer: `openssl ocsp -respout` \
                  writes such a file, which is read anew when it changes.",
        example: "SSLStapleFile /var/lib/underpass/proxy.ocsp",
        count: 1..=1,
        apply: |loader, args| {
            let path = file(&args[0])?;
            loader.draft.front().staples.push(path);
            Ok(())
        },
    },
    Directive {
        name: "SSLProtocol",
        args: "[+|-]version...",
        default: Some("all -SSLv3"),
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "The versions of TLS that clients may speak: TLSv1.2, TLSv1.3 or all; what is older may only be \
                  taken away.",
        example: "SSLProtocol -all +TLSv1.3",
        count: 1..=usize::MAX,
        apply: |loader, args| {
            loader.draft.front().dialect.versions = Some(versions(args)?);
            Ok(())
        },
    },
    Directive {
        name: "SSLCipherSuite",
        args: "[SSL|TLSv1.3] list",
        default: Some("HIGH"),
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "The suites that clients may speak, by the names of OpenSSL's or of IANA's and in OpenSSL's language \
                  of lists: for TLS 1.2, or for TLS 1.3 by their names alone. What is not offered is an error.",
        example: "SSLCipherSuite ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256",
        count: 1..=2,
        apply: |loader, args| {
            loader.draft.front().dialect.choose(suites(args)?);
            Ok(())
        },
    },
    Directive {
        name: "SSLHonorCipherOrder",
        args: "on|off",
        default: Some("off"),
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "Whether the order of SSLCipherSuite counts, and not the client's.",
        example: "SSLHonorCipherOrder on",
        count: 1..=1,
        apply: |loader, args| {
            loader.draft.front().ours_first = Some(switch(&args[0])?);
            Ok(())
        },
    },
    Directive {
        name: "SSLSessionTickets",
        args: "on|off",
        default: Some("on"),
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "Whether clients may resume their sessions, by tickets whose keys change by themselves and are never \
                  the same for hosts that ask different certificates of clients.",
        example: "SSLSessionTickets off",
        count: 1..=1,
        apply: |loader, args| {
            loader.draft.front().tickets = Some(switch(&args[0])?);
            Ok(())
        },
    },
    Directive {
        name: "SSLStrictSNIVHostCheck",
        args: "on|off",
        default: Some("off"),
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "Whether clients are kept out that name no host in their hello: in the first server of an address \
                  from all of them, else from this one, with 421.",
        example: "SSLStrictSNIVHostCheck on",
        count: 1..=1,
        apply: |loader, args| {
            loader.draft.front().names_only = Some(switch(&args[0])?);
            Ok(())
        },
    },
];

#[cfg(test)]
mod tests {
    use crate::config::testing::{good, problem};
    use crate::route::Front;
    use crate::route::tls::{Dialect, Pair, Versions, Visitors};

    fn front(lines: &str) -> Front {
        let text = format!("SSLEngine on\nSSLCertificateFile /a.pem\n{lines}");
        *good(&text).rules.main().tls.clone().expect("it speaks TLS")
    }

    #[test]
    fn a_server_that_says_nothing_else_has_the_defaults() {
        let pair = Pair { certificate: "/a.pem".into(), key: "/a.pem".into(), staple: None };
        let expected = Front {
            pairs: vec![pair],
            dialect: Dialect::all(),
            ours_first: false,
            tickets: true,
            visitors: Visitors::Any,
            names_only: false,
        };
        assert_eq!(front(""), expected);
        assert_eq!(good("SSLCertificateFile /a.pem").rules.main().tls, None);
    }

    #[test]
    fn each_directive_says_its_part() {
        assert!(front("SSLHonorCipherOrder on").ours_first);
        assert!(!front("SSLSessionTickets off").tickets);
        assert!(front("SSLStrictSNIVHostCheck on").names_only);
        assert_eq!(front("SSLProtocol TLSv1.3").dialect.versions, Versions::Only13);
        let suites =
            front("SSLCipherSuite CHACHA20\nSSLCipherSuite TLSv1.3 TLS_AES_128_GCM_SHA256");
        let names: Vec<_> = suites.dialect.suites.iter().map(|suite| suite.openssl).collect();
        let expected = [
            "TLS_AES_128_GCM_SHA256",
            "ECDHE-ECDSA-CHACHA20-POLY1305",
            "ECDHE-RSA-CHACHA20-POLY1305",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn keys_and_staples_are_those_of_the_certificates_in_their_order() {
        let pairs =
            front("SSLCertificateFile /b.pem\nSSLCertificateKeyFile /a.key\nSSLStapleFile /a.ocsp")
                .pairs;
        let shown: Vec<_> =
            pairs.iter().map(|it| (&*it.certificate, &*it.key, it.staple.as_deref())).collect();
        assert_eq!(shown, [("/a.pem", "/a.key", Some("/a.ocsp")), ("/b.pem", "/b.pem", None)]);
        for surplus in ["SSLCertificateKeyFile", "SSLStapleFile"] {
            let column = surplus.len() + 2;
            assert_eq!(
                problem(&format!("{surplus} /x")),
                format!(
                    "conf:1:{column}: there is no certificate that this belongs to \
                         (write a `SSLCertificateFile` for each)"
                )
            );
        }
    }

    #[test]
    fn a_virtual_host_has_what_the_main_server_says_and_its_own_over_it() {
        let text = "SSLEngine on\nSSLCertificateFile /a.pem\nSSLHonorCipherOrder on\nSSLProtocol TLSv1.3\n\
                    <VirtualHost *:1>\nSSLProtocol TLSv1.2\n</VirtualHost>\n\
                    <VirtualHost *:2>\nSSLCertificateFile /b.pem\n</VirtualHost>\n\
                    <VirtualHost *:3>\nSSLEngine off\n</VirtualHost>\n\
                    <VirtualHost *:4>\nSSLCertificateKeyFile /a.key\n</VirtualHost>";
        let hosts = good(text).rules.hosts;
        let tls = |host: usize| hosts[host].tls.as_ref().expect("it speaks TLS");
        assert_eq!((tls(1).dialect.versions, tls(1).ours_first), (Versions::Only12, true));
        assert_eq!(
            (tls(1).pairs.clone(), tls(2).pairs[0].key.as_str()),
            (tls(0).pairs.clone(), "/b.pem")
        );
        assert_eq!((tls(2).pairs.len(), hosts[3].tls.is_none()), (1, true));
        assert_eq!(tls(4).pairs[0].key, "/a.key");
    }

    #[test]
    fn tls_needs_a_certificate_and_begins_at_once() {
        let none = "conf:1:11: there is no certificate to show (write `SSLCertificateFile path`)";
        assert_eq!(problem("SSLEngine on"), none);
        let shared = "SSLEngine on\n<VirtualHost *:1234>\n</VirtualHost>";
        assert_eq!(problem(shared), none, "it is told once");
        assert!(problem("SSLEngine optional").starts_with("conf:1:11: TLS in the middle of"));
        assert_eq!(problem("SSLCertificateFile ''"), "conf:1:20: the path is missing");
    }
}
