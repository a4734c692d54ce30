//! The kernel's id of a thread, and whether a thread with that id exists.
//!
//! A pthread_t cannot be used for that, since it is invalid once the thread was joined.
//!
//! Must not: keep thread-locals with destructors, which would pin the library in
//! memory after dlclose.

use super::cancellation;
use crate::net::fork;
use std::cell::Cell;

/// Identifies a thread of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ThreadId {
    /// The pthread_t, which the thread keeps in a forked child.
    name: libc::pthread_t,
    number: libc::pid_t,
}

/// The only thread of a process of one thread, which has the id of the process.
const ONLY: ThreadId = ThreadId { name: 0, number: 0 };

thread_local! {
    /// The process generation and the kernel's id of the thread, which differ in a forked
    /// child.
    static NUMBER: Cell<(u64, libc::pid_t)> = const { Cell::new((0, 0)) };
}

impl ThreadId {
    /// The calling thread. Asks the kernel once per thread, and never in a process of
    /// one thread.
    #[inline(always)]
    pub(super) fn current() -> ThreadId {
        if cancellation::is_single_threaded() { ONLY } else { ThreadId::of_several() }
    }

    // Never inlined, so that the address of a thread-local is not used in another thread.
    #[inline(never)]
    fn of_several() -> ThreadId {
        // SAFETY: has no preconditions.
        let name = unsafe { libc::pthread_self() };
        let generation = fork::generation();
        let (of, number) = NUMBER.get();
        if of == generation && number != 0 {
            return ThreadId { name, number };
        }
        // SAFETY: has no preconditions.
        let number = unsafe { libc::gettid() };
        NUMBER.set((generation, number));
        ThreadId { name, number }
    }

    /// Whether this is the calling thread.
    pub(super) fn is_current(self) -> bool {
        if self == ThreadId::current() {
            return true;
        }
        // SAFETY: have no preconditions.
        unsafe {
            if self == ONLY {
                // It was the only thread, and is now the first of several.
                libc::gettid() == libc::getpid()
            } else {
                // The kernel's id may be from before a fork.
                self.name == libc::pthread_self()
            }
        }
    }

    /// Whether the thread has not ended.
    pub(super) fn exists(self) -> bool {
        // SAFETY: have no preconditions; signal 0 is never sent.
        unsafe {
            let process = libc::getpid();
            let number = if self == ONLY { process } else { self.number };
            libc::syscall(libc::SYS_tgkill, process, number, 0) == 0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_exists_until_it_has_ended() {
        let (id, existed) = std::thread::spawn(|| {
            let id = ThreadId::of_several();
            (id, id.exists() && id.is_current())
        })
        .join()
        .expect("a thread");
        assert!(existed && !id.exists() && !id.is_current());
        let mine = ThreadId::of_several();
        assert!(mine.exists() && mine.is_current() && ONLY.exists());
    }
}
