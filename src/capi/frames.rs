//! Calls of user code, and detection of calls that never returned.
//!
//! User code may call any function on the same handle, free it, or leave without returning
//! (longjmp, a C++ exception, `exit`). So a call of user code keeps only plain data on the
//! stack. It writes a mark there and a note into the handle's [`Frames`]; the next call on
//! the handle reads the mark to tell whether the noted call is still under way.
//!
//! A thread may have several stacks: its own, and those of coroutines, fibers and signal
//! handlers. Marks are read only on the thread's own stack, and only while the thread runs
//! on it: the bounds of another stack are not known, nor whether it is mapped or suspended.
//! A call on another stack counts as under way until it returns, with one exception: its
//! frame cannot be where other frames are now. So a jump inside a coroutine is noticed by
//! the next call of the library from about the same depth of that stack, or of another one
//! in the same memory.
//!
//! Without such a call the note stays, and the handle's block is leaked when the handle is
//! freed; its connections were closed and its memory freed. The same holds for a coroutine
//! that is destroyed while it is suspended in user code. A call that was left on the
//! thread's own stack, while the thread runs on another one, is found by the next call from
//! the own stack.
//!
//! greenlet copies the frames of suspended coroutines away and runs others at the same
//! addresses. The stack then does not show which calls were left;
//! [`Frames::all_return`] declares that none is.
//!
//! A wait is noted like a call of user code: a thread can be cancelled in it, and a signal
//! handler can jump out of it. Coroutines are not suspended in a wait, so a wait of a thread
//! that has ended is over.
//!
//! Must not: have a destructor alive across a call.

use super::cancellation;
use super::own_stack;
use super::thread_id::ThreadId;
use crate::net::WaitCall;
use std::collections::BTreeMap;
use std::mem::{MaybeUninit, needs_drop};
use std::ops::Range;

/// A pattern on the stack by which a call of user code is recognised.
#[derive(Clone, Copy)]
#[repr(C)]
struct Mark {
    magic: u64,
    serial: u64,
}

/// The first word of every frame mark: "gearman!" in ASCII.
const FRAME_MARK_MAGIC: u64 = 0x6765_6172_6d61_6e21;

/// Bytes of unused stack between a mark and its caller's frame. That is more than the
/// library's functions use between being called and reading the mark. So after a jump the
/// mark of a call from the same place is below the frame that reads it, and not in a part
/// of the stack that was not written to since.
const FRAME_MARK_ROOM_BYTES: usize = 3 * 1024;

/// A mark and the unused bytes above it.
#[repr(C)]
struct FrameMark {
    mark: Mark,
    room: [u8; FRAME_MARK_ROOM_BYTES],
}

/// Bytes of a frame mark. No other frame is there while its call is under way.
const FRAME_MARK_BYTES: usize = size_of::<FrameMark>();

/// A call that user code has not returned from.
#[derive(Debug)]
struct Frame<P> {
    /// The address of its mark.
    address: usize,
    /// The thread that made the call.
    thread: ThreadId,
    serial: u64,
    /// What the call was made for, needed if it never returns.
    purpose: P,
}

impl<P> Frame<P> {
    /// Whether the call is under way, as a function sees it whose variables are at `here`.
    /// Stacks grow downwards: a frame below `here` was left; one above is under way if its
    /// mark was not overwritten.
    ///
    /// # Safety
    /// `here` and the mark are both on the stack that the calling thread runs on.
    unsafe fn is_standing(&self, here: usize) -> bool {
        if self.address <= here {
            return false;
        }
        // SAFETY: the stack is mapped between `here` and its older parts.
        let mark = unsafe { std::ptr::read_volatile(self.address as *const Mark) };
        mark.magic == FRAME_MARK_MAGIC && mark.serial == self.serial
    }
}

/// The state of a noted call, as far as it can be told.
enum CallState {
    /// It is under way, and so are the thread's older calls.
    Standing,
    /// Only a call of another thread can tell.
    Unknown,
    /// It is on a stack other than its thread's own.
    Elsewhere,
    /// It was left without returning.
    Left,
}

/// The position from which the stack is read.
struct StackView {
    /// The lower end of the reading function's frame.
    low: usize,
    /// The upper end of that frame.
    here: usize,
    /// The bounds of the thread's own stack.
    own: Range<usize>,
}

