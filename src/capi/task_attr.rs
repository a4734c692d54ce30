//! `task_attr.h`: the attributes of a task for gearman_execute(). The header's
//! gearman_next() is in `task_attr_next.rs`.
//!
//! Must not: check values; gearman_execute() does that.

use super::types::{gearman_job_priority_t, gearman_task_attr_kind_t, gearman_task_attr_t};
use libc::time_t;

/// Makes the attributes of a foreground task for gearman_execute().
///
/// `priority` chooses the queue of the job's function.
///
/// Returns the attributes, by value.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn gearman_task_attr_init(
    priority: gearman_job_priority_t,
) -> gearman_task_attr_t {
    gearman_task_attr_t { kind: gearman_task_attr_kind_t::FOREGROUND, priority, epoch: 0 }
}

/// Makes the attributes of a background task that does not start before a given time,
/// for gearman_execute().
///
/// `epoch` is the time by the clock of the server, in seconds since 1970. `priority` is
/// ignored: servers keep no priority for such jobs.
///
/// Returns the attributes, by value.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn gearman_task_attr_init_epoch(
    epoch: time_t,
    priority: gearman_job_priority_t,
) -> gearman_task_attr_t {
    gearman_task_attr_t { kind: gearman_task_attr_kind_t::EPOCH, priority, epoch }
}

/// Makes the attributes of a background task for gearman_execute().
///
/// `priority` chooses the queue of the job's function.
///
/// Returns the attributes, by value.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn gearman_task_attr_init_background(
    priority: gearman_job_priority_t,
) -> gearman_task_attr_t {
    gearman_task_attr_t { kind: gearman_task_attr_kind_t::BACKGROUND, priority, epoch: 0 }
}
