//! Rules, and a raw path that may fall under one of them.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| underpass_fuzz::path::check(data));
