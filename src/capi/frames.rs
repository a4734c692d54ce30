//! Calling user code, and finding out afterwards what it did to us.
//!
//! User code that is called from here may call any function on the same handle,
//! free it, or never come back (longjmp, a C++ exception, `exit`). So a call
//! leaves only plain data on the stack, and notes itself in the handle's
//! [`Frames`]; whoever enters the handle next can tell from the stack whether a
//! noted call is still under way.
//!
//! Must not: have a destructor alive across a call.

use super::cancellation;
use crate::net::WaitCall;
use std::mem::{MaybeUninit, needs_drop};

/// Stands on the stack while user code runs, to be recognised there.
#[derive(Clone, Copy)]
#[repr(C)]
struct Mark {
    magic: u64,
    serial: u64,
}

const MAGIC: u64 = 0x6765_6172_6d61_6e21;

/// A mark stands at the far end of this much room. The room is more than our
/// functions use of the stack between being called and looking at it: after a jump,
/// the mark of a call from the same place is then below what looks, and not in the
/// part of its stack that nobody has written to yet.
const ROOM: usize = 3 * 1024;

/// A mark and the room above it.
#[repr(C)]
struct Berth {
    mark: Mark,
    room: [u8; ROOM],
}

/// A mark further away than this may be on another stack: it is not looked at.
const SAME_STACK: usize = 1 << 20;

#[derive(Debug)]
struct Frame<P> {
    /// Where its mark stands.
    address: usize,
    /// Whose stack that is.
    thread: libc::pthread_t,
    serial: u64,
    /// What the call was for, in case that it never comes back.
    purpose: P,
}

impl<P> Frame<P> {
    /// Whether the call may still be under way, seen from a function whose own
    /// variables are at `here`. Stacks grow downwards, so a frame below `here`
    /// is gone; one above is there if nobody has overwritten its mark.
    fn is_alive(&self, here: usize, thread: libc::pthread_t) -> bool {
        if self.thread != thread {
            return true;
        }
        if self.address <= here {
            return false;
        }
        if self.address - here > SAME_STACK {
            return true;
        }
        // SAFETY: between `here`, which is on this thread's stack, and an older
        // part of the same stack everything is mapped.
        let mark = unsafe { std::ptr::read_volatile(self.address as *const Mark) };
        mark.magic == MAGIC && mark.serial == self.serial
    }
}

/// The upcalls of one handle that have not returned.
#[derive(Debug)]
pub(super) struct Frames<P> {
    list: Vec<Frame<P>>,
    /// The wait that is under way, which is the commonest call by far.
    wait: Option<Frame<P>>,
    last_serial: u64,
    /// Calls that were left without returning, for the handle to settle.
    abandoned: Vec<P>,
    /// The handle was freed; its block goes with the last frame.
    pub(super) freed: bool,
}

impl<P: Copy> Frames<P> {
    pub(super) const fn new() -> Frames<P> {
        Frames { list: Vec::new(), wait: None, last_serial: 0, abandoned: Vec::new(), freed: false }
    }

    /// Whether no upcall is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty() && self.wait.is_none()
    }

    /// Whether nothing is under way or left to settle: then there is nothing to
    /// do on entry.
    #[inline]
    pub(super) fn is_quiet(&self) -> bool {
        self.is_empty() && self.abandoned.is_empty()
    }

    /// Notes which upcalls were left without returning. Call on entry.
    #[inline(never)]
    pub(super) fn prune(&mut self) {
        let local = 0u8;
        let here = &raw const local as usize;
        // SAFETY: has no preconditions.
        let thread = unsafe { libc::pthread_self() };
        if let Some(wait) = self.wait.take_if(|wait| !wait.is_alive(here, thread)) {
            self.abandoned.push(wait.purpose);
        }
        while let Some(last) = self.list.last() {
            if last.is_alive(here, thread) {
                break;
            }
            self.abandoned.push(last.purpose);
            self.list.pop();
        }
    }

    /// Takes one upcall that was left without returning.
    pub(super) fn take_abandoned(&mut self) -> Option<P> {
        self.abandoned.pop()
    }

    /// Notes an upcall whose mark is at `mark`.
    fn enter(&mut self, mark: *mut Mark, purpose: P) -> u64 {
        let frame = self.mark(mark, purpose);
        let serial = frame.serial;
        self.list.push(frame);
        serial
    }

    /// Writes a mark.
    #[inline(always)]
    fn mark(&mut self, mark: *mut Mark, purpose: P) -> Frame<P> {
        self.last_serial += 1;
        let serial = self.last_serial;
        // SAFETY: `mark` is the caller's live local.
        unsafe { mark.write_volatile(Mark { magic: MAGIC, serial }) };
        // SAFETY: has no preconditions.
        let thread = unsafe { libc::pthread_self() };
        Frame { address: mark as usize, thread, serial, purpose }
    }

    /// An upcall has returned. Those that it made in turn and that never did are
    /// abandoned.
    fn leave(&mut self, serial: u64) {
        while let Some(frame) = self.list.pop_if(|frame| frame.serial != serial) {
            self.abandoned.push(frame.purpose);
        }
        self.list.pop();
    }
}

/// A handle's pinned block.
pub(super) trait Block: Sized {
    /// What has to be known of an upcall that never came back.
    type Purpose: Copy;

    /// The block's upcalls.
    fn frames(&mut self) -> &mut Frames<Self::Purpose>;
}

/// The handle was freed while user code ran: nothing of it may be touched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gone<R>(pub(super) R);

