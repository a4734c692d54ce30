//! The first bytes of a hand-shake of TLS: see `gearman_fuzz::handshake`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gearman_fuzz::handshake(data));
