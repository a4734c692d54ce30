//! Tests of [`super`]: calls that return, calls that are left, and suspended calls.

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
                Err(Freed(7)) => (*block).frames.list.len(),
                _ => 99,
            }
        });
        assert!(matches!(result, Err(Freed(1))));
    }
}

#[test]
fn a_call_that_was_jumped_out_of_is_found() {
    let mut frames: Frames<u32> = Frames::new();
    enter_and_jump(&mut frames, 5);
    frames.prune();
    assert!(frames.is_empty());
    assert_eq!(frames.take_abandoned(), Some(5));
}

/// Makes a call with a frame as large as that of [`upcall`], which is left.
#[inline(never)]
fn enter_and_jump(frames: &mut Frames<u32>, purpose: u32) {
    let mut frame_mark = MaybeUninit::<FrameMark>::uninit();
    // SAFETY: only a field's address is taken.
    let mark = unsafe { &raw mut (*frame_mark.as_mut_ptr()).mark };
    frames.enter(mark, purpose);
}

/// Marks that are not on the thread's own stack, like those of a coroutine. Only marks with
/// the same number overlap. They are never read.
struct Elsewhere {
    memory: Vec<MaybeUninit<FrameMark>>,
}

impl Elsewhere {
    fn new() -> Elsewhere {
        Elsewhere { memory: (0..4).map(|_| MaybeUninit::uninit()).collect() }
    }

    fn mark(&mut self, number: usize) -> *mut Mark {
        // SAFETY: only a field's address is taken.
        unsafe { &raw mut (*self.memory[number].as_mut_ptr()).mark }
    }

    fn enter(&mut self, frames: &mut Frames<u32>, number: usize) -> u64 {
        frames.enter(self.mark(number), number as u32)
    }
}

#[test]
fn a_call_on_another_stack_is_under_way_until_it_returns() {
    let (mut frames, mut stacks) = (Frames::new(), Elsewhere::new());
    let (first, second) = (stacks.enter(&mut frames, 1), stacks.enter(&mut frames, 2));
    frames.prune();
    assert_eq!(frames.take_abandoned(), None);
    assert!(!frames.is_empty() && !frames.is_quiet());
    frames.leave(stacks.mark(1), first);
    assert!(!frames.is_empty());
    frames.leave(stacks.mark(2), second);
    assert_eq!(frames.take_abandoned(), None);
    assert!(frames.is_empty() && frames.is_quiet());
}

#[test]
fn a_call_that_returns_leaves_those_on_other_stacks_alone() {
    let (mut frames, mut stacks) = (Frames::new(), Elsewhere::new());
    let mut mark = Mark { magic: 0, serial: 0 };
    let outer = frames.enter(&raw mut mark, 0);
    let suspended = stacks.enter(&mut frames, 1);
    frames.leave(&raw mut mark, outer);
    assert_eq!(frames.take_abandoned(), None);
    assert!(!frames.is_empty());
    frames.leave(stacks.mark(1), suspended);
    assert!(frames.is_empty());
}

#[test]
fn a_call_that_was_jumped_out_of_is_found_among_suspended_ones() {
    let (mut frames, mut stacks) = (Frames::new(), Elsewhere::new());
    let older = stacks.enter(&mut frames, 1);
    enter_and_jump(&mut frames, 5);
    let younger = stacks.enter(&mut frames, 2);
    frames.prune();
    assert_eq!(frames.take_abandoned(), Some(5));
    assert_eq!(frames.take_abandoned(), None);
    frames.leave(stacks.mark(1), older);
    frames.leave(stacks.mark(2), younger);
    assert!(frames.is_empty());
}

#[test]
fn a_call_was_left_if_a_younger_one_has_its_place() {
    let (mut frames, mut stacks) = (Frames::new(), Elsewhere::new());
    stacks.enter(&mut frames, 1);
    frames.prune();
    let beside = stacks.enter(&mut frames, 2);
    stacks.enter(&mut frames, 1);
    let last = stacks.enter(&mut frames, 1);
    frames.prune();
    assert_eq!([(); 3].map(|()| frames.take_abandoned()), [Some(1), Some(1), None]);
    frames.leave(stacks.mark(1), last);
    frames.leave(stacks.mark(2), beside);
    assert!(frames.is_empty());
}

#[test]
fn a_call_is_checked_only_by_its_own_thread() {
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
    frames.leave(&raw mut mark, serial);
    assert!(frames.is_empty());
}

#[test]
fn no_call_counts_as_left_if_all_return() {
    let (mut frames, mut stacks) = (Frames::new(), Elsewhere::new());
    frames.all_return = true;
    let serials = [1, 2, 1].map(|number| stacks.enter(&mut frames, number));
    enter_and_jump(&mut frames, 5);
    frames.prune();
    assert_eq!(frames.take_abandoned(), None);
    for serial in serials {
        frames.leave(stacks.mark(1), serial);
    }
    assert!(!frames.is_empty());
}

/// Notes a wait with its mark on this function's stack, and leaves it.
#[inline(never)]
fn wait_and_jump(frames: &mut Frames<u32>, purpose: u32) {
    let mut frame_mark = MaybeUninit::<FrameMark>::uninit();
    // SAFETY: only a field's address is taken.
    let mark = unsafe { &raw mut (*frame_mark.as_mut_ptr()).mark };
    frames.wait = Some(frames.note(mark, purpose));
}

#[test]
fn a_wait_that_was_jumped_out_of_is_found() {
    let mut frames: Frames<u32> = Frames::new();
    wait_and_jump(&mut frames, 7);
    assert!(!frames.is_quiet());
    frames.prune();
    assert_eq!((frames.take_abandoned(), frames.take_abandoned()), (Some(7), None));
    assert!(frames.is_empty() && frames.is_quiet());
}

#[test]
fn a_wait_of_a_thread_that_has_ended_is_over() {
    let mut frames: Frames<u32> = Frames::new();
    std::thread::scope(|scope| {
        scope.spawn(|| wait_and_jump(&mut frames, 8));
    });
    // A scope can end before its thread has left the kernel.
    let thread = frames.wait.as_ref().expect("noted").thread;
    while thread.exists() {
        std::thread::yield_now();
    }
    frames.prune();
    assert_eq!(frames.take_abandoned(), Some(8));
    assert!(frames.is_empty());
}
