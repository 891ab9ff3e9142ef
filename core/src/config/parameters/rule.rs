//! Which requests a rule is for, and how it spells their paths.

use super::{Parameter, Subject};
use crate::config::protocols::protocols;
use crate::route::Mapping;

pub(super) static PARAMETERS: &[Parameter] = &[
    Parameter {
        of: Subject::Rule,
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
        of: Subject::Rule,
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
        of: Subject::Rule,
        name: "nocanon",
        values: "",
        default: None,
        summary: "Forwards the rest of the path as it came, and not encoded anew; only if what is \
                  before it is spelled as the rule has it, and there is no .. in it.",
        apply: |options, name| options.map_by(Mapping::Verbatim, name),
    },
    Parameter {
        of: Subject::Rule,
        name: "interpolate",
        values: "",
        default: None,
        summary: "Has ${NAME} in the path of the URL stand for that variable of a request, if \
                  ProxyPassInterpolateEnv is On.",
        apply: |options, _| {
            options.interpolates = true;
            Ok(())
        },
    },
    Parameter {
        of: Subject::Rule,
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
