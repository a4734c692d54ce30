//! `parse.h`: iterating over a list of servers.
//!
//! Must not: keep a value with a destructor alive across the callback, which may leave
//! with longjmp.

use super::types::{gearman_parse_server_fn, gearman_return_t};
use crate::protocol::servers::{HOST_BYTES_MAX, parse_server_list};
use libc::{c_char, c_void};
use std::ffi::CStr;

/// Calls a function for each server of a list.
///
/// `servers` is a list such as "host:4730,other,/run/gearmand.sock", with IPv6
/// addresses in brackets. `callback` is called in the order of the list with a host,
/// which is valid during the call, a port, which is 0 if the list has none, and
/// `context`. If `servers` is NULL, it is called once with a NULL host; if the list is
/// empty, once with an empty host.
///
/// Returns `GEARMAN_SUCCESS`, or the first other code that `callback` returned, after
/// which it is not called again.
///
/// # Errors
/// - `GEARMAN_INVALID_ARGUMENT`: `callback` is NULL.
///
/// # Safety
/// `servers` is NULL or NUL-terminated, and does not change before the function
/// returns.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_parse_servers(
    servers: *const c_char,
    callback: gearman_parse_server_fn,
    context: *mut c_void,
) -> gearman_return_t {
    let Some(callback) = callback else {
        return gearman_return_t::INVALID_ARGUMENT;
    };
    if servers.is_null() {
        // SAFETY: the caller's function, with the caller's context.
        return unsafe { callback(servers, 0, context) };
    }
    // SAFETY: not NULL, so a C string, and it stays while the slice is used.
    let list = unsafe { CStr::from_ptr(servers) }.to_bytes();
    let servers = parse_server_list(list);
    no_destructor(&servers);
    for (host, port) in servers {
        let mut terminated = [0u8; HOST_BYTES_MAX + 1];
        terminated[..host.len()].copy_from_slice(host);
        // SAFETY: the caller's function; the host is NUL-terminated and outlives the
        // call; nothing here needs dropping if the call does not return.
        let code = unsafe { callback(terminated.as_ptr().cast(), port, context) };
        if code != gearman_return_t::SUCCESS {
            return code;
        }
    }
    gearman_return_t::SUCCESS
}

/// Fails to compile for a type that would leak if a callback did not return.
const fn no_destructor<T>(_: &T) {
    const { assert!(!std::mem::needs_drop::<T>()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use libc::in_port_t;
    use std::ffi::CString;
    use std::ptr;

    type Calls = Vec<(Option<CString>, in_port_t)>;

    unsafe extern "C-unwind" fn note(
        host: *const c_char,
        port: in_port_t,
        context: *mut c_void,
    ) -> gearman_return_t {
        // SAFETY: the tests pass a vector, and the library NULL or a C string.
        let (calls, host) = unsafe {
            let host = (!host.is_null()).then(|| CStr::from_ptr(host).to_owned());
            (&mut *context.cast::<Calls>(), host)
        };
        calls.push((host, port));
        if port == 9 { gearman_return_t::PAUSE } else { gearman_return_t::SUCCESS }
    }

    #[test]
    fn a_code_ends_the_iteration() {
        let mut calls = Calls::new();
        let context = (&raw mut calls).cast();
        // SAFETY: literal lists, and a callback that takes this context.
        let codes = unsafe {
            [
                gearman_parse_servers(c"a:1,[::1]:9,c".as_ptr(), Some(note), context),
                gearman_parse_servers(ptr::null(), Some(note), context),
                gearman_parse_servers(c"a".as_ptr(), None, context),
            ]
        };
        assert_eq!(
            codes,
            [
                gearman_return_t::PAUSE,
                gearman_return_t::SUCCESS,
                gearman_return_t::INVALID_ARGUMENT
            ]
        );
        let expected = [(Some(c"a".to_owned()), 1), (Some(c"::1".to_owned()), 9), (None, 0)];
        assert_eq!(calls, expected);
    }
}
