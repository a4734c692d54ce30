//! Clients, workers, administrators and time on the job server's broker: see
//! `play`. The modules are the server's own, which has no library.

#![no_main]
#![allow(dead_code, unused_imports, reason = "the rest of the server uses what is not used here")]

#[path = "../../../src/bin/gearmand/admin/mod.rs"]
mod admin;
#[path = "../../../src/bin/gearmand/broker/mod.rs"]
mod broker;
#[path = "../../../src/bin/gearmand/habit.rs"]
mod habit;
#[path = "../../../src/bin/gearmand/play.rs"]
mod play;

use gearman::protocol::percent;

libfuzzer_sys::fuzz_target!(|data: &[u8]| play::play(data));
