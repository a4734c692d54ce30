//! Lists of servers: see `gearman_fuzz::servers`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gearman_fuzz::servers(data));
