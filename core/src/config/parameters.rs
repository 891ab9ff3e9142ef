//! The table of `ProxyPass` parameters, from which they are read and documented.

use core::num::NonZeroU32;

use super::dialling::Dialling;
use super::pooling::Pooling;
use super::problem::Flaw;
use super::protocols::protocols;
use super::upgrade::upgrade;
use super::values::{piece, response_line, some_wait, wait};
use super::words::Word;
use crate::route::{Mapping, Recovery, Upgrade};
use crate::time::Wait;

/// One parameter of `ProxyPass`: `name=value`, or a name alone.
#[derive(Debug)]
pub struct Parameter {
    /// Its name, without the `=`. Its case does not matter.
    pub name: &'static str,
    /// What its value may be; nothing for one that has none.
    pub values: &'static str,
    /// The value that stands for its absence, if there is one.
    pub default: Option<&'static str>,
    /// What it does, in one sentence.
    pub summary: &'static str,
    apply: fn(&mut Options, &Word) -> Result<(), Flaw>,
}

impl Parameter {
    /// What stands behind its name: `=` before a value, or nothing.
    pub const fn sign(&self) -> &'static str {
        if self.values.is_empty() { "" } else { "=" }
    }

    /// Writes what `value` says into `options`.
    pub(super) fn apply(&self, options: &mut Options, value: &Word) -> Result<(), Flaw> {
        (self.apply)(options, value)
    }
}

/// Every parameter of `ProxyPass`.
pub static PARAMETERS: &[Parameter] = &[
    Parameter {
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
        name: "retry",
        values: "time[ms|s|mi|h]; seconds without a unit",
        default: Some("0"),
        summary: "How long a backend that could not be reached is left alone; \
                  0 tries it again at once.",
        apply: |options, value| {
            options.recovery = match wait(value)? {
                Wait::ZERO => Recovery::AtOnce,
                wait => Recovery::After(wait),
            };
            Ok(())
        },
    },
    Parameter {
        name: "keepalive",
        values: "On|Off",
        default: Some("On"),
        summary: "Whether TCP keepalive watches the connection to the backend; \
                  on by default, unlike httpd's.",
        apply: |options, value| options.dialling.set_keepalive(value),
    },
    Parameter {
        name: "addressttl",
        values: "-1|seconds",
        default: Some("-1"),
        summary: "For how many seconds the addresses of the backend's name are remembered; 0 asks \
                  for them before each connection, -1 only when all of them have failed.",
        apply: |options, value| options.dialling.set_memory(value),
    },
    Parameter {
        name: "receivebuffersize",
        values: "bytes, 0 or at least 512",
        default: Some("0"),
        summary: "How many bytes the system holds for a connection to the backend; 0 means what \
                  ProxyReceiveBufferSize says.",
        apply: |options, value| options.dialling.set_receive_buffer(value),
    },
    Parameter {
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
        name: "max",
        values: "number",
        default: Some("0"),
        summary: "How many requests and tunnels the backend serves at once, over all threads; 0 is \
                  any number, and its idle connections do not count.",
        apply: |options, value| options.pooling.set_max(value),
    },
    Parameter {
        name: "acquire",
        values: "time[ms|s|mi|h], more than 0; milliseconds without a unit",
        default: None,
        summary: "How long a request waits for its turn when max= is reached, before it is \
                  answered with 503; as long as timeout= says if absent.",
        apply: |options, value| options.pooling.set_acquire(value),
    },
    Parameter {
        name: "smax",
        values: "number, at most 65535",
        default: None,
        summary: "How many idle connections each thread keeps to the backend, before it closes the \
                  one that is idle for the longest; what max= says if absent, but at most 32.",
        apply: |options, value| options.pooling.set_smax(value),
    },
    Parameter {
        name: "ttl",
        values: "time[ms|s|mi|h], more than 0; seconds without a unit",
        default: Some("30"),
        summary: "How long a connection to the backend may be idle before it is closed.",
        apply: |options, value| options.pooling.set_ttl(value),
    },
    Parameter {
        name: "min",
        values: "number, at most 65535",
        default: Some("0"),
        summary: "For how many idle connections, up to smax=, each thread reserves the memory from \
                  the beginning; it opens none.",
        apply: |options, value| options.pooling.set_min(value),
    },
    Parameter {
        name: "disablereuse",
        values: "On|Off",
        default: Some("Off"),
        summary: "Whether each request has a connection to the backend of its own, which is closed \
                  behind it; the opposite of enablereuse=.",
        apply: |options, value| options.pooling.disable_reuse(value),
    },
    Parameter {
        name: "enablereuse",
        values: "On|Off",
        default: Some("On"),
        summary: "Whether a connection to the backend may serve one request after another; the \
                  opposite of disablereuse=, which must not contradict it.",
        apply: |options, value| options.pooling.enable_reuse(value),
    },
    Parameter {
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
    Parameter {
        name: "protocol",
        values: "protocol[,protocol]...",
        default: None,
        summary: "Which subprotocols of WebSocket the rule is for: all requests but handshakes that offer \
                  one of them pass it over; what ProxyWebsocketProtocol says if absent.",
        apply: |options, value| {
            options.protocols = Some(protocols(&value.split(','))?);
            Ok(())
        },
    },
    Parameter {
        name: "mapping",
        values: "encoded|servlet",
        default: None,
        summary: "Compares the rule with the path as it is encoded, dot segments and // resolved, and \
                  forwards it so: %2F and %00 pass, which are 404 otherwise; with servlet, \
                  parameters (;a=b) of segments do not count either.",
        apply: |options, value| {
            let mapping = match value.text().to_ascii_lowercase().as_str() {
                "encoded" => Mapping::Encoded,
                "servlet" => Mapping::Servlet,
                _ => {
                    return Err(value.flaw(format!("`{value}` is neither `encoded` nor `servlet`")));
                }
            };
            options.map_by(mapping, value)
        },
    },
    Parameter {
        name: "nocanon",
        values: "",
        default: None,
        summary: "Forwards the rest of the path as it came, and not encoded anew; only if what is \
                  before it is spelled as the rule has it, and there is no .. in it.",
        apply: |options, name| options.map_by(Mapping::Verbatim, name),
    },
    Parameter {
        name: "noquery",
        values: "",
        default: None,
        summary: "Forwards no query.",
        apply: |options, _| {
            options.passes_query = false;
            Ok(())
        },
    },
];

/// What the parameters of one rule say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Options {
    /// `timeout=`.
    pub(super) answer: Option<Wait>,
    /// `connectiontimeout=`.
    pub(super) connect: Option<Wait>,
    /// `retry=`.
    pub(super) recovery: Recovery,
    /// `keepalive=`, `addressttl=`, `receivebuffersize=`.
    pub(super) dialling: Dialling,
    /// `responsefieldsize=`.
    pub(super) response_line: Option<u32>,
    /// `iobuffersize=`.
    pub(super) piece: Option<NonZeroU32>,
    /// `max=`, `acquire=`, `smax=`, `ttl=`, `min=`, `disablereuse=`, `enablereuse=`.
    pub(super) pooling: Pooling,
    /// `upgrade=`.
    pub(super) upgrade: Option<Upgrade>,
    /// `protocol=`.
    pub(super) protocols: Option<Vec<String>>,
    /// `mapping=` and `nocanon`.
    pub(super) mapping: Mapping,
    /// Not with `noquery`.
    pub(super) passes_query: bool,
}

