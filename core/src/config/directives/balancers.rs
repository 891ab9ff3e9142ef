//! Balancers: their members, and how those are checked.

use core::num::NonZeroU16;

use crate::config::backends::Backends;
use crate::config::context::Context;
use crate::config::table::{Directive, Origin};
use crate::config::values::number;

pub(super) static DIRECTIVES: &[Directive] = &[
    Directive {
        name: "BalancerMember",
        args: "[balancer://name] url [key=value]...",
        default: None,
        contexts: &[Context::Server, Context::Host, Context::Backends],
        origin: Origin::Httpd,
        summary: "One more backend of a balancer; in a <Proxy balancer://name> that one is meant, and none is given. \
                  All members of a balancer have the same scheme and the same upgrade=. A virtual host sees the \
                  balancers of the main server too, but for those whose names it gives to its own.",
        example: "BalancerMember balancer://app http://app1.example:9000 route=one",
        count: 1..=usize::MAX,
        apply: |loader, args| {
            let flaws = &mut loader.flaws;
            if let Some(backends) = loader.draft.section_of_backends() {
                return backends.add(args, flaws);
            }
            let mut backends = Backends::of(&args[0])?;
            let added = match args {
                [url] => Err(url
                    .flaw("a balancer and the URL of a member are due here")
                    .help("write `BalancerMember balancer://name url`")),
                _ if backends.balancer.is_none() => Err(args[0]
                    .flaw("a member outside of `<Proxy balancer://name>` names its balancer first")
                    .help("write `BalancerMember balancer://name url`")),
                _ => backends.add(&args[1..], flaws),
            };
            loader.draft.backends(backends);
            added
        },
    },
    Directive {
        name: "ProxyHCExpr",
        args: "name {expression}",
        default: None,
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "What the status of an answer to a check must be, for hcexpr=: `%{REQUEST_STATUS}`, a comparison (=~ and \
                  !~ with /expression/, ==, !=, -eq, -ne, -lt, -le, -gt, -ge with a status, -in with {'status', ...}).",
        example: "ProxyHCExpr ok {%{REQUEST_STATUS} =~ /^[234]/}",
        count: 2..=2,
        apply: |loader, args| loader.draft.checks_by_name().express(&args[0], &args[1]),
    },
    Directive {
        name: "ProxyHCTemplate",
        args: "name key=value...",
        default: None,
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "What is said of the checks of members with this hctemplate=, where they do not say it themselves.",
        example: "ProxyHCTemplate slow hcmethod=GET hcinterval=60",
        count: 2..=usize::MAX,
        apply: |loader, args| {
            let flaws = &mut loader.flaws;
            loader.draft.checks_by_name().template(&args[0], &args[1..], flaws);
            Ok(())
        },
    },
    Directive {
        name: "ProxyHCTPsize",
        args: "number",
        default: Some("16"),
        contexts: Context::SERVER,
        origin: Origin::Httpd,
        summary: "How many checks may be under way at once, 0 being 1: they need no threads here.",
        example: "ProxyHCTPsize 4",
        count: 1..=1,
        apply: |loader, args| {
            let most = number(&args[0], 0..=u16::MAX)?;
            loader.draft.checks = NonZeroU16::new(most).unwrap_or(NonZeroU16::MIN);
            Ok(())
        },
    },
    Directive {
        name: "HeartbeatStorage",
        args: "path",
        default: None,
        contexts: Context::SERVER,
        origin: Origin::Httpd,
        summary: "The file in which mod_heartmonitor keeps what members can take, for lbmethod=heartbeat: it does so with \
                  `HeartbeatMaxServers 0`. It is read once a second; who was not heard for ten seconds takes nothing.",
        example: "HeartbeatStorage /run/httpd/hb.dat",
        count: 1..=1,
        apply: |loader, args| {
            loader.draft.heartbeats = Some(args[0].to_string());
            Ok(())
        },
    },
];
