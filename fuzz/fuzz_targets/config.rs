//! Bytes that may be the text of a configuration.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| underpass_fuzz::config::check(data));
