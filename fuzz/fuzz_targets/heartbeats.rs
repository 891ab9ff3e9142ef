//! Bytes that may be httpd's file of heartbeats.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| underpass_fuzz::heartbeats::check(data));
