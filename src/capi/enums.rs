//! The enums of the C headers, as integer newtypes.
//!
//! C may pass any number where a header says `enum`, and a Rust `enum` with a
//! number that has no variant is undefined behaviour: so each is a transparent
//! `c_uint` with associated constants. Unsigned, because that is the type which
//! gcc and clang give an enum without negative values; the registers are the
//! same either way, and "is it below MAX" is then one comparison.
//!
//! The enums themselves are written out in `bindings/c/prelude`, with their tags
//! and aliases; `tests/abi` compares every value with [`ENUMS`].
//!
//! Must not: interpret a value.

use std::ffi::{CStr, c_uint};

/// One enum as the headers see it: its tag and each constant's name and value.
pub type EnumTable = (&'static str, &'static [(&'static CStr, c_uint)]);

/// `c_enum! { tag, "PREFIX_" { NAME = value, ... } }`: the newtype, its
/// constants without the prefix, and its table with the names that C uses.
macro_rules! c_enum {
    ($($(#[$doc:meta])* $name:ident, $prefix:literal { $($constant:ident = $value:expr),* $(,)? })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
            #[repr(transparent)]
            pub struct $name(pub c_uint);

            #[allow(missing_docs)]
            impl $name {
                $(pub const $constant: $name = $name($value);)*
            }

            impl $name {
                /// Each constant's name in C and its value.
                pub const TABLE: &[(&CStr, c_uint)] = &[
                    $((c_name(concat!($prefix, stringify!($constant), "\0")), $value),)*
                ];
            }
        )*

        /// Every enum of the headers.
        pub const ENUMS: &[EnumTable] = &[$((stringify!($name), $name::TABLE)),*];
    };
}

const fn c_name(text: &'static str) -> &'static CStr {
    match CStr::from_bytes_with_nul(text.as_bytes()) {
        Ok(name) => name,
        Err(_) => panic!("a name holds a NUL"),
    }
}

c_enum! {
    /// The return code of a function of the library (`return.h`).
    gearman_return_t, "GEARMAN_" {
        SUCCESS = 0, IO_WAIT = 1, SHUTDOWN = 2, SHUTDOWN_GRACEFUL = 3, ERRNO = 4, EVENT = 5,
        TOO_MANY_ARGS = 6, NO_ACTIVE_FDS = 7, INVALID_MAGIC = 8, INVALID_COMMAND = 9,
        INVALID_PACKET = 10, UNEXPECTED_PACKET = 11, GETADDRINFO = 12, NO_SERVERS = 13,
        LOST_CONNECTION = 14, MEMORY_ALLOCATION_FAILURE = 15, JOB_EXISTS = 16,
        JOB_QUEUE_FULL = 17, SERVER_ERROR = 18, WORK_ERROR = 19, WORK_DATA = 20,
        WORK_WARNING = 21, WORK_STATUS = 22, WORK_EXCEPTION = 23, WORK_FAIL = 24,
        NOT_CONNECTED = 25, COULD_NOT_CONNECT = 26, SEND_IN_PROGRESS = 27,
        RECV_IN_PROGRESS = 28, NOT_FLUSHING = 29, DATA_TOO_LARGE = 30,
        INVALID_FUNCTION_NAME = 31, INVALID_WORKER_FUNCTION = 32,
        NO_REGISTERED_FUNCTION = 33, NO_REGISTERED_FUNCTIONS = 34, NO_JOBS = 35,
        ECHO_DATA_CORRUPTION = 36, NEED_WORKLOAD_FN = 37, PAUSE = 38, UNKNOWN_STATE = 39,
        PTHREAD = 40, PIPE_EOF = 41, QUEUE_ERROR = 42, FLUSH_DATA = 43,
        SEND_BUFFER_TOO_SMALL = 44, IGNORE_PACKET = 45, UNKNOWN_OPTION = 46, TIMEOUT = 47,
        ARGUMENT_TOO_LARGE = 48, INVALID_ARGUMENT = 49, IN_PROGRESS = 50,
        INVALID_SERVER_OPTION = 51, JOB_NOT_FOUND = 52, MAX_RETURN = 53,
        FAIL = 24, FATAL = 24, ERROR = 19,
    }
    /// Log levels (`constants.h`).
    gearman_verbose_t, "GEARMAN_VERBOSE_" {
        NEVER = 0, FATAL = 1, ERROR = 2, INFO = 3, DEBUG = 4, CRAZY = 5, MAX = 6,
    }
    /// Internal option numbers that the headers publish (`constants.h`).
    gearman_universal_options_t, "GEARMAN_" {
        NON_BLOCKING = 0, DONT_TRACK_PACKETS = 1, MAX = 2,
    }
    /// Internal connection states that the headers publish (`constants.h`).
    gearman_connection_options_t, "GEARMAN_CON_" {
        READY = 0, PACKET_IN_USE = 1, EXTERNAL_FD = 2, IGNORE_LOST_CONNECTION = 3,
        CLOSE_AFTER_FLUSH = 4, MAX = 5,
    }
    /// Option bits of a client (`constants.h`).
    gearman_client_options_t, "GEARMAN_CLIENT_" {
        ALLOCATED = 1 << 0, NON_BLOCKING = 1 << 1, TASK_IN_USE = 1 << 2,
        UNBUFFERED_RESULT = 1 << 3, NO_NEW = 1 << 4, FREE_TASKS = 1 << 5,
        GENERATE_UNIQUE = 1 << 6, EXCEPTION = 1 << 7, SSL = 1 << 8, MAX = 1 << 9,
        STOP_WAIT_ON_SIGNAL = 1 << 10,
    }
    /// Option bits of a worker (`constants.h`).
    gearman_worker_options_t, "GEARMAN_WORKER_" {
        ALLOCATED = 1 << 0, NON_BLOCKING = 1 << 1, PACKET_INIT = 1 << 2,
        GRAB_JOB_IN_USE = 1 << 3, PRE_SLEEP_IN_USE = 1 << 4, WORK_JOB_IN_USE = 1 << 5,
        CHANGE = 1 << 6, GRAB_UNIQ = 1 << 7, TIMEOUT_RETURN = 1 << 8, GRAB_ALL = 1 << 9,
        SSL = 1 << 10, IDENTIFIER = 1 << 11, MAX = 1 << 12, STOP_WAIT_ON_SIGNAL = 1 << 13,
    }
    /// The priority of a job among those of its function (`priority.h`).
    gearman_job_priority_t, "GEARMAN_JOB_PRIORITY_" { HIGH = 0, NORMAL = 1, LOW = 2, MAX = 3 }
    /// How a task is run (`task_attr.h`).
    gearman_task_attr_kind_t, "GEARMAN_TASK_ATTR_" { FOREGROUND = 0, BACKGROUND = 1, EPOCH = 2 }
    /// The kinds of function that a worker registers (`function.h`).
    gearman_function_kind_t, "GEARMAN_WORKER_FUNCTION_" {
        NULL = 0, V1 = 1, V2 = 2, PARTITION = 3,
    }
    /// The requests of gearman_kill() (`signal.h`).
    gearman_signal_t, "GEARMAN_" {
        SIGNAL_CHECK = 0, SIGNAL_INTERRUPT = 1, SIGNAL_KILL = 2, SIGNAL_KILLWAIT = 3,
        INTERRUPT = 1, KILL = 2,
    }
    /// The member of `gearman_status_t`'s union that is set (`interface/status.h`).
    gearman_status_version_t, "GEARMAN_STATUS_" { V1 = 0 }
    /// The states of a task (`interface/task.h`).
    gearman_task_state_t, "GEARMAN_TASK_STATE_" {
        NEW = 0, SUBMIT = 1, WORKLOAD = 2, WORK = 3, CREATED = 4, DATA = 5, WARNING = 6,
        STATUS = 7, COMPLETE = 8, EXCEPTION = 9, FAIL = 10, FINISHED = 11,
    }
    /// The kinds of function that create a task (`interface/task.h`).
    gearman_task_kind_t, "GEARMAN_TASK_KIND_" { ADD_TASK = 0, EXECUTE = 1, DO = 2 }
    /// Internal client states that the headers publish (`client.h`).
    gearman_client_t, "GEARMAN_CLIENT_STATE_" { IDLE = 0, NEW = 1, SUBMIT = 2, PACKET = 3 }
    /// Internal worker states that the headers publish (`worker.h`).
    gearman_worker_state_t, "GEARMAN_WORKER_STATE_" {
        START = 0, FUNCTION_SEND = 1, CONNECT = 2, GRAB_JOB_SEND = 3, GRAB_JOB_RECV = 4,
        PRE_SLEEP = 5,
    }
    /// Internal worker states that the headers publish (`worker.h`).
    gearman_worker_universal_t, "GEARMAN_WORKER_WORK_UNIVERSAL_" {
        GRAB_JOB = 0, FUNCTION = 1, COMPLETE = 2, FAIL = 3,
    }
    /// Internal connection states that the headers publish (`connection.h`).
    gearman_con_recv_t, "GEARMAN_CON_RECV_" {
        UNIVERSAL_NONE = 0, UNIVERSAL_READ = 1, STATE_READ_DATA = 2,
    }
    /// Internal connection states that the headers publish (`connection.h`).
    gearman_con_send_t, "GEARMAN_CON_SEND_" {
        STATE_NONE = 0, UNIVERSAL_PRE_FLUSH = 1, UNIVERSAL_FORCE_FLUSH = 2,
        UNIVERSAL_FLUSH = 3, UNIVERSAL_FLUSH_DATA = 4,
    }
    /// Internal connection states that the headers publish (`connection.h`).
    gearman_con_universal_t, "GEARMAN_CON_UNIVERSAL_" {
        ADDRINFO = 0, CONNECT = 1, CONNECTING = 2, CONNECTED = 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_gives_the_names_that_c_uses() {
        let (name, value) = gearman_return_t::TABLE[47];
        assert_eq!((name, value), (c"GEARMAN_TIMEOUT", 47));
        assert_eq!(gearman_return_t::FATAL, gearman_return_t::WORK_FAIL);
        assert_eq!(gearman_client_options_t::STOP_WAIT_ON_SIGNAL.0, 0x400);
        assert_eq!(gearman_worker_options_t::STOP_WAIT_ON_SIGNAL.0, 0x2000);
    }

    /// The C interface and the engine have a table each; both are the same.
    #[test]
    fn the_engine_has_the_same_return_codes() {
        use crate::engine::ReturnCode;
        let aliases = [c"GEARMAN_FAIL", c"GEARMAN_FATAL", c"GEARMAN_ERROR"];
        let mut numbers = 0..=gearman_return_t::MAX_RETURN.0;
        for (name, value) in gearman_return_t::TABLE {
            if aliases.contains(name) {
                continue;
            }
            assert_eq!(numbers.next(), Some(*value), "{name:?}");
            assert_eq!(name.to_str(), Ok(ReturnCode(*value).name()));
        }
        assert_eq!(numbers.next(), None, "a code is missing");
        let beyond = gearman_return_t::MAX_RETURN.0 + 1;
        assert_eq!(ReturnCode(beyond).name(), ReturnCode::MAX_RETURN.name());
    }
}
