//! Bytes that may be a response head, and the head that we would forward for them.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| underpass_fuzz::response::check(data));
