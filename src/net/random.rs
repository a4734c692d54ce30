//! Random numbers from the kernel.
//!
//! Must not: be used per packet: each number is a system call.

/// A random number; 0 if the kernel has no randomness yet.
pub fn random() -> u64 {
    let mut word = 0u64;
    // SAFETY: getrandom writes at most eight bytes into `word`.
    unsafe { libc::getrandom((&raw mut word).cast(), size_of::<u64>(), libc::GRND_NONBLOCK) };
    word
}
