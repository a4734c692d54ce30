//! The Gearman job server.
//!
//! `options` says what was asked for, `startup` brings it about, `server` is
//! the event loop, `admin` the text protocol, `http` the front end in a thread of
//! its own, and `broker` everything that the job server is about. Arrows point
//! one way: `server -> admin, http -> broker`.
#![deny(unsafe_code)]

mod admin;
mod announcement;
mod broker;
mod daemon;
mod habit;
mod http;
mod log;
mod memory;
mod options;
#[cfg(test)]
mod play;
mod privileges;
#[cfg(test)]
#[path = "../../../tests/support/random.rs"]
mod random;
mod server;
mod startup;
mod systemd;

use std::process::ExitCode;

fn main() -> ExitCode {
    memory::use_small_pages();
    let options = match options::parse() {
        Ok(options) => options,
        Err(code) => return code,
    };
    let detaches = options.process.daemon && !options.process.daemon_child;
    let run = if detaches { daemon::launch } else { startup::run };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gearmand: {error}");
            ExitCode::FAILURE
        }
    }
}
