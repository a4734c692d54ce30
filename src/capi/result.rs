//! `result.h`: the value that a task ended with, or that an aggregator makes.
//!
//! The result owns its value: what the getters return is valid until the next value is
//! stored or the result is freed, whatever allocator hooks are set. The original also has a
//! BOOLEAN type, but no function that makes one.
//!
//! Must not: abort on a lack of memory. A store then keeps the old value and returns an
//! error.

use super::cancellation;
use super::types::{gearman_return_t, gearman_string_t};
use crate::buf::{OutOfMemory, Owned};
use crate::protocol::number::leading_integer;
use libc::{c_char, c_void};

/// A value of some type. Opaque in C.
#[derive(Debug, Default)]
pub struct gearman_result_st {
    value: Value,
}

#[derive(Debug, Default)]
enum Value {
    #[default]
    Null,
    Integer(i64),
    /// Always NUL-terminated, for programs that print the value.
    Binary(Owned),
}

impl gearman_result_st {
    /// A result without a value.
    pub const fn new() -> gearman_result_st {
        gearman_result_st { value: Value::Null }
    }

    /// Makes the result these bytes, without copying them.
    ///
    /// # Errors
    /// [`OutOfMemory`]; the old value stays.
    pub fn give(&mut self, mut bytes: Owned) -> Result<(), OutOfMemory> {
        bytes.terminate()?;
        self.value = Value::Binary(bytes);
        Ok(())
    }

    /// The bytes, if the result is of the binary type.
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.value {
            Value::Binary(bytes) => Some(bytes.as_slice()),
            Value::Null | Value::Integer(_) => None,
        }
    }

    /// Takes the bytes, leaving the result without a value. An integer has none.
    pub fn take(&mut self) -> Option<Owned> {
        match std::mem::take(&mut self.value) {
            Value::Binary(bytes) => Some(bytes),
            Value::Null | Value::Integer(_) => None,
        }
    }

    fn integer(&self) -> i64 {
        match &self.value {
            Value::Null => 0,
            Value::Integer(value) => *value,
            Value::Binary(bytes) => leading_integer(bytes.as_slice()),
        }
    }

    fn boolean(&self) -> bool {
        match &self.value {
            Value::Null => false,
            Value::Integer(value) => *value != 0,
            Value::Binary(bytes) => !bytes.is_empty(),
        }
    }
}

/// Reads a result as an integer.
///
/// If the result is bytes, the decimal number that they start with is read, after
/// blanks.
///
/// Returns the number, or the smallest or largest 64-bit integer if it is out of range;
/// 0 without a number and if `result` is NULL.
///
/// # Safety
/// `result` is NULL or a live result.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_result_integer(result: *const gearman_result_st) -> i64 {
    // SAFETY: the caller passes NULL or a live result.
    unsafe { result.as_ref() }.map_or(0, gearman_result_st::integer)
}

/// Reads a result as a boolean.
///
/// Returns true if the result is an integer other than 0 or has at least one byte;
/// otherwise, and if `result` is NULL, false.
///
/// # Safety
/// `result` is NULL or a live result.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_result_boolean(result: *const gearman_result_st) -> bool {
    // SAFETY: the caller passes NULL or a live result.
    unsafe { result.as_ref() }.is_some_and(gearman_result_st::boolean)
}

/// Gets the bytes of a result with their number.
///
/// Returns the bytes, which belong to the result and are valid until the next value is
/// stored; a NUL that is not counted follows them. NULL and 0 if the result is not
/// bytes or `result` is NULL.
///
/// # Safety
/// `result` is NULL or a live result.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_result_string(
    result: *const gearman_result_st,
) -> gearman_string_t {
    // SAFETY: the caller passes NULL or a live result.
    match unsafe { result.as_ref() }.and_then(gearman_result_st::bytes) {
        Some(bytes) => gearman_string_t { c_str: bytes.as_ptr().cast(), size: bytes.len() },
        None => gearman_string_t { c_str: std::ptr::null(), size: 0 },
    }
}

