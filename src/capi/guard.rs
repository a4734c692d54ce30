//! Catches the library's own panics, so that none reaches the program.
//!
//! [`guard`] wraps steps of the engine and never a call of user code: an exception
//! or a longjmp that passes through `catch_unwind` would abort the process.
//!
//! A caught panic prints nothing on stderr, which belongs to the program. The panic hook
//! that ensures this is installed once, with the first handle. It is silent only inside
//! guards and passes every other panic on, for programs that link the library as Rust
//! and share its `std`. (In the shared library `std` is a private copy, hook included.)
//!
//! Must not: keep thread-locals with destructors, which would pin the library in
//! memory after dlclose.

use super::cancellation;
use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, Location, PanicHookInfo, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Once, OnceLock};

/// Bytes that are kept of the end of a panic's "file:line".
const PLACE_BYTES: usize = 48;

thread_local! {
    /// How many guards are on this thread's stack.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    /// The end of "file:line" of the last panic inside a guard.
    static PLACE: Cell<[u8; PLACE_BYTES]> = const { Cell::new([b' '; PLACE_BYTES]) };
}

/// `DEPTH` for a process of one thread, where a static is faster than a thread-local.
static DEPTH_SINGLE_THREADED: AtomicU32 = AtomicU32::new(0);

static HOOK: Once = Once::new();
/// The panic hook that was set before.
static PREVIOUS: OnceLock<Hook> = OnceLock::new();

/// The type of std's panic hooks.
type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Sync + Send>;

/// Installs the panic hook. Every handle is created after a call of this, and only calls
/// on a handle are guarded.
pub fn prepare() {
    HOOK.call_once(install);
}

/// Runs `body`. If it panics, `fallback` is called with the panic's text and returns the
/// value instead.
///
/// The data that `body` was changing may then be inconsistent: the caller marks it broken
/// and does not use it again.
#[inline(always)]
pub fn guard<T>(fallback: impl FnOnce(&str) -> T, body: impl FnOnce() -> T) -> T {
    let single = cancellation::is_single_threaded();
    count(single, 1);
    let caught = catch_unwind(AssertUnwindSafe(body));
    count(single, u32::MAX);
    caught.unwrap_or_else(|payload| fallback(&text_of(payload)))
}

/// The text of the panic that was caught last, and its place.
// Never inlined, for the reason of `count_of_several`.
#[cold]
#[inline(never)]
fn text_of(payload: Box<dyn Any + Send>) -> String {
    let text = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text.as_str(),
        _ => "panic",
    };
    let text = format!("{text} ({})", String::from_utf8_lossy(&PLACE.get()).trim_start());
    // A payload of an unknown type could panic again when it is dropped.
    std::mem::forget(payload);
    text
}

/// Adds to the number of guards on the thread's stack, modulo 2^32.
#[inline(always)]
fn count(single: bool, change: u32) {
    if single {
        let depth = DEPTH_SINGLE_THREADED.load(Ordering::Relaxed);
        DEPTH_SINGLE_THREADED.store(depth.wrapping_add(change), Ordering::Relaxed);
    } else {
        count_of_several(change);
    }
}

// Never inlined: between two guards of one function user code may run, and a coroutine
// of the program may continue in another thread after it. The compiler would use
// the address of the first thread's counter again.
#[inline(never)]
fn count_of_several(change: u32) {
    DEPTH.set(DEPTH.get().wrapping_add(change));
}

fn install() {
    let _ = PREVIOUS.set(std::panic::take_hook());
    // A function takes no memory, which would not be freed when the library is unloaded.
    std::panic::set_hook(Box::new(hook));
}

fn hook(info: &PanicHookInfo<'_>) {
    if DEPTH.get() == 0 && DEPTH_SINGLE_THREADED.load(Ordering::Relaxed) == 0 {
        if let Some(previous) = PREVIOUS.get() {
            previous(info);
        }
    } else {
        PLACE.set(info.location().map_or([b' '; PLACE_BYTES], place));
    }
}

fn place(location: &Location<'_>) -> [u8; PLACE_BYTES] {
    let text = format!("{}:{}", location.file(), location.line());
    let end = &text.as_bytes()[text.len().saturating_sub(PLACE_BYTES)..];
    let mut place = [b' '; PLACE_BYTES];
    place[PLACE_BYTES - end.len()..].copy_from_slice(end);
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_the_fallback_and_its_text() {
        prepare();
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
    fn a_guard_inside_a_guard_catches_its_own_panic() {
        prepare();
        let inner = guard(|_| 0, || guard(|_| 1, || panic!("inner")));
        assert_eq!((inner, DEPTH.get()), (1, 0));
    }
}