impl StackView {
    /// Whether a frame mark overlaps the frame of the reading function.
    fn overlaps(&self, address: usize) -> bool {
        address < self.here && self.low < address + FRAME_MARK_BYTES
    }
}

/// The upcalls of one handle that have not returned.
#[derive(Debug)]
pub(super) struct Frames<P> {
    /// The calls in the order in which they began, without those of `elsewhere`.
    list: Vec<Frame<P>>,
    /// The wait that is under way. It is by far the most common call.
    wait: Option<Frame<P>>,
    /// The calls that are on a stack other than their thread's own, by the address of the
    /// mark and the serial number. No two frame marks overlap.
    elsewhere: BTreeMap<(usize, u64), P>,
    last_serial: u64,
    /// The purposes of calls that were left without returning, for the handle to settle.
    abandoned: Vec<P>,
    /// Whether `elsewhere` or `abandoned` has entries.
    has_unsettled: bool,
    /// Whether the handle was freed: its block is then freed with the last call.
    pub(super) freed: bool,
    /// Whether the program has declared that user code of this handle always returns.
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
            has_unsettled: false,
            freed: false,
            all_return: false,
        }
    }

    /// Whether no upcall is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty() && self.wait.is_none() && self.elsewhere.is_empty()
    }

    /// Whether the next call on the handle has no noted call to check or to settle.
    #[inline]
    pub(super) fn is_quiet(&self) -> bool {
        self.list.is_empty() && self.wait.is_none() && !self.has_unsettled
    }

    /// Finds the upcalls that were left without returning. Called at the start of each call
    /// on the handle.
    ///
    /// It checks the frames from the youngest to the first that is under way: on the
    /// thread's own stack the older ones are then under way too.
    #[inline(never)]
    pub(super) fn prune(&mut self) {
        // As large as the frame of an upcall, so that it overlaps the frame of one that was
        // left.
        let mut room = MaybeUninit::<FrameMark>::uninit();
        let low = std::hint::black_box(room.as_mut_ptr()) as usize;
        let view = StackView {
            low,
            here: low + FRAME_MARK_BYTES,
            own: if self.list.is_empty() && self.wait.is_none() {
                0..0
            } else {
                own_stack::bounds()
            },
        };
        let is_over = |wait: &Frame<P>| match self.state_of(wait, &view) {
            CallState::Left => true,
            // Unlike a callback, a wait cannot continue in another thread.
            CallState::Unknown => !wait.thread.exists(),
            CallState::Standing | CallState::Elsewhere => false,
        };
        if self.wait.as_ref().is_some_and(is_over) {
            self.abandoned.extend(self.wait.take().map(|wait| wait.purpose));
        }
        if !self.all_return {
            self.abandon_between(view.low, view.here);
        }
        let mut at = self.list.len();
        while at > 0 {
            at -= 1;
            match self.state_of(&self.list[at], &view) {
                CallState::Standing => break,
                CallState::Unknown => {}
                CallState::Elsewhere => {
                    let frame = self.list.remove(at);
                    self.put_elsewhere(frame);
                }
                CallState::Left => {
                    let frame = self.list.remove(at);
                    self.abandoned.push(frame.purpose);
                }
            }
        }
        self.has_unsettled = !self.elsewhere.is_empty() || !self.abandoned.is_empty();
    }

    /// The state of a call of the list.
    fn state_of(&self, frame: &Frame<P>, view: &StackView) -> CallState {
        let is_mine = frame.thread.is_current();
        if self.all_return {
            return if is_mine { CallState::Elsewhere } else { CallState::Unknown };
        }
        if view.overlaps(frame.address) {
            return CallState::Left;
        }
        if !is_mine {
            return CallState::Unknown;
        }
        if !view.own.contains(&frame.address) {
            return CallState::Elsewhere;
        }
        if !view.own.contains(&view.here) {
            // The calls on the own stack cannot be checked from another stack.
            return CallState::Standing;
        }
        // SAFETY: both addresses are on the thread's own stack, and it runs there.
        if unsafe { frame.is_standing(view.here) } { CallState::Standing } else { CallState::Left }
    }

    /// Abandons the calls of `elsewhere` whose frame marks overlap this memory.
    fn abandon_between(&mut self, low: usize, high: usize) {
        while let Some(key) = self.first_between(low, high) {
            self.abandoned.extend(self.elsewhere.remove(&key));
        }
    }

    /// The first call of `elsewhere` whose frame mark overlaps this memory.
    fn first_between(&self, low: usize, high: usize) -> Option<(usize, u64)> {
        let from = (low.saturating_sub(FRAME_MARK_BYTES - 1), 0);
        self.elsewhere.range(from..(high, 0)).next().map(|(&key, _)| key)
    }

    /// Moves a call to `elsewhere`. Of two at the same place, the older one was left.
    fn put_elsewhere(&mut self, frame: Frame<P>) {
        let Frame { address, serial, purpose, .. } = frame;
        if self.all_return {
            // Its address has no meaning.
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
            self.has_unsettled = !self.elsewhere.is_empty();
        }
        taken
    }

    /// Notes an upcall with its mark at `mark`.
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

    /// Removes the note of an upcall that has returned, with its mark at `mark`.
    fn leave(&mut self, mark: *mut Mark, serial: u64) {
        if self.list.pop_if(|frame| frame.serial == serial).is_none() {
            self.leave_among_others(mark as usize, serial);
        }
    }

    /// Removes the note of an upcall that is not the last one of the list: the younger ones
    /// are on other stacks, or were made by it and left.
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

