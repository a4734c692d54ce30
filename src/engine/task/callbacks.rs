//! [`CallbackState`]: whether user code is due or running for a task.
//!
//! Must not: know which callback is due; the task's state says that.

use super::Task;

/// The state of a task's user code: its callbacks and the caller's allocator hook.
///
/// The number is that of the upcall's ticket and is never 0. A task that finishes while its
/// callback runs stays `Running` until the callback returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallbackState {
    /// No user code is due or running. Events are applied as they arrive.
    Idle,
    /// The callback of the task's state returned an error, and is due again.
    Due,
    /// The callback of the task's state is running.
    Running(u32),
    /// The hook is asked for memory for the first event of the backlog.
    Allocating(u32),
}

impl Task {
    /// Whether user code is running for this task.
    pub fn is_in_upcall(&self) -> bool {
        matches!(self.callback, CallbackState::Running(_) | CallbackState::Allocating(_))
    }

    /// Notes that the callback is called.
    pub(crate) fn begin_callback(&mut self, ticket: u32) {
        debug_assert!(ticket != 0 && self.is_active() && !self.is_in_upcall());
        self.callback = CallbackState::Running(ticket);
    }

    /// The hook is asked for memory for the first event of the backlog.
    pub(crate) fn begin_allocation(&mut self, ticket: u32) {
        debug_assert!(ticket != 0 && self.is_active() && self.has_backlog());
        debug_assert!(self.callback == CallbackState::Idle);
        self.callback = CallbackState::Allocating(ticket);
    }

    /// Notes that the user code returned or was abandoned. With `again` the callback is due
    /// again, unless the task has finished.
    pub(crate) fn end_upcall(&mut self, again: bool) {
        debug_assert!(self.is_in_upcall());
        let due = again && self.is_active();
        self.callback = if due { CallbackState::Due } else { CallbackState::Idle };
    }

    /// Cancels a callback that is due, because the task has finished. A running callback is
    /// not affected.
    pub(crate) fn end_callbacks(&mut self) {
        if self.callback == CallbackState::Due {
            self.callback = CallbackState::Idle;
        }
    }
}