impl Options {
    fn map_by(&mut self, mapping: Mapping, word: &Word) -> Result<(), Flaw> {
        if self.mapping != Mapping::Decoded {
            let flaw = word.flaw("`nocanon` and `mapping=` exclude each other");
            return Err(flaw.help("with `mapping=` alone, the path is not encoded anew either"));
        }
        self.mapping = mapping;
        Ok(())
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            answer: None,
            connect: None,
            recovery: Recovery::AtOnce,
            dialling: Dialling::default(),
            response_line: None,
            piece: None,
            pooling: Pooling::default(),
            upgrade: None,
            protocols: None,
            mapping: Mapping::Decoded,
            passes_query: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{failure, good, word};
    use super::*;

    fn options(name: &str, value: &str) -> Result<Options, Flaw> {
        let parameter = PARAMETERS.iter().find(|parameter| parameter.name == name);
        let mut options = Options::default();
        parameter.expect("it is in the table").apply(&mut options, &word(value)).map(|()| options)
    }

    #[test]
    fn the_default_of_the_table_is_what_absence_means() {
        for parameter in PARAMETERS {
            if let Some(value) = parameter.default {
                let said = good(&format!("ProxyPass / ws://b {}={value}", parameter.name));
                assert_eq!(said, good("ProxyPass / ws://b"), "{}", parameter.name);
            }
        }
    }

    #[test]
    fn each_parameter_sets_its_option() {
        let [one, none] = [Some(Wait::from_millis(1)), None];
        let times = |options: Options| (options.answer, options.connect);
        assert_eq!(options("timeout", "1ms").map(times), Ok((one, none)));
        assert_eq!(options("connectiontimeout", "1ms").map(times), Ok((none, one)));
        let recovery = Recovery::After(Wait::from_millis(1));
        assert_eq!(options("retry", "1ms").map(|options| options.recovery), Ok(recovery));
        let line = options("responsefieldsize", "512").map(|options| options.response_line);
        assert_eq!(line, Ok(Some(512)));
        let piece = options("iobuffersize", "512").map(|options| options.piece);
        assert_eq!(piece, Ok(NonZeroU32::new(512)));
        assert_eq!(
            options("upgrade", "ANY").map(|options| options.upgrade),
            Ok(Some(Upgrade::Any))
        );
        let protocols = options("protocol", "a,b").map(|options| options.protocols);
        assert_eq!(protocols, Ok(Some(vec!["a".into(), "b".into()])));
        let mapping = |name, value| options(name, value).map(|options| options.mapping);
        assert_eq!(mapping("mapping", "Encoded"), Ok(Mapping::Encoded));
        assert_eq!(mapping("mapping", "servlet"), Ok(Mapping::Servlet));
        assert_eq!(mapping("nocanon", ""), Ok(Mapping::Verbatim));
        assert_eq!(options("noquery", "").map(|options| options.passes_query), Ok(false));
        let neither = "1:1: `x` is neither `encoded` nor `servlet`";
        assert_eq!(failure(mapping("mapping", "x")), neither);
    }

    #[test]
    fn a_timeout_of_nothing_is_a_problem() {
        for name in ["timeout", "connectiontimeout", "acquire", "ttl"] {
            assert_eq!(failure(options(name, "0")), "1:1: the time must be more than 0");
        }
    }
}
