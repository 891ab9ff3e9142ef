//! How a member is checked.

use super::{Parameter, Subject};

pub(super) static PARAMETERS: &[Parameter] = &[
    Parameter {
        of: Subject::Check,
        name: "hcmethod",
        values: "None|TCP|OPTIONS|HEAD|GET|OPTIONS11|HEAD11|GET11|WS",
        default: Some("None"),
        summary: "How it is checked beside its requests: by a connection, or by a request of HTTP/1.0 (1.1 with 11). \
                  **WS is ours:** a handshake of WebSocket, verified and closed again.",
        apply: |options, value| options.member.checking.set_method(value),
    },
    Parameter {
        of: Subject::Check,
        name: "hcinterval",
        values: "time[ms|s|mi|h], at least 100ms; seconds without a unit",
        default: None,
        summary: "How long after a check the next one begins; 30 seconds if absent.",
        apply: |options, value| options.member.checking.set_interval(value),
    },
    Parameter {
        of: Subject::Check,
        name: "hcpasses",
        values: "number",
        default: None,
        summary: "After so many good checks in a row it serves again, even before its retry= or ejecttime= is over; 1 if absent, \
                  and 0 is 1.",
        apply: |options, value| options.member.checking.set_passes(value),
    },
    Parameter {
        of: Subject::Check,
        name: "hcfails",
        values: "number",
        default: None,
        summary: "After so many bad checks in a row it serves no more; 1 if absent, and 0 is 1.",
        apply: |options, value| options.member.checking.set_fails(value),
    },
    Parameter {
        of: Subject::Check,
        name: "hcuri",
        values: "path, less than 64 letters",
        default: None,
        summary: "What is asked for, behind the path of its URL.",
        apply: |options, value| options.member.checking.set_uri(value),
    },
    Parameter {
        of: Subject::Check,
        name: "hcexpr",
        values: "name",
        default: None,
        summary: "The ProxyHCExpr that says by its status whether an answer is good; if absent, 200 to 399 are.",
        apply: |options, value| options.member.checking.set_expression(value),
    },
];