/// The block of a handle, which does not move.
pub(super) trait Block: Sized {
    /// What the handle has to know of an upcall that never returned.
    type Purpose: Copy;

    /// The block's upcalls.
    fn frames(&mut self) -> &mut Frames<Self::Purpose>;
}

/// The handle was freed while user code ran, and may not be touched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Freed<R>(pub(super) R);

/// Calls user code.
///
/// # Errors
/// [`Freed`] with the result if that code freed the handle; the last upcall to return
/// frees the block.
///
/// # Safety
/// `block` is live, was made by `Box`, and is not borrowed; `call` runs user
/// code and holds only plain data.
// Never inlined: the bytes above the mark belong to no other function then.
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
    let left = cancellation::leave_library();
    let result = call();
    cancellation::reenter_library(left);
    // SAFETY: a block with a noted upcall is not freed.
    let frames = unsafe { (*block).frames() };
    frames.leave(mark, serial);
    // SAFETY: the mark is a live local variable. It is not recognised any more.
    unsafe { (&raw mut (*mark).magic).write_volatile(0) };
    if !frames.freed {
        return Ok(result);
    }
    // SAFETY: the block is from `Box`, and its user has freed it.
    unsafe { drop_after_last(block) };
    Err(Freed(result))
}

/// Makes the system call of a wait, noted like a call of user code.
///
/// # Errors
/// [`Freed`] if a signal handler freed the handle.
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
        // interrupted one then finds other events in its buffer, but only events), or a
        // wait of another thread was abandoned and not settled yet.
        // SAFETY: the caller guarantees the block.
        return unsafe { upcall(block, purpose, move || call.make()) };
    }
    frames.wait = Some(frames.note(mark, purpose));
    let left = cancellation::leave_library();
    let result = call.make();
    cancellation::reenter_library(left);
    // SAFETY: a block with a noted wait is not freed.
    let frames = unsafe { (*block).frames() };
    frames.wait = None;
    // SAFETY: the mark is a live local variable. It is not recognised any more.
    unsafe { (&raw mut (*mark).magic).write_volatile(0) };
    if frames.freed {
        // SAFETY: the block is from `Box`, and its user has freed it.
        unsafe { drop_after_last(block) };
        return Err(Freed(result));
    }
    Ok(result)
}

/// Frees the block of a handle that was freed, after the last call that kept it.
///
/// # Safety
/// `block` is from `Box`, its user has freed it, and it is not touched afterwards.
#[cold]
#[inline(never)]
unsafe fn drop_after_last<B: Block>(block: *mut B) {
    // SAFETY: the caller guarantees the block, which only calls that are under way keep.
    // Cancellation is disabled: closing connections must not end the thread.
    unsafe {
        if (*block).frames().is_empty() {
            cancellation::disabled_inside(|| drop(Box::from_raw(block)));
        }
    }
}

#[cfg(test)]
#[path = "frames_tests.rs"]
mod tests;
