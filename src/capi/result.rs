//! `result.h`: the value that a task ended with, or that an aggregator makes.
//!
//! Owns the value: what the getters return is borrowed from the object and stays
//! until the next store or the object's end, whatever allocator hooks are set.
//! The original also has a BOOLEAN type, but no function that makes one.
//!
//! Must not: abort when memory is short. A store that finds none keeps the old
//! value and says so.

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
    /// Always terminated, for those who print the value.
    Binary(Owned),
}

impl gearman_result_st {
    /// A result that holds nothing yet.
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

    /// Takes the bytes, leaving the result empty: for sending them without a copy.
    /// A number or nothing has none.
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

/// The result as a number: of bytes, the decimal number that they start with
/// after blanks, held within the type's limits; 0 where there is none.
///
/// # Safety
/// `result` is NULL or a live result.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_result_integer(result: *const gearman_result_st) -> i64 {
    // SAFETY: the caller passes NULL or a live result.
    unsafe { result.as_ref() }.map_or(0, gearman_result_st::integer)
}

/// Whether the result is a number other than 0, or at least one byte.
///
/// # Safety
/// `result` is NULL or a live result.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_result_boolean(result: *const gearman_result_st) -> bool {
    // SAFETY: the caller passes NULL or a live result.
    unsafe { result.as_ref() }.is_some_and(gearman_result_st::boolean)
}

/// The result's bytes, borrowed from it until the next store; NULL and 0 unless
/// the result is bytes. A NUL that does not count follows them.
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

/// Stores a copy of the bytes of `arg`, as gearman_result_store_value() does.
///
/// # Safety
/// `result` is NULL or a live result; `arg.c_str` is NULL or `arg.size` bytes,
/// which may be the result's own.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_result_store_string(
    result: *mut gearman_result_st,
    arg: gearman_string_t,
) -> gearman_return_t {
    // SAFETY: as the caller promised.
    unsafe { store(result, arg.c_str.cast(), arg.size) }
}

/// Makes the result a number. Does nothing when `result` is NULL.
///
/// # Safety
/// `result` is NULL or a live result.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_result_store_integer(
    result: *mut gearman_result_st,
    value: i64,
) {
    // SAFETY: the caller passes NULL or a live result.
    if let Some(result) = unsafe { result.as_mut() } {
        result.value = Value::Integer(value);
    }
}

/// Stores a copy of `size` bytes, which may hold any bytes; they take the place
/// of what was stored before.
///
/// INVALID_ARGUMENT when `result` is NULL, or `value` is NULL and `size` is not 0;
/// MEMORY_ALLOCATION_FAILURE leaves the old value.
///
/// # Safety
/// `result` is NULL or a live result; `value` is NULL or `size` bytes, which may be
/// the result's own.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_result_store_value(
    result: *mut gearman_result_st,
    value: *const c_void,
    size: usize,
) -> gearman_return_t {
    // SAFETY: as the caller promised.
    unsafe { store(result, value, size) }
}

/// The number of bytes; 0 unless the result is bytes.
///
/// # Safety
/// `result` is NULL or a live result.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_result_size(result: *const gearman_result_st) -> usize {
    // SAFETY: the caller passes NULL or a live result.
    unsafe { result.as_ref() }.and_then(gearman_result_st::bytes).map_or(0, <[u8]>::len)
}

/// The result's bytes with a NUL after them, borrowed from it until the next
/// store; NULL unless the result is bytes.
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

/// Whether nothing was stored. An empty string is something; NULL is nothing.
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
        // No memory is that large.
        _ if size > isize::MAX as usize => return gearman_return_t::MEMORY_ALLOCATION_FAILURE,
        // SAFETY: not NULL, and the caller promises that many bytes. They may be
        // inside `*result`, which nothing borrows until they are copied.
        _ => unsafe { std::slice::from_raw_parts(value.cast::<u8>(), size) },
    };
    let stored = Owned::copy_of(bytes).and_then(|copy| {
        // SAFETY: not NULL, so live and ours to change.
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
