//! What of httpd's is not built, and why: each is refused by name, with what to do instead.

use super::directives::refused as in_table;
use super::problem::Flaw;
use super::table::Directive;
use super::words::Word;

/// Something of httpd's that is refused.
struct Refused {
    /// Its name, or the beginning of it and a `*`. Its case does not matter.
    name: &'static str,
    /// The argument with which it says nothing, so that it is accepted.
    accepted: Option<&'static str>,
    /// Why, behind its name.
    why: &'static str,
    /// What to do instead.
    instead: &'static str,
}

const NO_REMOTE: &str = "is not built: backends are dialled directly, and not by another proxy";
const NO_ACCESS: &str = "is not built: it is the old way of `Require`";
const NO_MANAGER: &str =
    "is of the balancer-manager, which is not built: members are those that are written";
const NO_FLUSH: &str = "is for AJP and FastCGI, which are not spoken";
const NO_CACHE: &str =
    "is not built: sessions are resumed by tickets alone, whose keys no other process has";
const NO_RENEGOTIATION: &str = "is not built: who a client is does not change within a connection";
const LEAVE_OUT: &str = "leave it out";

const fn refused(name: &'static str, why: &'static str, instead: &'static str) -> Refused {
    Refused { name, accepted: None, why, instead }
}

const fn refused_but(
    name: &'static str,
    accepted: &'static str,
    why: &'static str,
    instead: &'static str,
) -> Refused {
    Refused { name, accepted: Some(accepted), why, instead }
}

/// Directives.
static DIRECTIVES: [Refused; 38] = [
    refused_but(
        "ProxyRequests",
        "Off",
        "is not built: this is no forward proxy, which would take anybody anywhere",
        "write `ProxyRequests Off`, or leave it out",
    ),
    refused("ProxyRemote", NO_REMOTE, LEAVE_OUT),
    refused("ProxyRemoteMatch", NO_REMOTE, LEAVE_OUT),
    refused("NoProxy", NO_REMOTE, LEAVE_OUT),
    refused("ProxyDomain", "is not built: it is for forward proxies", LEAVE_OUT),
    refused_but(
        "ProxyStatus",
        "Off",
        "is of mod_status, which is not built",
        "write `ProxyStatus Off`, or leave it out",
    ),
    refused("BalancerGrowth", NO_MANAGER, LEAVE_OUT),
    refused_but(
        "BalancerInherit",
        "On",
        "is not built: a virtual host sees the main server's balancers behind its own",
        "write `BalancerInherit On`, or leave it out",
    ),
    refused_but(
        "BalancerPersist",
        "Off",
        "is not built: what is known of members outlives a reload, and no restart",
        "write `BalancerPersist Off`, or leave it out",
    ),
    refused("Order", NO_ACCESS, "write `Require all granted` instead of `Allow from all`"),
    refused("Allow", NO_ACCESS, "write `Require all granted` instead of `Allow from all`"),
    refused("Deny", NO_ACCESS, "write `Require all denied` instead of `Deny from all`"),
    refused("Satisfy", NO_ACCESS, LEAVE_OUT),
    refused(
        "SSLCertificateChainFile",
        "has long been given up by httpd too",
        "put those certificates behind the server's own in SSLCertificateFile",
    ),
    refused("SSLSessionCache", NO_CACHE, LEAVE_OUT),
    refused("SSLSessionCacheTimeout", NO_CACHE, LEAVE_OUT),
    refused("SSLSessionTicketKeyFile", NO_CACHE, LEAVE_OUT),
    refused_but(
        "SSLUseStapling",
        "off",
        "is not built: nothing is asked of the issuer",
        "let `openssl ocsp -respout` ask it, and write `SSLStapleFile path`",
    ),
    refused(
        "SSLStapling*",
        "is not built: nothing is asked of the issuer",
        "let `openssl ocsp -respout` ask it, and write `SSLStapleFile path`",
    ),
    refused(
        "SSLOCSP*",
        "is not built: nothing is asked of the issuer",
        "write `SSLCARevocationFile path`",
    ),
    refused_but(
        "SSLPassPhraseDialog",
        "builtin",
        "is not built: nobody can be asked for a passphrase",
        "take it from the key by `openssl pkey`, and let nobody else read the file",
    ),
    refused("SSLRandomSeed", "is not built: the system's own random numbers are used", LEAVE_OUT),
    refused("SSLCryptoDevice", "is not built: no other device has the keys", LEAVE_OUT),
    refused_but(
        "SSLCompression",
        "off",
        "is not built: how well something can be compressed gives away what is in it (CRIME)",
        LEAVE_OUT,
    ),
    refused_but("SSLFIPS", "off", "is not built", LEAVE_OUT),
    refused(
        "SSLOptions",
        "is not built: no program is told of TLS by its environment",
        "leave it out: `+StrictRequire` and its like are for directives that are not built either",
    ),
    refused(
        "SSLRequire",
        "is not built",
        "write `SSLVerifyClient require` in a `<VirtualHost>` of its own",
    ),
    refused(
        "SSLRequireSSL",
        "is not built",
        "leave it out, and let only servers with `SSLEngine on` have the rule",
    ),
    refused("SSLUserName", "is not built: nobody has a user name here", LEAVE_OUT),
    refused("SSLRenegBufferSize", NO_RENEGOTIATION, LEAVE_OUT),
    refused_but("SSLInsecureRenegotiation", "off", NO_RENEGOTIATION, LEAVE_OUT),
    refused(
        "SSLCADNRequest*",
        "is not built: clients are told the names of those whose certificates are good",
        LEAVE_OUT,
    ),
    refused("SSLSRP*", "is not built: TLS with passwords is not spoken", LEAVE_OUT),
    refused("SSLOpenSSLConfCmd", "is not built: OpenSSL is not used", LEAVE_OUT),
    refused(
        "SSLPolicy",
        "is not built",
        "write `SSLProtocol` and `SSLCipherSuite`, or leave both out",
    ),
    refused(
        "SSLVHostSNIPolicy",
        "is not built: what hosts demand of clients is always compared",
        LEAVE_OUT,
    ),
    refused(
        "SSLProxyMachineCertificatePath",
        "is not built: one certificate is shown to a backend",
        "write `SSLProxyMachineCertificateFile path`, in a `<Proxy>` for each",
    ),
    refused("SSLECHKeyDir", "is not built", LEAVE_OUT),
];

