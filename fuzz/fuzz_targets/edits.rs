//! Bytes as edits, and as the heads that they are done to.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| underpass_fuzz::edits::check(data));
