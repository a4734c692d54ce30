//! [`ReturnCode`]: the result of an operation, numbered as in `libgearman-1.0/return.h`.
//!
//! Must not: be an `enum`: callbacks may return any number, and one without a variant would
//! be undefined behaviour.

/// A `gearman_return_t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[repr(transparent)]
pub struct ReturnCode(pub u32);

macro_rules! codes {
    ($($name:ident = $number:literal,)*) => {
        #[allow(missing_docs)]
        impl ReturnCode {
            $(pub const $name: ReturnCode = ReturnCode($number);)*

            /// The code's C name; "GEARMAN_MAX_RETURN" for numbers beyond the last.
            pub fn name(self) -> &'static str {
                match self.0 {
                    $($number => concat!("GEARMAN_", stringify!($name)),)*
                    _ => "GEARMAN_MAX_RETURN",
                }
            }

            fn by_name(name: &[u8]) -> Option<ReturnCode> {
                $(if name == stringify!($name).as_bytes() {
                    return Some(ReturnCode::$name);
                })*
                None
            }
        }
    };
}

codes! {
    SUCCESS = 0,
    IO_WAIT = 1,
    SHUTDOWN = 2,
    SHUTDOWN_GRACEFUL = 3,
    ERRNO = 4,
    EVENT = 5,
    TOO_MANY_ARGS = 6,
    NO_ACTIVE_FDS = 7,
    INVALID_MAGIC = 8,
    INVALID_COMMAND = 9,
    INVALID_PACKET = 10,
    UNEXPECTED_PACKET = 11,
    GETADDRINFO = 12,
    NO_SERVERS = 13,
    LOST_CONNECTION = 14,
    MEMORY_ALLOCATION_FAILURE = 15,
    JOB_EXISTS = 16,
    JOB_QUEUE_FULL = 17,
    SERVER_ERROR = 18,
    WORK_ERROR = 19,
    WORK_DATA = 20,
    WORK_WARNING = 21,
    WORK_STATUS = 22,
    WORK_EXCEPTION = 23,
    WORK_FAIL = 24,
    NOT_CONNECTED = 25,
    COULD_NOT_CONNECT = 26,
    SEND_IN_PROGRESS = 27,
    RECV_IN_PROGRESS = 28,
    NOT_FLUSHING = 29,
    DATA_TOO_LARGE = 30,
    INVALID_FUNCTION_NAME = 31,
    INVALID_WORKER_FUNCTION = 32,
    NO_REGISTERED_FUNCTION = 33,
    NO_REGISTERED_FUNCTIONS = 34,
    NO_JOBS = 35,
    ECHO_DATA_CORRUPTION = 36,
    NEED_WORKLOAD_FN = 37,
    PAUSE = 38,
    UNKNOWN_STATE = 39,
    PTHREAD = 40,
    PIPE_EOF = 41,
    QUEUE_ERROR = 42,
    FLUSH_DATA = 43,
    SEND_BUFFER_TOO_SMALL = 44,
    IGNORE_PACKET = 45,
    UNKNOWN_OPTION = 46,
    TIMEOUT = 47,
    ARGUMENT_TOO_LARGE = 48,
    INVALID_ARGUMENT = 49,
    IN_PROGRESS = 50,
    INVALID_SERVER_OPTION = 51,
    JOB_NOT_FOUND = 52,
    MAX_RETURN = 53,
}

impl ReturnCode {
    /// The code that an ERROR packet names, with or without `GEARMAN_`. None for an unknown
    /// name and for codes that are not errors: success, requests to wait or to stop, and
    /// outcomes of jobs, which have their own packets.
    pub fn from_server(name: &[u8]) -> Option<ReturnCode> {
        let name = name.strip_prefix(b"GEARMAN_").unwrap_or(name);
        ReturnCode::by_name(name).filter(|code| {
            !matches!(
                *code,
                ReturnCode::SUCCESS
                    | ReturnCode::IO_WAIT
                    | ReturnCode::SHUTDOWN
                    | ReturnCode::SHUTDOWN_GRACEFUL
                    | ReturnCode::JOB_EXISTS
                    | ReturnCode::WORK_ERROR
                    | ReturnCode::WORK_DATA
                    | ReturnCode::WORK_WARNING
                    | ReturnCode::WORK_STATUS
                    | ReturnCode::WORK_EXCEPTION
                    | ReturnCode::WORK_FAIL
                    | ReturnCode::NO_JOBS
                    | ReturnCode::NEED_WORKLOAD_FN
                    | ReturnCode::PAUSE
                    | ReturnCode::UNKNOWN_STATE
                    | ReturnCode::FLUSH_DATA
                    | ReturnCode::IGNORE_PACKET
                    | ReturnCode::IN_PROGRESS
                    | ReturnCode::MAX_RETURN
            )
        })
    }

    /// Whether the code is not `SUCCESS`.
    pub fn failed(self) -> bool {
        self != ReturnCode::SUCCESS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_the_name_of_its_number() {
        assert_eq!(ReturnCode(0).name(), "GEARMAN_SUCCESS");
        assert_eq!(ReturnCode(47).name(), "GEARMAN_TIMEOUT");
        assert_eq!(ReturnCode(53).name(), "GEARMAN_MAX_RETURN");
        assert_eq!(ReturnCode(9999).name(), "GEARMAN_MAX_RETURN");
    }

    #[test]
    fn an_error_packet_names_its_code() {
        assert_eq!(ReturnCode::from_server(b"QUEUE_ERROR"), Some(ReturnCode::QUEUE_ERROR));
        assert_eq!(ReturnCode::from_server(b"JOB_NOT_FOUND"), Some(ReturnCode::JOB_NOT_FOUND));
        assert_eq!(ReturnCode::from_server(b"surprise"), None);
        assert_eq!(ReturnCode::from_server(b"SUCCESS"), None);
        assert_eq!(ReturnCode::from_server(b"GEARMAN_IO_WAIT"), None);
    }
}
