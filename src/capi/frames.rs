//! Calling user code, and finding out afterwards what it did to us.
//!
//! User code that is called from here may call any function on the same handle,
//! free it, or never come back (longjmp, a C++ exception, `exit`). So a call
//! leaves only plain data on the stack, and notes itself in the handle's
//! [`Frames`]; whoever enters the handle next can tell from the stack whether a
//! noted call is still under way.
//!
//! A thread may have several stacks: its own, and those of coroutines, fibers and signal
//! handlers. Marks are looked at only on the thread's own stack, and only while the thread
//! runs on it: it is not known where another stack ends, whether it is still mapped, and
//! whether it is suspended. A call on another stack is under way until it returns, with one
//! exception: its frame cannot be where other frames are now. So a jump inside a coroutine is
//! noticed by the next call of the library from about the same depth of that stack, or of
//! another one in the same memory. If no such call comes, the call that was left stays noted,
//! and when the handle is freed, the handle's block is leaked; what it held was closed and
//! freed. The same goes for a coroutine that is destroyed while it is suspended in user
//! code. A call on the thread's own stack that was jumped out of while the thread runs on
//! another one is found by the next entry from the own stack.
//!
//! greenlet keeps the frames of suspended coroutines elsewhere and lets others run at
//! the same addresses. No look at the stack can tell such a call from one
//! that was jumped out of; [`Frames::all_return`] says that there are no jumps.
//!
//! A wait is noted like a call of user code: a thread can be cancelled in it, and a
//! signal handler can jump out of it. Nothing is suspended in a wait, so one on another
//! thread that has ended is over.
//!
//! Must not: have a destructor alive across a call.

use super::cancellation;
use super::own_stack;
use super::thread_id::ThreadId;
use crate::net::WaitCall;
use std::collections::BTreeMap;
use std::mem::{MaybeUninit, needs_drop};
use std::ops::Range;

/// Stands on the stack while user code runs, to be recognised there.
#[derive(Clone, Copy)]
#[repr(C)]
struct Mark {
    magic: u64,
    serial: u64,
}

const FRAME_MARK_MAGIC: u64 = 0x6765_6172_6d61_6e21;

/// A mark stands at the far end of this much room. The room is more than our
/// functions use of the stack between being called and looking at it: after a jump,
/// the mark of a call from the same place is then below what looks, and not in the
/// part of its stack that nobody has written to yet.
const FRAME_MARK_ROOM_BYTES: usize = 3 * 1024;

/// A mark and the room above it.
#[repr(C)]
struct FrameMark {
    mark: Mark,
    room: [u8; FRAME_MARK_ROOM_BYTES],
}

/// Bytes of a frame mark with its room: no other frame is there while its call is under way.
const FRAME_MARK_BYTES: usize = size_of::<FrameMark>();

/// A call that user code has not returned from.
#[derive(Debug)]
struct Frame<P> {
    /// Address of its mark.
    address: usize,
    /// The thread that made the call.
    thread: ThreadId,
    serial: u64,
    /// What the call was for, in case that it never comes back.
    purpose: P,
}

impl<P> Frame<P> {
    /// Whether the call is under way, seen from a function whose own variables
    /// are at `here`. Stacks grow downwards, so a frame below `here` is gone; one above
    /// is there if its mark was not overwritten.
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
        mark.magic == FRAME_MARK_MAGIC && mark.serial == self.serial
    }
}

/// What can be said of a noted call.
enum Fate {
    /// It is under way, as are the thread's older ones.
    Standing,
    /// Another thread has to say.
    Unknown,
    /// It is on another stack than its thread's own.
    Elsewhere,
    /// It was left without returning.
    Left,
}

/// From where the stack is looked at.
struct Look {
    /// The memory of the looking function's frame begins here,
    low: usize,
    /// and ends here.
    here: usize,
    /// The thread's own stack.
    own: Range<usize>,
}

impl Look {
    /// Whether a frame mark reaches into the frame of the looking function.
    fn overlaps(&self, address: usize) -> bool {
        address < self.here && self.low < address + FRAME_MARK_BYTES
    }
}

/// The upcalls of one handle that have not returned.
#[derive(Debug)]
pub(super) struct Frames<P> {
    /// The calls in the order of entry, but those of `elsewhere`.
    list: Vec<Frame<P>>,
    /// The wait that is under way, which is the commonest call by far.
    wait: Option<Frame<P>>,
    /// The calls that are known to be on a stack other than their thread's own, by the
    /// address of the mark and the serial number. No two frame marks overlap.
    elsewhere: BTreeMap<(usize, u64), P>,
    last_serial: u64,
    /// Calls that were left without returning, for the handle to settle.
    abandoned: Vec<P>,
    /// Whether there is anything in `elsewhere` or `abandoned`.
    stirred: bool,
    /// The handle was freed; its block goes with the last frame.
    pub(super) freed: bool,
    /// The program says that user code of this handle always returns.
    pub(super) all_return: bool,
}

