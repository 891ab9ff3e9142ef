//! Bytes as a chunked body, cut anywhere.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| underpass_fuzz::chunks::check(data));
