//! What a balancer does.

use super::{Parameter, Subject};
use crate::config::values::{number, some_wait, switch};

pub(super) static PARAMETERS: &[Parameter] = &[
    Parameter {
        of: Subject::Balancer,
        name: "lbmethod",
        values: "byrequests|bytraffic|bybusyness|heartbeat|leasttunnels|hash",
        default: None,
        summary: "How a member is chosen: in turn, by bytes (those of tunnels too), or by requests and tunnels under way, all by \
                  loadfactor=; or in turn by what HeartbeatStorage says that each can take, which knows members by their \
                  addresses. **Ours:** leasttunnels is the fewest under way \
                  for its share, hash always the same one for the same hashkey=. If absent byrequests, or leasttunnels \
                  where all members are ws:// and ProxyWebsocketFallbackToProxyHttp is Off.",
        apply: |options, value| options.group.set_method(value),
    },
    Parameter {
        of: Subject::Balancer,
        name: "hashkey",
        values: "client|cookie:name|header:name|query:name",
        default: None,
        summary: "**Ours.** What requests are told apart by with lbmethod=hash: the client's address if absent, and where \
                  a request has none.",
        apply: |options, value| options.group.set_key(value),
    },
    Parameter {
        of: Subject::Balancer,
        name: "stickysession",
        values: "cookie[|parameter]",
        default: None,
        summary: "The cookie that says which member a client belongs to by its route=, and the parameter of the URL that says \
                  it before the cookie does; of the same name if there is one only.",
        apply: |options, value| options.group.set_sticky(value),
    },
    Parameter {
        of: Subject::Balancer,
        name: "stickysessionsep",
        values: "letter|Off",
        default: Some("."),
        summary: "What stands before the route in the cookie or the parameter; Off if all of it is the route.",
        apply: |options, value| options.group.set_separator(value),
    },
    Parameter {
        of: Subject::Balancer,
        name: "scolonpathdelim",
        values: "On|Off",
        default: Some("Off"),
        summary: "Whether `;` ends the parameter of stickysession= too.",
        apply: |options, value| {
            options.group.semicolon_ends = switch(value)?;
            Ok(())
        },
    },
    Parameter {
        of: Subject::Balancer,
        name: "nofailover",
        values: "On|Off",
        default: Some("Off"),
        summary: "Whether a client whose member cannot serve is answered with 503, and by no other member.",
        apply: |options, value| {
            options.group.stays = switch(value)?;
            Ok(())
        },
    },
    Parameter {
        of: Subject::Balancer,
        name: "timeout",
        values: "time[ms|s|mi|h], more than 0; seconds without a unit",
        default: None,
        summary: "How long a request waits for a member that may be tried; not at all if absent.",
        apply: |options, value| {
            options.group.patience = some_wait(value)?;
            Ok(())
        },
    },
    Parameter {
        of: Subject::Balancer,
        name: "maxattempts",
        values: "number",
        default: None,
        summary: "How many members a request tries behind the first, none of them twice; all of them if absent, \
                  and eight of a member with addresses=all.",
        apply: |options, value| {
            options.group.retries = Some(number(value, 0..=u32::MAX)?);
            Ok(())
        },
    },
    Parameter {
        of: Subject::Balancer,
        name: "failonstatus",
        values: "status[,status]...",
        default: None,
        summary: "A member that answers with one of these has failed; its answer goes on.",
        apply: |options, value| {
            let statuses = value.split(',').into_iter().map(|status| number(&status, 200..=599));
            options.group.fails_on = statuses.collect::<Result<_, _>>()?;
            Ok(())
        },
    },
    Parameter {
        of: Subject::Balancer,
        name: "failontimeout",
        values: "On|Off",
        default: Some("Off"),
        summary: "Whether a member that does not answer in time has failed.",
        apply: |options, value| {
            options.group.fails_late = switch(value)?;
            Ok(())
        },
    },
    Parameter {
        of: Subject::Balancer,
        name: "forcerecovery",
        values: "On|Off",
        default: Some("On"),
        summary: "Whether all members may be tried again once all of them have failed.",
        apply: |options, value| {
            options.group.rests = !switch(value)?;
            Ok(())
        },
    },
];
