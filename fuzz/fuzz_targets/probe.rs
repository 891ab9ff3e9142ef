//! Bytes that a member may send to whoever checks it.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| underpass_fuzz::probe::check(data));
