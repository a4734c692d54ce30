//! `worker.h`: a worker's options, as bits, and its timeout, which one of them changes.
//!
//! Must not: implement an option; each is a field of the engine.

use super::enums::gearman_worker_options_t as Options;
use super::types::*;
use super::worker_block::WorkerBlock;
use crate::protocol::Command;
use libc::c_int;
use std::time::Duration;

/// The options that gearman_worker_set_options() turns on and off, in the order
/// in which it does.
const SETTABLE_WORKER_OPTIONS: [Options; 7] = [
    Options::NON_BLOCKING,
    Options::GRAB_UNIQ,
    Options::TIMEOUT_RETURN,
    Options::GRAB_ALL,
    Options::SSL,
    Options::IDENTIFIER,
    Options::STOP_WAIT_ON_SIGNAL,
];

/// The timeout after TIMEOUT_RETURN was turned off (`GEARMAN_WORKER_WAIT_TIMEOUT`).
const WAIT_TIMEOUT_MS: c_int = 10_000;

fn has(options: Options, one: Options) -> bool {
    options.0 & one.0 != 0
}

impl WorkerBlock {
    fn option(&self, one: Options) -> bool {
        let settings = &self.engine.link.settings;
        match one {
            Options::ALLOCATED => self.is_allocated(),
            Options::PACKET_INIT => true,
            Options::CHANGE => self.changed,
            Options::NON_BLOCKING => settings.non_blocking,
            Options::GRAB_UNIQ => self.grabs_unique,
            Options::TIMEOUT_RETURN => self.engine.timeout_ends_sleep,
            Options::GRAB_ALL => self.grabs_all,
            Options::SSL => settings.tls,
            Options::IDENTIFIER => self.identified,
            Options::STOP_WAIT_ON_SIGNAL => settings.stop_on_signal,
            _ => false,
        }
    }

    fn set_option(&mut self, one: Options, on: bool) {
        let settings = &mut self.engine.link.settings;
        match one {
            Options::NON_BLOCKING => settings.non_blocking = on,
            Options::STOP_WAIT_ON_SIGNAL => settings.stop_on_signal = on,
            // Never back to plain text.
            Options::SSL => settings.tls |= on,
            Options::IDENTIFIER => self.identified = on,
            // The last of these calls chooses the packet, whatever the two flags are.
            Options::GRAB_UNIQ => {
                self.grabs_unique = on;
                self.engine.grabs_with = if on { Command::GrabJobUniq } else { Command::GrabJob };
            }
            Options::GRAB_ALL => {
                self.grabs_all = on;
                self.engine.grabs_with = if on { Command::GrabJobAll } else { Command::GrabJob };
            }
            Options::TIMEOUT_RETURN => {
                let limit = if on { self.timeout_ms } else { WAIT_TIMEOUT_MS };
                self.set_timeout(limit, on);
            }
            _ => {}
        }
    }

    /// Sets the timeout, and whether it ends a sleep.
    pub(super) fn set_timeout(&mut self, timeout: c_int, ends_sleep: bool) {
        self.timeout_ms = timeout;
        self.engine.link.settings.timeout = u64::try_from(timeout).ok().map(Duration::from_millis);
        self.engine.timeout_ends_sleep = ends_sleep;
    }
}

/// Gets the options that are on.
///
/// Returns the bits of `gearman_worker_options_t`; 0 if `worker` is NULL.
///
/// # Safety
/// `worker` is NULL or a live worker.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_options(
    worker: *const gearman_worker_st,
) -> gearman_worker_options_t {
    // SAFETY: the caller guarantees a live worker.
    let Some(block) = (unsafe { WorkerBlock::peek(worker) }) else { return Options(0) };
    let always = [Options::ALLOCATED, Options::PACKET_INIT, Options::CHANGE];
    let shown = always.into_iter().chain(SETTABLE_WORKER_OPTIONS);
    Options(shown.filter(|one| block.option(*one)).fold(0, |bits, one| bits | one.0))
}

/// Turns the worker's options on or off, each as its bit in `options` says.
///
/// `GEARMAN_WORKER_SSL` is never turned off. Without `GEARMAN_WORKER_TIMEOUT_RETURN`
/// the timeout becomes 10,000 ms and does not end gearman_worker_work().
///
/// # Safety
/// `worker` is NULL or a live worker.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_set_options(
    worker: *mut gearman_worker_st,
    options: gearman_worker_options_t,
) {
    // SAFETY: the caller guarantees a live worker.
    if let Some(block) = unsafe { WorkerBlock::peek(worker) } {
        for one in SETTABLE_WORKER_OPTIONS {
            block.set_option(one, has(options, one));
        }
    }
}

/// Turns options of the worker on.
///
/// Options that `options` does not have stay as they are. `GEARMAN_WORKER_GRAB_ALL` and
/// `GEARMAN_WORKER_GRAB_UNIQ` choose the packet that asks for jobs: GRAB_JOB_ALL, which
/// is the default, or GRAB_JOB_UNIQ. The option that was turned on last counts; after
/// either was turned off, the packet is GRAB_JOB.
///
/// # Safety
/// `worker` is NULL or a live worker.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_add_options(
    worker: *mut gearman_worker_st,
    options: gearman_worker_options_t,
) {
    // SAFETY: the caller guarantees a live worker.
    if let Some(block) = unsafe { WorkerBlock::peek(worker) } {
        for one in SETTABLE_WORKER_OPTIONS.into_iter().filter(|one| has(options, *one)) {
            block.set_option(one, true);
        }
    }
}

/// Turns options of the worker off.
///
/// Options that `options` does not have stay as they are, and so does
/// `GEARMAN_WORKER_SSL`. Without `GEARMAN_WORKER_TIMEOUT_RETURN` the timeout becomes
/// 10,000 ms and does not end gearman_worker_work().
///
/// # Safety
/// `worker` is NULL or a live worker.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_remove_options(
    worker: *mut gearman_worker_st,
    options: gearman_worker_options_t,
) {
    // SAFETY: the caller guarantees a live worker.
    if let Some(block) = unsafe { WorkerBlock::peek(worker) } {
        for one in SETTABLE_WORKER_OPTIONS.into_iter().filter(|one| has(options, *one)) {
            block.set_option(one, false);
        }
    }
}

/// Gets the worker's timeout.
///
/// Returns the timeout in milliseconds as it was set; -1, the default, for no timeout.
/// If `worker` is NULL, 0.
///
/// # Safety
/// `worker` is NULL or a live worker.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_timeout(worker: *mut gearman_worker_st) -> c_int {
    // SAFETY: the caller guarantees a live worker.
    unsafe { WorkerBlock::peek(worker) }.map_or(0, |b| b.timeout_ms)
}

/// Sets the worker's timeout, and turns the option `GEARMAN_WORKER_TIMEOUT_RETURN` on.
///
/// `timeout` is in milliseconds: gearman_worker_work() returns `GEARMAN_TIMEOUT` if no
/// job arrives within it. A negative number is no limit; with 0 the worker does not
/// wait. Sending results is not limited. While the parts of a partitioned job are run, a
/// server that is silent for this time makes the job fail; 0 is no limit there.
///
/// # Safety
/// `worker` is NULL or a live worker.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_set_timeout(
    worker: *mut gearman_worker_st,
    timeout: c_int,
) {
    // SAFETY: the caller guarantees a live worker.
    if let Some(block) = unsafe { WorkerBlock::peek(worker) } {
        block.set_timeout(timeout, true);
    }
}
