//! The waits of blocking calls.
//!
//! A call of the engine that has to wait returns, and is made again when the wait is
//! over. The wait itself is here, made like a call of user code: noted in the handle,
//! with nothing alive but plain data, and with the program's own setting of
//! cancellation. A thread that is cancelled in it, or a signal handler that jumps out
//! of it, leaves what a jump out of a callback leaves. (Only a worker of a process of
//! one thread sleeps for its next job inside the engine.)
//!
//! Must not: hold anything with a destructor.

use super::frames::{self, Freed};
use super::handle::{HandleBlock, guarded};
use std::mem::needs_drop;
use std::task::Poll;

/// Waits as the engine has asked for.
///
/// # Errors
/// [`Freed`] when a signal handler freed the handle.
///
/// # Safety
/// `block` is live, was made by `Box`, and is not borrowed.
#[inline]
pub(super) unsafe fn wait<H: HandleBlock>(
    block: *mut H,
    purpose: H::Purpose,
) -> Result<(), Freed<()>> {
    // SAFETY: the caller guarantees a live block that is not borrowed; it keeps the
    // poller and the room for events until the frame is left.
    unsafe {
        if let Some(call) = (*block).link().begin_wait() {
            let result = frames::wait(block, purpose, call).map_err(|Freed(_)| Freed(()))?;
            (*block).link().end_wait(result);
        }
    }
    Ok(())
}

/// Makes a call of the engine until it has its result, and waits in between. `broken`
/// is the result of a handle that cannot be used any more.
///
/// # Errors
/// [`Freed`] when a signal handler freed the handle.
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
        // SAFETY: the caller guarantees a live block that is not borrowed, also after a
        // wait that did not say `Freed`.
        unsafe {
            match guarded(&mut *block, Poll::Ready(broken), &mut call) {
                Poll::Ready(result) => return Ok(result),
                Poll::Pending => wait(block, purpose)?,
            }
        }
    }
}
