//! How a backend is dialled and spoken to.

use core::num::NonZeroU32;

use super::{Parameter, Subject};
use crate::config::upgrade::upgrade;
use crate::config::values::{piece, response_line, some_wait, wait};
use crate::route::Recovery;
use crate::time::Wait;

pub(super) static PARAMETERS: &[Parameter] = &[
    Parameter {
        of: Subject::Worker,
        name: "timeout",
        values: "time[ms|s|mi|h], more than 0; seconds without a unit",
        default: None,
        summary: "How long either side may take to answer or to take what is sent to it; \
                  what ProxyTimeout says if absent.",
        apply: |options, value| {
            options.answer = Some(some_wait(value)?);
            Ok(())
        },
    },
    Parameter {
        of: Subject::Worker,
        name: "connectiontimeout",
        values: "time[ms|s|mi|h], more than 0; seconds without a unit",
        default: None,
        summary: "How long the connection to one address of the backend may take; \
                  what timeout= says if absent.",
        apply: |options, value| {
            options.connect = Some(some_wait(value)?);
            Ok(())
        },
    },
    Parameter {
        of: Subject::Worker,
        name: "retry",
        values: "time[ms|s|mi|h]; seconds without a unit",
        default: None,
        summary: "How long a backend that could not be reached is left alone; 0 tries it again at once. \
                  60 seconds if absent for the member of a balancer, and 0 for a backend of its own.",
        apply: |options, value| {
            options.recovery = Some(match wait(value)? {
                Wait::ZERO => Recovery::AtOnce,
                wait => Recovery::After(wait),
            });
            Ok(())
        },
    },
    Parameter {
        of: Subject::Worker,
        name: "keepalive",
        values: "On|Off",
        default: Some("On"),
        summary: "Whether TCP keepalive watches the connection to the backend; \
                  on by default, unlike httpd's.",
        apply: |options, value| options.dialling.set_keepalive(value),
    },
    Parameter {
        of: Subject::Worker,
        name: "addressttl",
        values: "-1|seconds",
        default: Some("-1"),
        summary: "For how many seconds the addresses of the backend's name are remembered; 0 asks \
                  for them before each connection, -1 only when all of them have failed.",
        apply: |options, value| options.dialling.set_memory(value),
    },
    Parameter {
        of: Subject::Worker,
        name: "receivebuffersize",
        values: "bytes, 0 or at least 512",
        default: Some("0"),
        summary: "How many bytes the system holds for a connection to the backend; 0 means what \
                  ProxyReceiveBufferSize says.",
        apply: |options, value| options.dialling.set_receive_buffer(value),
    },
    Parameter {
        of: Subject::Worker,
        name: "responsefieldsize",
        values: "bytes",
        default: Some("0"),
        summary: "How long one line of a response's head may be; 0 means 8192.",
        apply: |options, value| {
            options.response_line = NonZeroU32::new(response_line(value)?).map(NonZeroU32::get);
            Ok(())
        },
    },
    Parameter {
        of: Subject::Worker,
        name: "iobuffersize",
        values: "bytes",
        default: Some("0"),
        summary: "How many bytes of a body are moved at a time at the most; 0 means what \
                  ProxyIOBufferSize says.",
        apply: |options, value| {
            options.piece = piece(value)?;
            Ok(())
        },
    },
    Parameter {
        of: Subject::Worker,
        name: "max",
        values: "number",
        default: Some("0"),
        summary: "How many requests and tunnels the backend serves at once, over all threads; 0 is \
                  any number, and its idle connections do not count.",
        apply: |options, value| options.pooling.set_max(value),
    },
    Parameter {
        of: Subject::Worker,
        name: "acquire",
        values: "time[ms|s|mi|h], more than 0; milliseconds without a unit",
        default: None,
        summary: "How long a request waits for its turn when max= is reached, before it is \
                  answered with 503; as long as timeout= says if absent.",
        apply: |options, value| options.pooling.set_acquire(value),
    },
    Parameter {
        of: Subject::Worker,
        name: "smax",
        values: "number, at most 65535",
        default: None,
        summary: "How many idle connections each thread keeps to the backend, before it closes the \
                  one that is idle for the longest; what max= says if absent, but at most 32.",
        apply: |options, value| options.pooling.set_smax(value),
    },
    Parameter {
        of: Subject::Worker,
        name: "ttl",
        values: "time[ms|s|mi|h], more than 0; seconds without a unit",
        default: Some("30"),
        summary: "How long a connection to the backend may be idle before it is closed.",
        apply: |options, value| options.pooling.set_ttl(value),
    },
    Parameter {
        of: Subject::Worker,
        name: "min",
        values: "number, at most 65535",
        default: Some("0"),
        summary: "For how many idle connections, up to smax=, each thread reserves the memory from \
                  the beginning; it opens none.",
        apply: |options, value| options.pooling.set_min(value),
    },
    Parameter {
        of: Subject::Worker,
        name: "disablereuse",
        values: "On|Off",
        default: Some("Off"),
        summary: "Whether each request has a connection to the backend of its own, which is closed \
                  behind it; the opposite of enablereuse=.",
        apply: |options, value| options.pooling.disable_reuse(value),
    },
    Parameter {
        of: Subject::Worker,
        name: "enablereuse",
        values: "On|Off",
        default: Some("On"),
        summary: "Whether a connection to the backend may serve one request after another; the \
                  opposite of disablereuse=, which must not contradict it.",
        apply: |options, value| options.pooling.enable_reuse(value),
    },
    Parameter {
        of: Subject::Worker,
        name: "upgrade",
        values: "ANY|NONE|protocol[,protocol]...",
        default: None,
        summary: "Which protocols a client may switch to: any, WebSocket even where its Upgrade \
                  field was lost on the way (NONE), or those named; if absent, WebSocket for \
                  ws:// and none for http://.",
        apply: |options, value| {
            options.upgrade = Some(upgrade(value)?);
            Ok(())
        },
    },
];
