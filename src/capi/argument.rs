//! `argument.h`: the argument of `gearman_execute`.

use super::types::{gearman_argument_t, gearman_string_t};
use libc::c_char;

/// Makes the argument of gearman_execute().
///
/// `value` is the workload, of `value_size` bytes. It is not copied: the memory has to
/// stay until the call that gets the argument returns. `name` and `name_length` are
/// ignored, as in the original library: no packet carries a name.
///
/// Returns the argument, by value.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn gearman_argument_make(
    name: *const c_char,
    name_length: usize,
    value: *const c_char,
    value_size: usize,
) -> gearman_argument_t {
    let _ = (name, name_length);
    gearman_argument_t {
        name: gearman_string_t { c_str: std::ptr::null(), size: 0 },
        value: gearman_string_t { c_str: value, size: value_size },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_dropped_and_the_value_kept() {
        let argument = gearman_argument_make(c"n".as_ptr(), 1, c"v".as_ptr(), 1);
        assert!(argument.name.c_str.is_null());
        assert_eq!((argument.name.size, argument.value.size), (0, 1));
        assert!(!argument.value.c_str.is_null());
    }
}
