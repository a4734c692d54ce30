//! Packets off the wire: see `gearman_fuzz::packets`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gearman_fuzz::packets(data));
