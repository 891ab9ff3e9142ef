//! Bytes of both peers, and a script of what the legs do while a session moves them.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| underpass_fuzz::session::check(data));