impl<P: Copy> Frames<P> {
    pub(super) const fn new() -> Frames<P> {
        Frames {
            list: Vec::new(),
            wait: None,
            elsewhere: BTreeMap::new(),
            last_serial: 0,
            abandoned: Vec::new(),
            stirred: false,
            freed: false,
            all_return: false,
        }
    }

    /// Whether no upcall is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty() && self.wait.is_none() && self.elsewhere.is_empty()
    }

    /// Whether there is nothing to find out or to settle: then there is nothing to
    /// do on entry.
    #[inline]
    pub(super) fn is_quiet(&self) -> bool {
        self.list.is_empty() && self.wait.is_none() && !self.stirred
    }

    /// Notes which upcalls were left without returning. Call on entry.
    ///
    /// Looks at each frame that was entered since this thread's last look, and at one
    /// that is older: on the thread's own stack those above a standing one stand.
    #[inline(never)]
    pub(super) fn prune(&mut self) {
        // As large as the frame of an upcall, to be where one was that is gone.
        let mut room = MaybeUninit::<FrameMark>::uninit();
        let low = std::hint::black_box(room.as_mut_ptr()) as usize;
        let look = Look {
            low,
            here: low + FRAME_MARK_BYTES,
            own: if self.list.is_empty() && self.wait.is_none() {
                0..0
            } else {
                own_stack::bounds()
            },
        };
        let is_over = |wait: &Frame<P>| match self.fate(wait, &look) {
            Fate::Left => true,
            // Unlike a callback it cannot go on in another thread.
            Fate::Unknown => !wait.thread.exists(),
            Fate::Standing | Fate::Elsewhere => false,
        };
        if self.wait.as_ref().is_some_and(is_over) {
            self.abandoned.extend(self.wait.take().map(|wait| wait.purpose));
        }
        if !self.all_return {
            self.abandon_between(look.low, look.here);
        }
        let mut at = self.list.len();
        while at > 0 {
            at -= 1;
            match self.fate(&self.list[at], &look) {
                Fate::Standing => break,
                Fate::Unknown => {}
                Fate::Elsewhere => {
                    let frame = self.list.remove(at);
                    self.put_elsewhere(frame);
                }
                Fate::Left => {
                    let frame = self.list.remove(at);
                    self.abandoned.push(frame.purpose);
                }
            }
        }
        self.stirred = !self.elsewhere.is_empty() || !self.abandoned.is_empty();
    }

    /// What can be said of a call of the list.
    fn fate(&self, frame: &Frame<P>, look: &Look) -> Fate {
        let is_mine = frame.thread.is_current();
        if self.all_return {
            return if is_mine { Fate::Elsewhere } else { Fate::Unknown };
        }
        if look.overlaps(frame.address) {
            return Fate::Left;
        }
        if !is_mine {
            return Fate::Unknown;
        }
        if !look.own.contains(&frame.address) {
            return Fate::Elsewhere;
        }
        if !look.own.contains(&look.here) {
            // From here nothing of the own stack can be judged, and older calls there
            // neither.
            return Fate::Standing;
        }
        // SAFETY: both addresses are on the thread's own stack, and it runs there.
        if unsafe { frame.is_standing(look.here) } { Fate::Standing } else { Fate::Left }
    }

    /// Abandons the calls elsewhere whose frame marks reach into this memory.
    fn abandon_between(&mut self, low: usize, high: usize) {
        while let Some(key) = self.first_between(low, high) {
            self.abandoned.extend(self.elsewhere.remove(&key));
        }
    }

    /// The first call elsewhere whose frame mark reaches into this memory.
    fn first_between(&self, low: usize, high: usize) -> Option<(usize, u64)> {
        let from = (low.saturating_sub(FRAME_MARK_BYTES - 1), 0);
        self.elsewhere.range(from..(high, 0)).next().map(|(&key, _)| key)
    }

    /// Moves a call to those elsewhere. Of two at the same place the older one is gone.
    fn put_elsewhere(&mut self, frame: Frame<P>) {
        let Frame { address, serial, purpose, .. } = frame;
        if self.all_return {
            // Its address says nothing.
            self.elsewhere.insert((0, serial), purpose);
            return;
        }
        while let Some(key) = self.first_between(address, address + FRAME_MARK_BYTES) {
            if key.1 > serial {
                self.abandoned.push(purpose);
                return;
            }
            self.abandoned.extend(self.elsewhere.remove(&key));
        }
        self.elsewhere.insert((address, serial), purpose);
    }

    /// Takes one upcall that was left without returning.
    pub(super) fn take_abandoned(&mut self) -> Option<P> {
        let taken = self.abandoned.pop();
        if taken.is_none() {
            self.stirred = !self.elsewhere.is_empty();
        }
        taken
    }

    /// Notes an upcall whose mark is at `mark`.
    fn enter(&mut self, mark: *mut Mark, purpose: P) -> u64 {
        let frame = self.note(mark, purpose);
        let serial = frame.serial;
        self.list.push(frame);
        serial
    }

    /// Writes a mark.
    #[inline(always)]
    fn note(&mut self, mark: *mut Mark, purpose: P) -> Frame<P> {
        self.last_serial += 1;
        let serial = self.last_serial;
        // SAFETY: `mark` is the caller's live local.
        unsafe { mark.write_volatile(Mark { magic: FRAME_MARK_MAGIC, serial }) };
        Frame { address: mark as usize, thread: ThreadId::current(), serial, purpose }
    }

    /// An upcall has returned whose mark is at `mark`.
    fn leave(&mut self, mark: *mut Mark, serial: u64) {
        if self.list.pop_if(|frame| frame.serial == serial).is_none() {
            self.leave_among_others(mark as usize, serial);
        }
    }

    /// An upcall has returned that is not the last one of the list: younger ones are on
    /// other stacks, or it made them in turn and they never came back.
    #[cold]
    #[inline(never)]
    fn leave_among_others(&mut self, address: usize, serial: u64) {
        let place = self.elsewhere.remove(&(address, serial));
        if place.or_else(|| self.elsewhere.remove(&(0, serial))).is_none()
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
pub(super) struct Freed<R>(pub(super) R);

/// Calls user code.
///
/// # Errors
/// [`Freed`] with the result when that code freed the handle; its block is freed
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
) -> Result<R, Freed<R>> {
    const {
        assert!(!needs_drop::<F>() && !needs_drop::<R>() && !needs_drop::<FrameMark>());
        assert!(!needs_drop::<B::Purpose>());
    }
    let mut frame_mark = MaybeUninit::<FrameMark>::uninit();
    // SAFETY: only a field's address is taken.
    let mark = unsafe { &raw mut (*frame_mark.as_mut_ptr()).mark };
    // SAFETY: the caller guarantees a live block that is not borrowed.
    let serial = unsafe { (*block).frames().enter(mark, purpose) };
    // User code runs with the program's own setting.
    let interrupted = cancellation::interrupt();
    let result = call();
    cancellation::go_on(interrupted);
    // SAFETY: a block with a noted upcall is not freed.
    let frames = unsafe { (*block).frames() };
    frames.leave(mark, serial);
    // SAFETY: it is our own variable still. It is not recognised any more.
    unsafe { (&raw mut (*mark).magic).write_volatile(0) };
    if !frames.freed {
        return Ok(result);
    }
    // SAFETY: it came from `Box`, and it was freed by its user.
    unsafe { drop_after_last(block) };
    Err(Freed(result))
}