/// Calls user code.
///
/// # Errors
/// [`Gone`] with the result when that code freed the handle; its block is freed
/// here with the last upcall.
///
/// # Safety
/// `block` is live, was made by `Box`, and is not borrowed; `call` runs user
/// code and holds nothing but plain data.
// With a frame of its own, so that the room is nobody else's.
#[inline(never)]
pub(super) unsafe fn upcall<B: Block, R: Copy, F: FnOnce() -> R + Copy>(
    block: *mut B,
    purpose: B::Purpose,
    call: F,
) -> Result<R, Gone<R>> {
    const {
        assert!(!needs_drop::<F>() && !needs_drop::<R>() && !needs_drop::<Berth>());
        assert!(!needs_drop::<B::Purpose>());
    }
    let mut berth = MaybeUninit::<Berth>::uninit();
    // SAFETY: only a field's address is taken.
    let mark = unsafe { &raw mut (*berth.as_mut_ptr()).mark };
    // SAFETY: the caller guarantees a live block that nobody borrows.
    let serial = unsafe { (*block).frames().enter(mark, purpose) };
    // User code and waits run with the program's own setting.
    let begun = cancellation::end();
    let result = call();
    if begun {
        cancellation::begin();
    }
    // SAFETY: a block with a noted upcall is not freed.
    let frames = unsafe { (*block).frames() };
    frames.leave(serial);
    // SAFETY: it is our own variable still. It is not recognised any more.
    unsafe { (&raw mut (*mark).magic).write_volatile(0) };
    if !frames.freed {
        return Ok(result);
    }
    // SAFETY: it came from `Box`, and it was freed by its user.
    unsafe { drop_after_last(block) };
    Err(Gone(result))
}

/// Makes the system call of a wait, noted like a call of user code.
///
/// # Errors
/// [`Gone`] when a signal handler freed the handle.
///
/// # Safety
/// As for [`upcall`]; `call` is a wait of this block.
#[inline(never)]
pub(super) unsafe fn wait<B: Block>(
    block: *mut B,
    purpose: B::Purpose,
    call: WaitCall,
) -> Result<i32, Gone<i32>> {
    let mut berth = MaybeUninit::<Berth>::uninit();
    // SAFETY: only a field's address is taken.
    let mark = unsafe { &raw mut (*berth.as_mut_ptr()).mark };
    // SAFETY: the caller guarantees a live block that nobody borrows.
    let frames = unsafe { (*block).frames() };
    if frames.wait.is_some() {
        // A signal handler waits on the handle whose wait it has interrupted.
        // SAFETY: the caller guarantees the block.
        return unsafe { upcall(block, purpose, move || call.make()) };
    }
    frames.wait = Some(frames.mark(mark, purpose));
    let begun = cancellation::end();
    let result = call.make();
    if begun {
        cancellation::begin();
    }
    // SAFETY: a block with a noted wait is not freed.
    let frames = unsafe { (*block).frames() };
    frames.wait = None;
    // SAFETY: it is our own variable still. It is not recognised any more.
    unsafe { (&raw mut (*mark).magic).write_volatile(0) };
    if frames.freed {
        // SAFETY: it came from `Box`, and it was freed by its user.
        unsafe { drop_after_last(block) };
        return Err(Gone(result));
    }
    Ok(result)
}

/// Frees the block of a handle that was freed, after the last call that kept it.
///
/// # Safety
/// `block` came from `Box`, its user has freed it, and it is not touched after.
#[cold]
#[inline(never)]
unsafe fn drop_after_last<B: Block>(block: *mut B) {
    // SAFETY: the caller guarantees the block, which nothing else keeps when no call
    // is under way. Closing its connections must not end the thread.
    unsafe {
        if (*block).frames().is_empty() {
            cancellation::disabled(|| drop(Box::from_raw(block)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Handle {
        frames: Frames<u32>,
    }

    impl Block for Handle {
        type Purpose = u32;
        fn frames(&mut self) -> &mut Frames<u32> {
            &mut self.frames
        }
    }

    #[test]
    fn a_call_inside_a_call_finds_the_outer_one_alive() {
        let block = Box::into_raw(Box::new(Handle { frames: Frames::new() }));
        // SAFETY: the block is live and from `Box`; the closures hold pointers.
        unsafe {
            let seen = upcall(block, 1, || {
                (*block).frames.prune();
                let inner = upcall(block, 2, || {
                    (*block).frames.prune();
                    (*block).frames.list.len()
                });
                (inner.unwrap_or(0), (*block).frames.list.len())
            });
            assert_eq!(seen.unwrap_or_default(), (2, 1));
            assert!((*block).frames.is_empty());
            assert!((*block).frames.take_abandoned().is_none());
            drop(Box::from_raw(block));
        }
    }

    #[test]
    fn a_freed_handle_lives_until_its_last_call_returns() {
        let block = Box::into_raw(Box::new(Handle { frames: Frames::new() }));
        // SAFETY: as above; the outermost `upcall` frees the block.
        unsafe {
            let result = upcall(block, 1, || {
                let inner = upcall(block, 2, || {
                    (*block).frames.freed = true;
                    7
                });
                match inner {
                    Err(Gone(7)) => (*block).frames.list.len(),
                    _ => 99,
                }
            });
            assert!(matches!(result, Err(Gone(1))));
        }
    }

    #[test]
    fn a_call_that_was_jumped_out_of_is_found() {
        let mut frames: Frames<u32> = Frames::new();
        #[inline(never)]
        fn enter_deep(frames: &mut Frames<u32>) {
            let mut mark = Mark { magic: 0, serial: 0 };
            frames.enter(&raw mut mark, 5);
        }
        enter_deep(&mut frames);
        frames.prune();
        assert!(frames.is_empty());
        assert_eq!(frames.take_abandoned(), Some(5));
    }
}
