//! Keeps panics of ours inside the library.
//!
//! [`guard`] wraps engine steps and never a call to the user's code: an exception
//! or a longjmp that passes through `catch_unwind` would abort the process.
//!
//! Nothing of a caught panic reaches stderr, which is the host's. The hook that
//! sees to it is installed once, by the first guard; it is silent inside guards
//! only and passes every other panic on, so that it does no harm where the
//! library is linked as Rust and shares its `std` with the program. (In the
//! shared library `std` is a private copy, hook included.)
//!
//! Must not: keep thread-locals with destructors, which would pin the library in
//! memory after dlclose.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, Location, PanicHookInfo, catch_unwind};
use std::sync::Once;

const PLACE_SIZE: usize = 48;

thread_local! {
    /// How many guards are on this thread's stack.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    /// The end of "file:line" of the last panic inside a guard.
    static PLACE: Cell<[u8; PLACE_SIZE]> = const { Cell::new([b' '; PLACE_SIZE]) };
}

static HOOK: Once = Once::new();

/// Runs `body`. If it panics, `fallback` gets the panic's text, to be stored
/// with the handle, and gives the value instead.
///
/// What `body` was changing may be half done: the caller marks it broken and does
/// not use it again.
#[inline(always)]
pub fn guard<T>(fallback: impl FnOnce(&str) -> T, body: impl FnOnce() -> T) -> T {
    HOOK.call_once(install);
    // SAFETY: the guard does not outlive its thread.
    let depth = unsafe { &*depth() };
    depth.set(depth.get() + 1);
    let caught = catch_unwind(AssertUnwindSafe(body));
    depth.set(depth.get() - 1);
    caught.unwrap_or_else(|payload| {
        let text = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
            (Some(text), _) => text,
            (_, Some(text)) => text.as_str(),
            _ => "panic",
        };
        let place = PLACE.get();
        let value = fallback(&format!("{text} ({})", String::from_utf8_lossy(&place).trim_start()));
        // A payload of a type of its own could panic again when dropped.
        std::mem::forget(payload);
        value
    })
}

/// The calling thread's counter.
// Never inlined: between two guards of one function user code may run, and a coroutine
// of the program's may go on in another thread after it. The compiler would use
// the address of the first thread's counter again.
#[inline(never)]
fn depth() -> *const Cell<u32> {
    DEPTH.with(std::ptr::from_ref)
}

fn install() {
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
        if DEPTH.get() == 0 {
            previous(info);
        } else {
            PLACE.set(info.location().map_or([b' '; PLACE_SIZE], place));
        }
    }));
}

fn place(location: &Location<'_>) -> [u8; PLACE_SIZE] {
    let text = format!("{}:{}", location.file(), location.line());
    let end = &text.as_bytes()[text.len().saturating_sub(PLACE_SIZE)..];
    let mut place = [b' '; PLACE_SIZE];
    place[PLACE_SIZE - end.len()..].copy_from_slice(end);
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_the_fallback_and_its_text() {
        let mut text = String::new();
        let fallback = |panic: &str| {
            text = panic.to_owned();
            -1
        };
        assert_eq!(guard(fallback, || panic!("number {}", 7)), -1);
        assert!(text.starts_with("number 7 (") && text.contains("guard.rs:"), "{text}");
        assert_eq!(guard(|_| -1, || 3), 3);
    }

    #[test]
    fn guards_nest() {
        let inner = guard(|_| 0, || guard(|_| 1, || panic!("inner")));
        assert_eq!((inner, DEPTH.get()), (1, 0));
    }
}
