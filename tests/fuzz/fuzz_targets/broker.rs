//! Clients, workers, administrators and time on the job server's broker: see
//! `gearman_cluster::scenario`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gearman_cluster::scenario::run(data));
