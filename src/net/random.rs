//! Random bytes from the kernel, here because asking needs a system call.
//!
//! Must not: be used where a seed per process will do.

/// A random number; 0 from a kernel that has none to give.
pub fn random() -> u64 {
    let mut word = 0u64;
    // SAFETY: writes at most eight bytes, into `word`.
    unsafe { libc::getrandom((&raw mut word).cast(), size_of::<u64>(), libc::GRND_NONBLOCK) };
    word
}
