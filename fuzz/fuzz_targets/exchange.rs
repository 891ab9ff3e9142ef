//! Bytes of both peers, and a script of what the legs do: what each peer gets is read by hyper.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| underpass_fuzz::exchange::check(data));
