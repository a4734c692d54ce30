//! Access rules: see `gearman_fuzz::access`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gearman_fuzz::access(data));
