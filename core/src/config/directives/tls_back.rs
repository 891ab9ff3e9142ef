//! TLS with backends: by whom they are vouched for, and what we show of ourselves.

use super::tls_trust::depth;
use crate::config::context::Context;
use crate::config::table::{Directive, Origin};
use crate::config::tls::{Proof, asking, file, one_of, suites, versions};
use crate::config::values::switch;

/// Servers, and sections of backends.
const PLACES: &[Context] = &[Context::Server, Context::Host, Context::Backends];

pub(super) static DIRECTIVES: &[Directive] = &[
    Directive {
        name: "SSLProxyEngine",
        args: "on|off",
        default: Some("off"),
        contexts: PLACES,
        origin: Origin::Httpd,
        summary: "Whether backends are spoken to by TLS whose URLs begin with wss:// or https://: without it, such a URL \
                  is an error. In a <Proxy> this and all below is said of its backends, or of its balancer's members.",
        example: "SSLProxyEngine on",
        count: 1..=1,
        apply: |loader, args| {
            loader.draft.back().engine = Some(switch(&args[0])?);
            Ok(())
        },
    },
    Directive {
        name: "SSLProxyVerify",
        args: "none|require",
        default: Some("require"),
        contexts: PLACES,
        origin: Origin::Httpd,
        summary: "Whether a backend must have a good certificate. httpd's default is none, by which anybody on the way \
                  may pass for it.",
        example: "SSLProxyVerify none",
        count: 1..=1,
        apply: |loader, args| {
            let word = &args[0];
            if word.is("optional") || word.is("optional_no_ca") {
                let flaw =
                    word.flaw(format!("`{word}` is not built: a backend always has a certificate"));
                return Err(flaw.help("write `require`, or `none`"));
            }
            let known = [("none", Proof::Nothing), ("require", Proof::Certificate)];
            loader.draft.back().proof = Some((one_of(word, &known)?, word.clone()));
            Ok(())
        },
    },
    Directive {
        name: "SSLProxyVerifyDepth",
        args: "number",
        default: Some("6"),
        contexts: PLACES,
        origin: Origin::Httpd,
        summary: "How many certificates may lead from a backend's to its issuer, itself included. httpd's default is 1, \
                  by which no public one is good.",
        example: "SSLProxyVerifyDepth 2",
        count: 1..=1,
        apply: |loader, args| {
            loader.draft.back().trust.depth = Some(depth(&args[0])?);
            Ok(())
        },
    },
    Directive {
        name: "SSLProxyCACertificateFile",
        args: "path",
        default: None,
        contexts: PLACES,
        origin: Origin::Httpd,
        summary: "The certificates, in PEM, of those whose certificates are good for backends; the system's own if no file \
                  and no folder is named.",
        example: "SSLProxyCACertificateFile /etc/underpass/backends.pem",
        count: 1..=1,
        apply: |loader, args| {
            let path = file(&args[0])?;
            loader.draft.back().trust.files.push(path);
            Ok(())
        },
    },
    Directive {
        name: "SSLProxyCACertificatePath",
        args: "path",
        default: None,
        contexts: PLACES,
        origin: Origin::Httpd,
        summary: "A folder of such files: all of them are read, whatever their names.",
        example: "SSLProxyCACertificatePath /etc/underpass/backends",
        count: 1..=1,
        apply: |loader, args| {
            let path = file(&args[0])?;
            loader.draft.back().trust.folders.push(path);
            Ok(())
        },
    },
    Directive {
        name: "SSLProxyCARevocationFile",
        args: "path",
        default: None,
        contexts: PLACES,
        origin: Origin::Httpd,
        summary: "Lists, in PEM, of backends' certificates that have been taken back by their issuers.",
        example: "SSLProxyCARevocationFile /etc/underpass/backends.crl",
        count: 1..=1,
        apply: |loader, args| {
            let path = file(&args[0])?;
            loader.draft.back().trust.list_files.push(path);
            Ok(())
        },
    },
    Directive {
        name: "SSLProxyCARevocationPath",
        args: "path",
        default: None,
        contexts: PLACES,
        origin: Origin::Httpd,
        summary: "A folder of such lists: all of them are read, whatever their names.",
        example: "SSLProxyCARevocationPath /etc/underpass/crls",
        count: 1..=1,
        apply: |loader, args| {
            let path = file(&args[0])?;
            loader.draft.back().trust.list_folders.push(path);
            Ok(())
        },
    },
    Directive {
        name: "SSLProxyCARevocationCheck",
        args: "none|leaf|chain",
        default: Some("none"),
        contexts: PLACES,
        origin: Origin::Httpd,
        summary: "Whether the lists are asked: about the backend's own certificate, or about its issuers' too.",
        example: "SSLProxyCARevocationCheck chain",
        count: 1..=2,
        apply: |loader, args| {
            loader.draft.back().trust.asking = Some(asking(args)?);
            Ok(())
        },
    },
    Directive {
        name: "SSLProxyCheckPeerName",
        args: "on|off",
        default: Some("on"),
        contexts: PLACES,
        origin: Origin::Httpd,
        summary: "Whether a backend's certificate must be for the name that it is asked by: that of its URL, or that of \
                  the request with ProxyPreserveHost.",
        example: "SSLProxyCheckPeerName off",
        count: 1..=1,
        apply: |loader, args| {
            loader.draft.back().name = Some((switch(&args[0])?, args[0].clone()));
            Ok(())
        },
    },
    Directive {
        name: "SSLProxyCheckPeerCN",
        args: "on|off",
        default: Some("on"),
        contexts: PLACES,
        origin: Origin::Httpd,
        summary: "Must be off where SSLProxyCheckPeerName is: a CN alone is no name any more.",
        example: "SSLProxyCheckPeerCN off",
        count: 1..=1,
        apply: |loader, args| {
            loader.draft.back().common_name = Some(switch(&args[0])?);
            Ok(())
        },
    },
    Directive {
        name: "SSLProxyCheckPeerExpire",
        args: "on|off",
        default: Some("on"),
        contexts: PLACES,
        origin: Origin::Httpd,
        summary: "Whether a backend's certificate must be good today.",
        example: "SSLProxyCheckPeerExpire off",
        count: 1..=1,
        apply: |loader, args| {
            loader.draft.back().date = Some(switch(&args[0])?);
            Ok(())
        },
    },
    Directive {
        name: "SSLProxyMachineCertificateFile",
        args: "path",
        default: None,
        contexts: PLACES,
        origin: Origin::Httpd,
        summary: "Our own certificate and its key, in PEM, for backends that ask for one.",
        example: "SSLProxyMachineCertificateFile /etc/underpass/machine.pem",
        count: 1..=1,
        apply: |loader, args| {
            loader.draft.back().machine = Some(file(&args[0])?);
            Ok(())
        },
    },
    Directive {
        name: "SSLProxyMachineCertificateChainFile",
        args: "path",
        default: None,
        contexts: PLACES,
        origin: Origin::Httpd,
        summary: "The certificates, in PEM, that lead from our own to its issuer.",
        example: "SSLProxyMachineCertificateChainFile /etc/underpass/chain.pem",
        count: 1..=1,
        apply: |loader, args| {
            loader.draft.back().chain = Some(file(&args[0])?);
            Ok(())
        },
    },
    Directive {
        name: "SSLProxyProtocol",
        args: "[+|-]version...",
        default: Some("all -SSLv3"),
        contexts: PLACES,
        origin: Origin::Httpd,
        summary: "The versions of TLS that backends are offered, as by SSLProtocol.",
        example: "SSLProxyProtocol TLSv1.3",
        count: 1..=usize::MAX,
        apply: |loader, args| {
            loader.draft.back().dialect.versions = Some(versions(args)?);
            Ok(())
        },
    },
    Directive {
        name: "SSLProxyCipherSuite",
        args: "[SSL|TLSv1.3] list",
        default: Some("HIGH"),
        contexts: PLACES,
        origin: Origin::Httpd,
        summary: "The suites that backends are offered, as by SSLCipherSuite.",
        example: "SSLProxyCipherSuite HIGH:!aNULL",
        count: 1..=2,
        apply: |loader, args| {
            loader.draft.back().dialect.choose(suites(args)?);
            Ok(())
        },
    },
];
