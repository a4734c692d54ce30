//! C strings as arguments and results, for client and worker alike.
//!
//! Must not: keep a pointer of the program.

use crate::engine::ReturnCode;
use crate::engine::error::ErrorState;
use crate::engine::link::Link;
use crate::net::Transport;
use crate::protocol::limits::FUNCTION_MAX_SIZE;
use crate::protocol::packet::until_nul;
use gearman_engine::at;
use libc::{c_char, c_void};
use std::ffi::CStr;

/// A name that is refused because of its size.
const TOO_LONG: &[u8] = &[b'?'; FUNCTION_MAX_SIZE + 1];

/// Pointer arguments that are read as bytes.
pub(super) trait CStrArg {
    /// The bytes before the NUL; none for NULL.
    ///
    /// # Safety
    /// NULL, or NUL-terminated and unchanged while the result is used.
    unsafe fn bytes<'a>(self) -> &'a [u8];

    /// `size` bytes; none for NULL.
    ///
    /// # Safety
    /// NULL, or readable for `size` bytes and unchanged while the result is used.
    unsafe fn sized<'a>(self, size: usize) -> &'a [u8];

    /// A name of at most `size` bytes that ends at its first NUL, for programs that count
    /// the NUL; none for NULL. If `size` is more than `limit`, no byte is read.
    ///
    /// # Safety
    /// As for [`CStrArg::sized`].
    unsafe fn name<'a>(self, size: usize, limit: usize) -> &'a [u8]
    where
        Self: Sized,
    {
        if size > limit {
            return TOO_LONG;
        }
        // SAFETY: the caller guarantees it.
        until_nul(unsafe { self.sized(size) })
    }
}

impl CStrArg for *const c_char {
    unsafe fn bytes<'a>(self) -> &'a [u8] {
        if self.is_null() {
            return &[];
        }
        // SAFETY: the caller guarantees a NUL-terminated string.
        unsafe { CStr::from_ptr(self) }.to_bytes()
    }

    unsafe fn sized<'a>(self, size: usize) -> &'a [u8] {
        // SAFETY: the caller guarantees it.
        unsafe { self.cast::<c_void>().sized(size) }
    }
}

impl CStrArg for *const c_void {
    unsafe fn bytes<'a>(self) -> &'a [u8] {
        // SAFETY: the caller guarantees it.
        unsafe { self.cast::<c_char>().bytes() }
    }

    unsafe fn sized<'a>(self, size: usize) -> &'a [u8] {
        if self.is_null() || size == 0 {
            return &[];
        }
        // SAFETY: the caller guarantees `size` readable bytes. A size that no object can have
        // is cut to the longest slice, which is then refused as too large.
        unsafe { std::slice::from_raw_parts(self.cast(), size.min(isize::MAX as usize)) }
    }
}

/// Stores a value at an out-pointer, which may be NULL.
///
/// # Safety
/// `out` is NULL or writable; it need not be initialised.
pub(super) unsafe fn put<T>(out: *mut T, value: T) {
    if !out.is_null() {
        // SAFETY: the caller guarantees it.
        unsafe { out.write(value) };
    }
}

/// The text of a handle's last error for C: NULL without an error, and the name of the
/// code for an error without a text.
pub(super) fn error_text(error: &ErrorState) -> *const c_char {
    match error.text() {
        Some(text) => text.as_ptr(),
        None if error.code().failed() => super::strerror::name(error.code().into()).as_ptr(),
        None => std::ptr::null(),
    }
}

/// Sets a handle's identifier; if it is invalid, sets the error.
pub(super) fn set_identifier<T: Transport>(link: &mut Link<T>, id: &[u8]) -> ReturnCode {
    match link.settings.set_identifier(id) {
        Ok(()) => ReturnCode::SUCCESS,
        Err((code, text)) => link.error.set(code, at!("gearman_set_identifier"), text),
    }
}