/// Stores a copy of the bytes of `arg` in a result.
///
/// Returns `GEARMAN_SUCCESS`, or an error, which leaves the old value.
///
/// # Errors
/// - `GEARMAN_INVALID_ARGUMENT`: `result` is NULL, or `arg` has a size without bytes.
/// - `GEARMAN_MEMORY_ALLOCATION_FAILURE`: there is no memory for the copy.
///
/// # Safety
/// `result` is NULL or a live result; `arg.c_str` is NULL or readable for `arg.size`
/// bytes, which may be those of the result.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_result_store_string(
    result: *mut gearman_result_st,
    arg: gearman_string_t,
) -> gearman_return_t {
    // SAFETY: as the caller promised.
    unsafe { store(result, arg.c_str.cast(), arg.size) }
}

/// Stores the integer `value` in a result.
///
/// If `result` is NULL, nothing happens.
///
/// # Safety
/// `result` is NULL or a live result.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_result_store_integer(
    result: *mut gearman_result_st,
    value: i64,
) {
    cancellation::disabled(|| {
        // SAFETY: the caller passes NULL or a live result.
        if let Some(result) = unsafe { result.as_mut() } {
            result.value = Value::Integer(value);
        }
    });
}

/// Stores a copy of bytes in a result.
///
/// `value` has `size` bytes. They replace the old value.
///
/// Returns `GEARMAN_SUCCESS`, or an error, which leaves the old value.
///
/// # Errors
/// - `GEARMAN_INVALID_ARGUMENT`: `result` is NULL, or `value` is NULL and `size` is not
///   0.
/// - `GEARMAN_MEMORY_ALLOCATION_FAILURE`: there is no memory for the copy.
///
/// # Safety
/// `result` is NULL or a live result; `value` is NULL or readable for `size` bytes,
/// which may be those of the result.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_result_store_value(
    result: *mut gearman_result_st,
    value: *const c_void,
    size: usize,
) -> gearman_return_t {
    // SAFETY: as the caller promised.
    unsafe { store(result, value, size) }
}

/// Gets the number of bytes of a result.
///
/// Returns the size in bytes; 0 if the result is not bytes or `result` is NULL.
///
/// # Safety
/// `result` is NULL or a live result.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_result_size(result: *const gearman_result_st) -> usize {
    // SAFETY: the caller passes NULL or a live result.
    unsafe { result.as_ref() }.and_then(gearman_result_st::bytes).map_or(0, <[u8]>::len)
}

/// Gets the bytes of a result.
///
/// Returns the bytes, which belong to the result and are valid until the next value is
/// stored; a NUL follows them. NULL if the result is not bytes or `result` is NULL.
///
/// # Safety
/// `result` is NULL or a live result.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_result_value(
    result: *const gearman_result_st,
) -> *const c_char {
    // SAFETY: the caller passes NULL or a live result.
    match unsafe { result.as_ref() }.and_then(gearman_result_st::bytes) {
        Some(bytes) => bytes.as_ptr().cast(),
        None => std::ptr::null(),
    }
}

/// Tells whether a result has no value.
///
/// Returns true if nothing was stored, and if `result` is NULL. An empty string is a
/// value.
///
/// # Safety
/// `result` is NULL or a live result.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_result_is_null(result: *const gearman_result_st) -> bool {
    // SAFETY: the caller passes NULL or a live result.
    unsafe { result.as_ref() }.is_none_or(|result| matches!(result.value, Value::Null))
}

/// # Safety
/// `result` is NULL or live; `value` is NULL or `size` bytes, which may be the
/// result's own.
unsafe fn store(
    result: *mut gearman_result_st,
    value: *const c_void,
    size: usize,
) -> gearman_return_t {
    if result.is_null() || (value.is_null() && size != 0) {
        return gearman_return_t::INVALID_ARGUMENT;
    }
    let bytes = match size {
        0 => &[][..],
        // No allocation can be that large.
        _ if size > isize::MAX as usize => return gearman_return_t::MEMORY_ALLOCATION_FAILURE,
        // SAFETY: not NULL, and the caller promises that many bytes. They may be
        // inside `*result`, which nothing borrows until they are copied.
        _ => unsafe { std::slice::from_raw_parts(value.cast::<u8>(), size) },
    };
    let stored = Owned::copy_of(bytes).and_then(|copy| {
        // SAFETY: not NULL, so a live result that the caller lets this function change.
        unsafe { (*result).give(copy) }
    });
    match stored {
        Ok(()) => gearman_return_t::SUCCESS,
        Err(OutOfMemory) => gearman_return_t::MEMORY_ALLOCATION_FAILURE,
    }
}

#[cfg(test)]
#[path = "result_tests.rs"]
mod tests;
