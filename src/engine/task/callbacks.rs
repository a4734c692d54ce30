//! [`CallbackState`]: where a task stands with user code.
//!
//! Must not: know which callback is due; that is the task's state.

use super::Task;

/// Where a task stands with user code: its callbacks, and the caller's allocator hook.
///
/// The number is the ticket that the upcall was given; it is never 0. A task that is
/// finished while its callback runs stays `Running` until that callback returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallbackState {
    /// No user code is due or running. Events are applied as they come.
    Idle,
    /// The callback of the task's state returned an error, and is due again.
    Due,
    /// The callback of the task's state is running.
    Running(u32),
    /// The hook is asked for memory for the first event of the backlog.
    Allocating(u32),
}

impl Task {
    /// Whether user code is running for it.
    pub fn is_called_back(&self) -> bool {
        matches!(self.callback, CallbackState::Running(_) | CallbackState::Allocating(_))
    }

    /// Its callback is called.
    pub(crate) fn begin_callback(&mut self, ticket: u32) {
        debug_assert!(ticket != 0 && self.is_active() && !self.is_called_back());
        self.callback = CallbackState::Running(ticket);
    }

    /// The hook is asked for memory for the first event of the backlog.
    pub(crate) fn begin_allocation(&mut self, ticket: u32) {
        debug_assert!(ticket != 0 && self.is_active() && self.has_backlog());
        debug_assert!(self.callback == CallbackState::Idle);
        self.callback = CallbackState::Allocating(ticket);
    }

    /// The user code that was running has returned, or was left. With `again` the
    /// callback is due again, unless the task was finished meanwhile.
    pub(crate) fn end_upcall(&mut self, again: bool) {
        debug_assert!(self.is_called_back());
        let due = again && self.is_active();
        self.callback = if due { CallbackState::Due } else { CallbackState::Idle };
    }

    /// It is finished: no callback is called any more. One that is running goes on.
    pub(crate) fn end_callbacks(&mut self) {
        if self.callback == CallbackState::Due {
            self.callback = CallbackState::Idle;
        }
    }
}
