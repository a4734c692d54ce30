//! The common part of the blocks of a client and of a worker: catching panics, handing
//! out log lines, and freeing memory through the program's hooks.
//!
//! Must not: borrow a block while user code runs.

use super::callbacks::gearman_log_fn;
use super::enums::gearman_verbose_t;
use super::frames::{Block, Freed, upcall};
use super::guard::guard;
use super::hooks::Hooks;
use crate::buf::Bin;
use crate::engine::ReturnCode;
use crate::engine::error::{ErrorState, LogLevel};
use crate::engine::link::Link;
use crate::net::MioNet;
use gearman_engine::at;
use libc::c_void;

/// A block that has an engine.
pub(super) trait HandleBlock: Block {
    /// The state machine.
    type Engine;
    /// The purpose of an upcall that no step of the engine waits for.
    const UNTICKETED: Self::Purpose;

    fn engine(&mut self) -> &mut Self::Engine;

    /// An engine's connections.
    fn link_of(engine: &mut Self::Engine) -> &mut Link<MioNet>;

    /// The engine's connections.
    fn link(&mut self) -> &mut Link<MioNet> {
        Self::link_of(self.engine())
    }

    /// The handle's last error, and the lines for its log function.
    fn error(&mut self) -> &mut ErrorState {
        &mut self.link().error
    }

    /// The log function and its context.
    fn log(&self) -> (gearman_log_fn, *mut c_void);

    /// The program's allocator hooks.
    fn hooks(&self) -> Hooks;

    /// Whether hooks were ever set.
    fn uses_hooks(&self) -> bool;

    /// Memory that waits for the free hook.
    fn bin(&self) -> &Bin;

    /// Settles calls that were left without returning: their tasks continue, their jobs
    /// are given back to the server with the next call.
    fn settle_calls(&mut self);

    /// Settles calls that were left without returning, if the handle has noted any call.
    ///
    /// # Safety
    /// `block` is live and not borrowed.
    #[inline]
    unsafe fn settle(block: *mut Self) {
        // SAFETY: the caller guarantees it.
        let this = unsafe { &mut *block };
        if !this.frames().is_quiet() {
            this.settle_calls();
        }
    }

    /// Whether a panic of the library was caught: the engine is then not used again.
    fn broken(&mut self) -> &mut bool;
}

/// Runs code of the library on the engine. If it panics, the handle becomes unusable and
/// the result is `fallback`.
pub(super) fn guarded<H: HandleBlock, R>(
    handle: &mut H,
    fallback: R,
    body: impl FnOnce(&mut H::Engine) -> R,
) -> R {
    if *handle.broken() || handle.frames().freed {
        return fallback;
    }
    let mut panicked = None;
    let engine = handle.engine();
    let result = guard(
        |text| {
            panicked = Some(text.to_owned());
            None
        },
        || Some(body(engine)),
    );
    if let Some(result) = result {
        return result;
    }
    break_down(handle, &panicked.unwrap_or_default());
    fallback
}

/// Marks a handle as unusable after a panic.
#[cold]
#[inline(never)]
fn break_down<H: HandleBlock>(handle: &mut H, text: &str) {
    *handle.broken() = true;
    handle.error().set(ReturnCode::UNKNOWN_STATE, at!("libgearman"), text);
}

/// Notes which lines the log function of a handle gets, if it has one.
pub(super) fn want_lines(error: &mut ErrorState, has_function: bool, verbose: gearman_verbose_t) {
    error.wants_log = has_function && verbose.0 >= gearman_verbose_t::ERROR.0;
    error.wants_info = has_function && verbose.0 >= gearman_verbose_t::INFO.0;
}

/// Passes the waiting log lines to the log function and the memory in the bin to the free
/// hook, the oldest first.
///
/// # Errors
/// [`Freed`] if one of them freed the handle.
///
/// # Safety
/// `block` is live, was made by `Box`, and is not borrowed.
#[inline]
pub(super) unsafe fn flush_log<H: HandleBlock>(block: *mut H) -> Result<(), Freed<()>> {
    // SAFETY: the caller guarantees it.
    unsafe { flush_log_for(block, H::UNTICKETED) }
}

/// Like [`flush_log`], in the middle of a call that owns something, which `purpose` names:
/// it is freed if the call is left by a jump.
///
/// # Errors
/// # Safety
/// As for [`flush_log`].
#[inline]
pub(super) unsafe fn flush_log_for<H: HandleBlock>(
    block: *mut H,
    purpose: H::Purpose,
) -> Result<(), Freed<()>> {
    // SAFETY: the caller guarantees a live block that is not borrowed.
    unsafe {
        if (*block).error().has_log() {
            hand_out(block, purpose)?;
        }
        if (*block).uses_hooks() { empty_bin(block, purpose) } else { Ok(()) }
    }
}

/// Passes the memory in the bin to the free hook.
///
/// # Errors
/// # Safety
/// As for [`flush_log`].
#[cold]
#[inline(never)]
pub(super) unsafe fn empty_bin<H: HandleBlock>(
    block: *mut H,
    purpose: H::Purpose,
) -> Result<(), Freed<()>> {
    loop {
        // SAFETY: the caller guarantees a live block that is not borrowed, and after
        // a call of the hook that succeeded it is still there.
        let (memory, hooks) = unsafe { ((*block).bin().take(), (*block).hooks()) };
        let Some(memory) = memory else { return Ok(()) };
        // SAFETY: as above; memory that was taken out of the bin is not used again.
        unsafe { hooks.release(block, purpose, memory.as_ptr().cast()) }?;
    }
}

/// Passes the waiting lines to the log function.
///
/// # Errors
/// # Safety
/// As for [`flush_log`].
#[cold]
#[inline(never)]
unsafe fn hand_out<H: HandleBlock>(block: *mut H, purpose: H::Purpose) -> Result<(), Freed<()>> {
    // SAFETY: the caller guarantees a live block that is not borrowed.
    let this = unsafe { &mut *block };
    if this.frames().is_empty() {
        // Lines of log functions that were left without returning.
        this.error().forget_lent();
    }
    loop {
        // SAFETY: the caller guarantees it, and after an upcall that succeeded
        // the block is still there.
        let this = unsafe { &mut *block };
        let Some((level, line)) = this.error().lend_log_line() else { return Ok(()) };
        let verbosity = match level {
            LogLevel::Error => gearman_verbose_t::ERROR,
            LogLevel::Info => gearman_verbose_t::INFO,
        };
        if let (Some(log_fn), context) = this.log() {
            // SAFETY: `line` is a NUL-terminated string that the handle keeps until
            // it is taken back, or to its end.
            unsafe {
                upcall(block, purpose, move || {
                    log_fn(line, verbosity, context);
                })
            }?;
        }
        // SAFETY: as above.
        unsafe { (*block).error().take_back(line) };
    }
}
