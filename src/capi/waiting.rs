//! The waits of blocking calls.
//!
//! A call of the engine that has to wait returns `Pending`, and is repeated after the wait.
//! The wait is made here, like a call of user code: it is noted in the handle, only plain
//! data is alive, and the program's setting of cancellation is in force. A thread that is
//! cancelled in a wait, or a signal handler that jumps out of it, has the effect of a jump
//! out of a callback. (Only a worker in a process of one thread sleeps for its next job
//! inside the engine.)
//!
//! Must not: keep a value with a destructor alive across a wait.

use super::frames::{self, Freed};
use super::handle::{HandleBlock, guarded};
use std::mem::needs_drop;
use std::task::Poll;

/// Makes the wait that the engine has prepared.
///
/// # Errors
/// [`Freed`] if a signal handler freed the handle.
///
/// # Safety
/// `block` is live, was made by `Box`, and is not borrowed.
#[inline]
pub(super) unsafe fn wait<H: HandleBlock>(
    block: *mut H,
    purpose: H::Purpose,
) -> Result<(), Freed<()>> {
    // SAFETY: the caller guarantees a live block that is not borrowed; it keeps the
    // poller and the buffer for events until the call has returned.
    unsafe {
        if let Some(call) = (*block).link().begin_wait() {
            let result = frames::wait(block, purpose, call).map_err(|Freed(_)| Freed(()))?;
            (*block).link().end_wait(result);
        }
    }
    Ok(())
}

/// Repeats a call of the engine until it is ready, and waits in between. `broken` is the
/// result for a handle that is unusable after a panic.
///
/// # Errors
/// [`Freed`] if a signal handler freed the handle.
///
/// # Safety
/// `block` is live, was made by `Box`, and is not borrowed.
#[inline]
pub(super) unsafe fn block_on<H: HandleBlock, R: Copy, F: FnMut(&mut H::Engine) -> Poll<R>>(
    block: *mut H,
    purpose: H::Purpose,
    broken: R,
    mut call: F,
) -> Result<R, Freed<()>> {
    const { assert!(!needs_drop::<F>()) };
    loop {
        // SAFETY: the caller guarantees a live block that is not borrowed, and it is live
        // after a wait that did not return `Freed`.
        unsafe {
            match guarded(&mut *block, Poll::Ready(broken), &mut call) {
                Poll::Ready(result) => return Ok(result),
                Poll::Pending => wait(block, purpose)?,
            }
        }
    }
}
