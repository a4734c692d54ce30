//! Calling user code, and finding out afterwards what it did to us.
//!
//! User code that is called from here may call any function on the same handle,
//! free it, or never come back (longjmp, a C++ exception, `exit`). So a call
//! leaves only plain data on the stack, and notes itself in the handle's
//! [`Frames`]; whoever enters the handle next can tell from the stack whether a
//! noted call is still under way.
//!
//! A thread may have several stacks: its own, and those of coroutines, fibers and signal
//! handlers. Only the thread's own stack is looked at, and only while the thread runs
//! on it: nobody knows where another stack ends, whether it is still mapped, and
//! whether it is suspended. A call on another stack counts as under way until it
//! returns. So a jump inside a coroutine is not noticed: the call that was left stays noted
//! and, when the handle is freed, the handle's block is leaked; what it held was
//! closed and freed. The same goes for a coroutine that is destroyed while it is suspended in
//! user code. A call on the thread's own stack that was jumped out of while the
//! thread runs on another one is found by the next entry from the own stack.
//!
//! greenlet keeps the frames of suspended coroutines elsewhere and lets others run at
//! the same addresses. No look at the stack can tell such a call from one
//! that was jumped out of; [`Frames::all_return`] says that there are no jumps.
//!
//! Must not: have a destructor alive across a call.

use super::own_stack;
use std::collections::BTreeSet;
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

/// A call that user code has not returned from.
#[derive(Debug)]
struct Frame<P> {
    /// Address of its mark.
    address: usize,
    /// The thread that made the call.
    thread: libc::pthread_t,
    serial: u64,
    /// What the call was for, in case that it never comes back.
    purpose: P,
}

impl<P> Frame<P> {
    /// Whether the call is under way, seen from a function whose own variables
    /// are at `here`. Stacks grow downwards, so a frame below `here` is gone; one above
    /// is there if nobody has overwritten its mark.
    ///
    /// # Safety
    /// `here` and the mark are both on the stack that the calling thread runs on.
    unsafe fn is_standing(&self, here: usize) -> bool {
        if self.address <= here {
            return false;
        }
        // SAFETY: between `here` and an older part of the same stack everything is
        // mapped.
        let mark = unsafe { std::ptr::read_volatile(self.address as *const Mark) };
        mark.magic == MAGIC && mark.serial == self.serial
    }
}

/// The upcalls of one handle that have not returned.
#[derive(Debug)]
pub(super) struct Frames<P> {
    /// The calls in the order of entry, but those of `elsewhere`.
    list: Vec<Frame<P>>,
    /// Serial numbers of the calls that are known to be on a stack other than their
    /// thread's own. Only their return takes them out.
    elsewhere: BTreeSet<u64>,
    last_serial: u64,
    /// Calls that were left without returning, for the handle to settle.
    abandoned: Vec<P>,
    /// The handle was freed; its block goes with the last frame.
    pub(super) freed: bool,
    /// The program says that user code of this handle always returns.
    pub(super) all_return: bool,
}

impl<P: Copy> Frames<P> {
    pub(super) const fn new() -> Frames<P> {
        Frames {
            list: Vec::new(),
            elsewhere: BTreeSet::new(),
            last_serial: 0,
            abandoned: Vec::new(),
            freed: false,
            all_return: false,
        }
    }

