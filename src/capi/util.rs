//! `util.h`: the library's version, and the names of the log levels.

use super::types::gearman_verbose_t;
use libc::c_char;
use std::ffi::CStr;

const LIBRARY_VERSION: &CStr = c_literal(concat!(env!("CARGO_PKG_VERSION"), "\0"));
const BUG_REPORT_URL: &CStr = c"https://github.com/gearman/gearmand/issues";

const fn c_literal(text: &'static str) -> &'static CStr {
    match CStr::from_bytes_with_nul(text.as_bytes()) {
        Ok(literal) => literal,
        Err(_) => panic!("the literal holds a NUL"),
    }
}

/// Gets the version of the library that is loaded, such as "2.1.0".
///
/// `LIBGEARMAN_VERSION_STRING` is the version of the headers.
///
/// Returns the version, which is static.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn gearman_version() -> *const c_char {
    LIBRARY_VERSION.as_ptr()
}

/// Gets the URL for reporting bugs.
///
/// Returns the URL, which is static.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn gearman_bugreport() -> *const c_char {
    BUG_REPORT_URL.as_ptr()
}

/// Gets the name of a log level without its prefix, such as "DEBUG".
///
/// Returns the name of `verbose`, which is static; "UNKNOWN" for a number that is not a
/// level.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn gearman_verbose_name(verbose: gearman_verbose_t) -> *const c_char {
    match verbose {
        gearman_verbose_t::NEVER => c"NEVER",
        gearman_verbose_t::FATAL => c"FATAL",
        gearman_verbose_t::ERROR => c"ERROR",
        gearman_verbose_t::INFO => c"INFO",
        gearman_verbose_t::DEBUG => c"DEBUG",
        gearman_verbose_t::CRAZY => c"CRAZY",
        _ => c"UNKNOWN",
    }
    .as_ptr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_no_level_is_unknown() {
        for (number, name) in [(2, c"ERROR"), (6, c"UNKNOWN"), (u32::MAX, c"UNKNOWN")] {
            let text = gearman_verbose_name(gearman_verbose_t(number));
            // SAFETY: the function returns static C strings.
            assert_eq!(unsafe { CStr::from_ptr(text) }, name);
        }
    }
}
