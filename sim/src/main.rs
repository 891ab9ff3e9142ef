//! The program `underpass-sim`: see [`underpass_sim::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    underpass_sim::cli::main()
}
