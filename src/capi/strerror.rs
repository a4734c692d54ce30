//! `strerror.h`: the names of the return codes.

use super::types::gearman_return_t;
use libc::c_char;
use std::ffi::CStr;

/// The name of a return code; `GEARMAN_MAX_RETURN` for a number that is not a code.
/// The aliases FAIL, FATAL and ERROR share their number with an earlier name.
pub fn name(rc: gearman_return_t) -> &'static CStr {
    let known = rc.0.min(gearman_return_t::MAX_RETURN.0);
    gearman_return_t::TABLE[known as usize].0
}

/// Gets the name of a return code, such as "GEARMAN_TIMEOUT".
///
/// `GEARMAN_FAIL`, `GEARMAN_FATAL` and `GEARMAN_ERROR` are aliases and have the names
/// "GEARMAN_WORK_FAIL", "GEARMAN_WORK_FAIL" and "GEARMAN_WORK_ERROR".
///
/// Returns the name of `rc`, which is static; "GEARMAN_MAX_RETURN" for a number that is
/// not a code.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn gearman_strerror(rc: gearman_return_t) -> *const c_char {
    name(rc).as_ptr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_of_every_code_is_its_number() {
        for (index, (_, value)) in gearman_return_t::TABLE.iter().enumerate().take(54) {
            assert_eq!(index, *value as usize);
        }
        assert_eq!(name(gearman_return_t::WORK_FAIL), c"GEARMAN_WORK_FAIL");
        assert_eq!(name(gearman_return_t::FATAL), c"GEARMAN_WORK_FAIL");
        assert_eq!(name(gearman_return_t(54)), c"GEARMAN_MAX_RETURN");
        assert_eq!(name(gearman_return_t(u32::MAX)), c"GEARMAN_MAX_RETURN");
    }
}
