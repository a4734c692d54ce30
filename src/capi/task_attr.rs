//! `task_attr.h`: how `gearman_execute` is to run a task. (`gearman_next`, of the
//! same header, stands with the tasks.)
//!
//! Values are kept as they come: whoever uses them checks them.

use super::types::{gearman_job_priority_t, gearman_task_attr_kind_t, gearman_task_attr_t};
use libc::time_t;

/// Attributes of a task that gearman_execute() waits for.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn gearman_task_attr_init(
    priority: gearman_job_priority_t,
) -> gearman_task_attr_t {
    gearman_task_attr_t { kind: gearman_task_attr_kind_t::FOREGROUND, priority, epoch: 0 }
}

/// Attributes of a background task that the server is to start at `epoch`, in
/// seconds since 1970. The server keeps no priority for such a task.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn gearman_task_attr_init_epoch(
    epoch: time_t,
    priority: gearman_job_priority_t,
) -> gearman_task_attr_t {
    gearman_task_attr_t { kind: gearman_task_attr_kind_t::EPOCH, priority, epoch }
}

/// Attributes of a task that runs in the background: gearman_execute() returns
/// as soon as the server has given it a handle.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn gearman_task_attr_init_background(
    priority: gearman_job_priority_t,
) -> gearman_task_attr_t {
    gearman_task_attr_t { kind: gearman_task_attr_kind_t::BACKGROUND, priority, epoch: 0 }
}