/// Makes the system call of a wait, noted like a call of user code.
///
/// # Errors
/// [`Freed`] when a signal handler freed the handle.
///
/// # Safety
/// As for [`upcall`]; `call` is a wait of this block.
#[inline(never)]
pub(super) unsafe fn wait<B: Block>(
    block: *mut B,
    purpose: B::Purpose,
    call: WaitCall,
) -> Result<i32, Freed<i32>> {
    let mut frame_mark = MaybeUninit::<FrameMark>::uninit();
    // SAFETY: only a field's address is taken.
    let mark = unsafe { &raw mut (*frame_mark.as_mut_ptr()).mark };
    // SAFETY: the caller guarantees a live block that is not borrowed.
    let frames = unsafe { (*block).frames() };
    if frames.wait.is_some() {
        // Either a signal handler waits on the handle whose wait it has interrupted (the
        // interrupted one then finds its room overwritten with events, never with anything
        // else), or another thread's wait was abandoned and no entry has settled it yet.
        // SAFETY: the caller guarantees the block.
        return unsafe { upcall(block, purpose, move || call.make()) };
    }
    frames.wait = Some(frames.note(mark, purpose));
    let interrupted = cancellation::interrupt();
    let result = call.make();
    cancellation::go_on(interrupted);
    // SAFETY: a block with a noted wait is not freed.
    let frames = unsafe { (*block).frames() };
    frames.wait = None;
    // SAFETY: it is our own variable still. It is not recognised any more.
    unsafe { (&raw mut (*mark).magic).write_volatile(0) };
    if frames.freed {
        // SAFETY: it came from `Box`, and it was freed by its user.
        unsafe { drop_after_last(block) };
        return Err(Freed(result));
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
            cancellation::disabled_inside(|| drop(Box::from_raw(block)));
        }
    }
}

#[cfg(test)]
#[path = "frames_tests.rs"]
mod tests;