/// Parameters of `ProxyPass`.
static PARAMETERS: [Refused; 8] = [
    refused(
        "ping",
        "is not built: no backend is asked whether it is there before a body is sent",
        "leave it out; an `Expect: 100-continue` of the client's goes on to the backend",
    ),
    refused("flushpackets", NO_FLUSH, "leave it out: everything goes on at once"),
    refused("flushwait", NO_FLUSH, "leave it out: everything goes on at once"),
    refused("secret", "is for AJP, which is not spoken", LEAVE_OUT),
    refused("flusher", "is for mod_proxy_fdpass, which is not built", LEAVE_OUT),
    refused("multipathtcp", "is not built", LEAVE_OUT),
    refused("nonce", NO_MANAGER, LEAVE_OUT),
    refused("growth", NO_MANAGER, LEAVE_OUT),
];

/// Every directive that is known and refused, by its name, with why, and with what to do instead.
pub fn refused_directives() -> impl Iterator<Item = (&'static str, String)> {
    let told = |directive: &Directive| (directive.name, directive.summary.to_owned());
    DIRECTIVES.iter().map(Refused::told).chain(in_table::DIRECTIVES.iter().map(told))
}

/// Every parameter of `ProxyPass` that is known and refused, in the same way; a `*` stands for the rest of a name.
pub fn refused_parameters() -> impl Iterator<Item = (&'static str, String)> {
    PARAMETERS.iter().map(Refused::told)
}

/// What becomes of the line of a directive that is not built, if it is one: it says nothing, or there is
/// something wrong with it.
pub(super) fn directive(name: &Word, args: &[Word]) -> Option<Result<(), Flaw>> {
    let refused = DIRECTIVES.iter().find(|refused| refused.is(name))?;
    let says_nothing = match (args, refused.accepted) {
        ([only], Some(accepted)) => only.is(accepted),
        _ => false,
    };
    let flaw = || name.flaw(format!("`{name}` {}", refused.why));
    Some(if says_nothing { Ok(()) } else { Err(flaw().help(refused.instead)) })
}

/// What is wrong with a parameter of that name, if it is one that is not built.
pub(super) fn parameter(name: &Word) -> Option<Flaw> {
    let refused = PARAMETERS.iter().find(|refused| refused.is(name))?;
    Some(name.flaw(format!("`{name}=` {}", refused.why)).help(refused.instead))
}

impl Refused {
    /// Its name, why it is refused, and what to do instead.
    fn told(&self) -> (&'static str, String) {
        (self.name, format!("{} ({})", self.why, self.instead))
    }

    fn is(&self, name: &Word) -> bool {
        match self.name.strip_suffix('*') {
            Some(start) => {
                name.text().get(..start.len()).is_some_and(|own| own.eq_ignore_ascii_case(start))
            }
            None => name.is(self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{good, problem};
    use super::*;

    #[test]
    fn what_is_not_built_is_refused_with_its_reason() {
        for refused in &DIRECTIVES {
            let name = refused.name.replace('*', "x");
            let message = format!("conf:1:1: `{name}` {} ({})", refused.why, refused.instead);
            assert_eq!(problem(&format!("{name} x")), message);
        }
        for refused in &PARAMETERS {
            let name = refused.name.replace('*', "x");
            let message = format!("conf:1:20: `{name}=` {} ({})", refused.why, refused.instead);
            assert_eq!(problem(&format!("ProxyPass / ws://b {name}=1")), message);
        }
    }

    /// What is told of it is what a line of it is refused with.
    #[test]
    fn what_is_refused_can_be_listed() {
        for (name, told) in refused_parameters() {
            let name = name.replace('*', "x");
            assert!(problem(&format!("ProxyPass / ws://b {name}=1")).ends_with(&told), "{name}");
        }
        for directive in in_table::DIRECTIVES {
            assert!(refused_directives().any(|(name, _)| name == directive.name));
            assert!(!problem(&format!("{} a", directive.name)).contains("unknown"));
        }
        assert_eq!(refused_directives().count(), DIRECTIVES.len() + in_table::DIRECTIVES.len());
    }

    #[test]
    fn what_says_nothing_is_accepted() {
        for refused in &DIRECTIVES {
            if let Some(accepted) = refused.accepted {
                let line = format!("{} {accepted}", refused.name.to_ascii_uppercase());
                assert_eq!(good(&line), good(""));
            }
        }
    }

    #[test]
    fn what_is_refused_is_told_with_its_name() {
        let all: Vec<_> = refused_directives().chain(refused_parameters()).collect();
        assert!(all.iter().any(|(name, why)| *name == "ProxyRemote" && !why.is_empty()));
        assert!(
            all.iter()
                .any(|(name, why)| *name == "ping" && why.ends_with("goes on to the backend)"))
        );
    }
}
