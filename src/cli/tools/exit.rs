//! [`Exit`]: the exit codes of both tools.
//!
//! Must not: change a number. Scripts depend on them.

use std::process::ExitCode;

use gearman_engine::ReturnCode;

/// An exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Everything was done.
    Done = 0,
    /// A job failed or raised an exception.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// No server could be reached, or a connection was lost.
    Connect = 3,
    /// A timeout expired.
    Timeout = 4,
    /// A server refused a job or an operation.
    Refused = 5,
    /// A local error: input, output, a command, or memory.
    System = 6,
}

impl Exit {
    /// The exit code for a return code of the engine.
    pub(crate) fn from_code(code: ReturnCode) -> Exit {
        match code {
            ReturnCode::SUCCESS => Exit::Done,
            ReturnCode::WORK_FAIL | ReturnCode::WORK_EXCEPTION => Exit::Failed,
            ReturnCode::INVALID_ARGUMENT | ReturnCode::ARGUMENT_TOO_LARGE => Exit::Usage,
            ReturnCode::TIMEOUT => Exit::Timeout,
            ReturnCode::COULD_NOT_CONNECT
            | ReturnCode::GETADDRINFO
            | ReturnCode::LOST_CONNECTION
            | ReturnCode::NOT_CONNECTED
            | ReturnCode::NO_SERVERS => Exit::Connect,
            ReturnCode::MEMORY_ALLOCATION_FAILURE | ReturnCode::ERRNO | ReturnCode::EVENT => {
                Exit::System
            }
            _ => Exit::Refused,
        }
    }

    /// The first of two failures.
    pub(crate) fn or(self, later: Exit) -> Exit {
        if self == Exit::Done { later } else { self }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_is_the_exit_code() {
        assert_eq!(Exit::Done.or(Exit::Failed), Exit::Failed);
        assert_eq!(Exit::Timeout.or(Exit::Failed), Exit::Timeout);
    }

    #[test]
    fn an_error_packet_of_a_server_is_a_refusal() {
        for code in [ReturnCode::QUEUE_ERROR, ReturnCode::JOB_QUEUE_FULL, ReturnCode::SERVER_ERROR]
        {
            assert_eq!(Exit::from_code(code), Exit::Refused);
        }
        assert_eq!(Exit::from_code(ReturnCode::LOST_CONNECTION), Exit::Connect);
    }
}
