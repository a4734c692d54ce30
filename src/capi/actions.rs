//! `actions.h`: the set of callbacks that the library exports.
//!
//! No header declares the function. The original exports it by accident, under its C++
//! name, so a program may be linked with it.
//!
//! Must not: keep global state; each task has a [`Pause`].

use super::task_block::TaskBlock;
use super::types::*;
use std::cell::Cell;

/// Whether the last callback of this set paused; each task has one.
#[derive(Debug, Default)]
pub struct Pause(Cell<bool>);

impl Pause {
    /// PAUSE, and SUCCESS when it is called again for the same event.
    fn step(&self, wanted: bool) -> gearman_return_t {
        let pause = wanted && !self.0.get();
        self.0.set(pause);
        if pause { gearman_return_t::PAUSE } else { gearman_return_t::SUCCESS }
    }
}

/// A task's flag, and the number of bytes of its event's data.
///
/// # Safety
/// `task` is NULL or a live task.
unsafe fn pause_of<'a>(task: *mut gearman_task_st) -> Option<(&'a Pause, usize)> {
    // SAFETY: as the caller promised; the two borrows are of different objects.
    unsafe {
        let size = TaskBlock::task(task)?.data_size;
        Some((&TaskBlock::peek(task)?.pause, size))
    }
}

/// # Safety
/// `task` is NULL or a live task.
unsafe extern "C-unwind" fn pause(task: *mut gearman_task_st) -> gearman_return_t {
    // SAFETY: as the caller promised.
    let state = unsafe { pause_of(task) };
    state.map_or(gearman_return_t::SUCCESS, |(flag, _)| flag.step(true))
}

/// # Safety
/// `task` is NULL or a live task.
unsafe extern "C-unwind" fn pause_for_data(task: *mut gearman_task_st) -> gearman_return_t {
    // SAFETY: as the caller promised.
    let state = unsafe { pause_of(task) };
    state.map_or(gearman_return_t::SUCCESS, |(flag, size)| flag.step(size != 0))
}

static PAUSE: gearman_actions_t = gearman_actions_t {
    workload_fn: None,
    created_fn: None,
    data_fn: Some(pause_for_data),
    warning_fn: Some(pause_for_data),
    status_fn: Some(pause),
    complete_fn: Some(pause_for_data),
    exception_fn: Some(pause_for_data),
    fail_fn: Some(pause),
};

/// Callbacks that make gearman_client_run_tasks() return PAUSE once for each status, each
/// failure, and each event with data. Those for workload and creation are NULL. The set is
/// static.
#[unsafe(export_name = "_Z21gearman_actions_pausev")]
pub extern "C-unwind" fn gearman_actions_pause() -> *const gearman_actions_t {
    &raw const PAUSE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_pauses_once() {
        let task = Pause::default();
        let codes = [true, true, false, true, false].map(|wanted| task.step(wanted).0);
        assert_eq!(codes, [38, 0, 0, 38, 0]);
    }

    #[test]
    fn the_set_is_complete_and_takes_null() {
        // SAFETY: the set is static.
        let set = unsafe { &*gearman_actions_pause() };
        assert!(set.workload_fn.is_none() && set.created_fn.is_none());
        for callback in [set.data_fn, set.warning_fn, set.status_fn, set.complete_fn, set.fail_fn] {
            // SAFETY: NULL is allowed.
            let code = unsafe { callback.unwrap()(std::ptr::null_mut()) };
            assert_eq!(code, gearman_return_t::SUCCESS);
        }
    }
}
