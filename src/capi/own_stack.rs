//! The bounds of the thread's own stack, which the system gave it, as opposed to the stack
//! of a coroutine, of a fiber or of a signal handler.
//!
//! Must not: be used on a hot path. The first call of a thread asks the system, which
//! reads a file for the main thread.

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ops::Range;

/// The most bytes below its upper end that count as the main thread's stack. Its size
/// limit may be "unlimited"; other mappings may then lie below it, but the kernel leaves
/// more room than this free.
const MAIN_STACK_BYTES_MAX: usize = 64 << 20;

thread_local! {
    /// A plain value: a destructor would pin the library in memory after dlclose.
    static BOUNDS: Cell<Option<(usize, usize)>> = const { Cell::new(None) };
}

/// The addresses of the calling thread's own stack; empty if they are not known.
/// Everything between a local variable of a function that runs on this stack and
/// the end of the range is mapped.
pub(super) fn bounds() -> Range<usize> {
    let (start, end) = BOUNDS.get().unwrap_or_else(|| {
        let found = ask();
        BOUNDS.set(Some(found));
        found
    });
    start..end
}

#[cold]
fn ask() -> (usize, usize) {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let (mut start, mut size) = (std::ptr::null_mut(), 0);
    // SAFETY: the calling thread is alive; the attributes are used only when they were
    // filled in, and given back then.
    let known = unsafe {
        libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) == 0 && {
            let got =
                libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut start, &raw mut size);
            libc::pthread_attr_destroy(attributes.as_mut_ptr());
            got == 0
        }
    };
    if !known {
        return (0, 0);
    }
    let end = start as usize + size;
    (end - size.min(MAIN_STACK_BYTES_MAX), end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> usize {
        let local = 0u8;
        &raw const local as usize
    }

    #[test]
    fn a_local_variable_is_on_the_thread_s_own_stack_and_on_no_other() {
        let (bounds_here, place) = (bounds(), here());
        assert!(bounds_here.contains(&place));
        let (bounds_there, place_there) =
            std::thread::spawn(|| (bounds(), here())).join().expect("a thread");
        assert!(bounds_there.contains(&place_there));
        assert!(!bounds_there.contains(&place) && !bounds_here.contains(&place_there));
    }

    #[test]
    fn memory_of_the_heap_is_on_no_stack() {
        let heap = Box::new(0u8);
        assert!(!bounds().contains(&(&raw const *heap as usize)));
    }

    #[test]
    fn a_large_stack_is_known_near_its_upper_end() {
        let large = std::thread::Builder::new().stack_size(2 * MAIN_STACK_BYTES_MAX);
        let (bounds, place) = large.spawn(|| (bounds(), here())).expect("a thread").join().unwrap();
        assert!(bounds.contains(&place) && bounds.len() == MAIN_STACK_BYTES_MAX);
    }
}
