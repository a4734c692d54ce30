//! The Gearman job server `gearmand`.
//!
//! `options` reads the command line and the configuration file, `startup` opens what
//! they ask for, `event_loop` serves connections, and `http` is the HTTP bridge with its
//! thread. Jobs and workers are in the crate `gearman-broker`.
//!
//! Must not: be needed by the library.
#![deny(unsafe_code)]

mod access;
mod address_gate;
mod allocator;
mod command_line;
mod daemon;
mod event_loop;
mod function_settings;
mod http;
mod log;
mod memory_trimmer;
mod options;
mod privileges;
mod queue;
mod startup;
mod systemd;
mod tls;

pub use allocator::{ALLOCATOR, Allocator};

use std::process::ExitCode;

/// Runs the program `gearmand`.
pub fn main() -> ExitCode {
    memory_trimmer::use_small_pages();
    let options = match options::parse() {
        Ok(options) => options,
        Err(code) => return code,
    };
    if let Some(path) = options.check_access() {
        return access::check(path);
    }
    if options.queue.check_queue {
        return queue::examine(&options.queue);
    }
    if let Some(names) = &options.queue.migrate_queue {
        command_line::hide_passwords();
        return queue::copy(&options.queue, names);
    }
    // systemd watches the process that it has started: it stays, as without `--daemon`.
    let is_told_to_detach = options.process.daemon && !systemd::has_started_this_process();
    let detaches = is_told_to_detach && !options.process.daemon_child;
    let run = if detaches { daemon::launch } else { startup::run };
    // A child that is started gets the command line as it is, and hides it itself.
    if !detaches {
        command_line::hide_passwords();
    }
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gearmand: {error}");
            ExitCode::FAILURE
        }
    }
}
