//! What we made of a case, told to parsers in other languages: lines of words, bytes in hexadecimal.
//!
//! ```text
//! case NAME              one way of cutting it
//! said BYTES             what the client has said, but for what went through a tunnel
//! passed N METHOD BODY   its request of that number, from 0, went on
//! heard CUT BYTES        what a connection to the backend heard; `whole`, or `cut` in a request
//! request METHOD TARGET BODY   what that was, one by one
//! ```

use std::fmt::Write as _;

use super::{Case, Played};

impl Played {
    /// It as such lines.
    pub(crate) fn told(&self, case: &Case) -> String {
        let mut text = format!("case {}\nsaid {}\n", case.name, hex(self.said(case)));
        for (number, request) in self.passed() {
            let body = hex(&request.body);
            writeln!(text, "passed {number} {} {body}", request.method)
                .expect("a string takes all");
        }
        for connection in &self.connections {
            let cut = if connection.is_whole { "whole" } else { "cut" };
            writeln!(text, "heard {cut} {}", hex(&connection.heard)).expect("a string takes all");
            for request in &connection.requests {
                let (method, target, body) = (&request.method, &request.target, hex(&request.body));
                writeln!(text, "request {method} {target} {body}").expect("a string takes all");
            }
        }
        text
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