    /// Whether no upcall is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty() && self.elsewhere.is_empty()
    }

    /// Whether there is nothing to find out or to settle: then there is nothing to
    /// do on entry.
    #[inline]
    pub(super) fn is_quiet(&self) -> bool {
        self.list.is_empty() && self.abandoned.is_empty()
    }

    /// Notes which upcalls were left without returning. Call on entry.
    ///
    /// Looks at each frame that was entered since this thread's last look, and at one
    /// that is older: on the thread's own stack those above a standing one stand.
    #[inline(never)]
    pub(super) fn prune(&mut self) {
        if self.list.is_empty() {
            return;
        }
        let local = 0u8;
        let here = &raw const local as usize;
        // SAFETY: has no preconditions.
        let thread = unsafe { libc::pthread_self() };
        let own = own_stack::bounds();
        let mut at = self.list.len();
        while at > 0 {
            at -= 1;
            let frame = &self.list[at];
            if frame.thread != thread {
                continue;
            }
            if self.all_return || !own.contains(&frame.address) {
                let frame = self.list.remove(at);
                self.elsewhere.insert(frame.serial);
                continue;
            }
            // SAFETY: both addresses are on the thread's own stack, and it runs there.
            if !own.contains(&here) || unsafe { frame.is_standing(here) } {
                break;
            }
            let frame = self.list.remove(at);
            self.abandoned.push(frame.purpose);
        }
    }

    /// Takes one upcall that was left without returning.
    pub(super) fn take_abandoned(&mut self) -> Option<P> {
        self.abandoned.pop()
    }

    /// Notes an upcall whose mark is at `mark`.
    fn enter(&mut self, mark: *mut Mark, purpose: P) -> u64 {
        self.last_serial += 1;
        let serial = self.last_serial;
        // SAFETY: `mark` is the caller's live local.
        unsafe { mark.write_volatile(Mark { magic: MAGIC, serial }) };
        // SAFETY: has no preconditions.
        let thread = unsafe { libc::pthread_self() };
        self.list.push(Frame { address: mark as usize, thread, serial, purpose });
        serial
    }

    /// An upcall has returned.
    fn leave(&mut self, serial: u64) {
        if self.list.pop_if(|frame| frame.serial == serial).is_none() {
            self.leave_among_others(serial);
        }
    }

    /// An upcall has returned that is not the last one of the list: younger ones are on
    /// other stacks, or it made them in turn and they never came back.
    #[cold]
    #[inline(never)]
    fn leave_among_others(&mut self, serial: u64) {
        if !self.elsewhere.remove(&serial)
            && let Some(at) = self.list.iter().rposition(|frame| frame.serial == serial)
        {
            self.list.remove(at);
        }
        self.prune();
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
    let result = call();
    // SAFETY: a block with a noted upcall is not freed.
    let frames = unsafe { (*block).frames() };
    frames.leave(serial);
    // SAFETY: it is our own variable still. It is not recognised any more.
    unsafe { (&raw mut (*mark).magic).write_volatile(0) };
    if !frames.freed {
        return Ok(result);
    }
    if frames.is_empty() {
        // SAFETY: it came from `Box`, it was freed by its user, and this was the
        // last call that kept it.
        drop(unsafe { Box::from_raw(block) });
    }
    Err(Gone(result))
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

    /// A call whose mark is not on the thread's own stack, as a coroutine makes it. Its
    /// memory is given back at once: looking at it is an error that valgrind finds.
    fn enter_elsewhere(frames: &mut Frames<u32>, purpose: u32) -> u64 {
        let mut mark = Box::new(Mark { magic: 0, serial: 0 });
        frames.enter(&raw mut *mark, purpose)
    }

    #[inline(never)]
    fn enter_and_jump(frames: &mut Frames<u32>, purpose: u32) {
        let mut mark = Mark { magic: 0, serial: 0 };
        frames.enter(&raw mut mark, purpose);
    }

    #[test]
    fn a_call_on_another_stack_is_under_way_until_it_returns() {
        let mut frames = Frames::new();
        let (first, second) = (enter_elsewhere(&mut frames, 1), enter_elsewhere(&mut frames, 2));
        frames.prune();
        assert!(frames.is_quiet() && !frames.is_empty());
        frames.leave(first);
        assert!(!frames.is_empty());
        frames.leave(second);
        assert!(frames.is_empty());
        assert_eq!(frames.take_abandoned(), None);
    }

    #[test]
    fn a_call_that_returns_leaves_those_on_other_stacks_alone() {
        let mut frames = Frames::new();
        let mut mark = Mark { magic: 0, serial: 0 };
        let outer = frames.enter(&raw mut mark, 1);
        let suspended = enter_elsewhere(&mut frames, 2);
        frames.leave(outer);
        assert_eq!(frames.take_abandoned(), None);
        assert!(!frames.is_empty());
        frames.leave(suspended);
        assert!(frames.is_empty());
    }

    #[test]
    fn a_call_that_was_jumped_out_of_is_found_among_suspended_ones() {
        let mut frames = Frames::new();
        let older = enter_elsewhere(&mut frames, 1);
        enter_and_jump(&mut frames, 2);
        let younger = enter_elsewhere(&mut frames, 3);
        frames.prune();
        assert_eq!(frames.take_abandoned(), Some(2));
        assert_eq!(frames.take_abandoned(), None);
        frames.leave(older);
        frames.leave(younger);
        assert!(frames.is_empty());
    }

    #[test]
    fn a_call_of_another_thread_is_that_thread_s_to_judge() {
        let mut frames = Frames::new();
        let mut mark = Mark { magic: 0, serial: 0 };
        let serial = frames.enter(&raw mut mark, 1);
        let elsewhere = |frames: &mut Frames<u32>| {
            frames.prune();
            enter_and_jump(frames, 2);
            frames.prune();
            frames.take_abandoned()
        };
        let taken = std::thread::scope(|scope| scope.spawn(|| elsewhere(&mut frames)).join());
        assert_eq!(taken.expect("the thread ends"), Some(2));
        assert_eq!(frames.take_abandoned(), None);
        frames.leave(serial);
        assert!(frames.is_empty());
    }

    #[test]
    fn no_call_is_taken_for_left_where_all_return() {
        let mut frames = Frames::new();
        frames.all_return = true;
        enter_and_jump(&mut frames, 1);
        frames.prune();
        assert!(frames.is_quiet() && !frames.is_empty());
        assert_eq!(frames.take_abandoned(), None);
    }
}
