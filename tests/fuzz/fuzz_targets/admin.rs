//! Lines of the text protocol: see `gearman_fuzz::admin`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gearman_fuzz::admin(data));
