//! [`ErrorState`]: a handle's last error and its queue of log lines.
//!
//! The text has the original's format, which users search their logs for:
//! `function(GEARMAN_CODE) message -> libgearman/file:line: pid(n)`.
//!
//! Must not: call a log function; `capi` drains the queue.

use super::ReturnCode;
use std::collections::VecDeque;
use std::ffi::{CString, c_char};
use std::io;

/// Size limit of an error text in bytes, including its NUL (`GEARMAN_MAX_ERROR_SIZE`).
const ERROR_TEXT_BYTES_MAX: usize = 2048;

/// The place in the library that reports an error.
#[derive(Clone, Copy, Debug)]
pub struct At {
    /// The public function that the user called, or the internal one that found the error.
    pub function: &'static str,
    /// The source file.
    pub file: &'static str,
    /// The line in it.
    pub line: u32,
}

/// The current source position, with the given function name.
#[macro_export]
#[doc(hidden)]
macro_rules! at {
    ($function:literal) => {
        $crate::error::At { function: $function, file: file!(), line: line!() }
    };
}

/// How much a line for the log function matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// An error, whose text is the line.
    Error,
    /// Nothing failed, and something probably does not happen as it is meant to.
    Info,
}

/// A handle's last error.
#[derive(Debug, Default)]
pub struct ErrorState {
    code: ReturnCode,
    errno: i32,
    text: Option<CString>,
    /// The message alone, from the system, the resolver, the server or the library.
    message: Option<String>,
    /// Lines for the log function, oldest first.
    log: VecDeque<(LogLevel, CString)>,
    /// Lines lent to the log function, including those of log calls that never returned.
    lent: Vec<CString>,
    /// Whether errors are queued for a log function.
    pub wants_log: bool,
    /// Whether other lines are queued for it, too.
    pub wants_info: bool,
}

impl ErrorState {
    /// Clears the last error.
    #[inline]
    pub fn reset(&mut self) {
        // Without a code, text and errno are empty too.
        if self.code.failed() {
            self.forget();
        }
    }

    #[cold]
    #[inline(never)]
    fn forget(&mut self) {
        self.code = ReturnCode::SUCCESS;
        self.errno = 0;
        self.text = None;
        self.message = None;
    }

    /// The last error's code, `SUCCESS` without one.
    pub fn code(&self) -> ReturnCode {
        self.code
    }

    /// The errno of the last error, 0 without one.
    pub fn errno(&self) -> i32 {
        self.errno
    }

    /// The message of the last error, without its code and source position: that of the
    /// system, the resolver or the server if the error is theirs.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// The last error's full text. Its address is valid until the next error.
    pub fn text(&self) -> Option<&CString> {
        self.text.as_ref()
    }

    /// Lends the next line to the log function. Its address is valid until
    /// [`ErrorState::take_back`].
    pub fn lend_log_line(&mut self) -> Option<(LogLevel, *const c_char)> {
        let (level, line) = self.log.pop_front()?;
        let lent = line.as_ptr();
        self.lent.push(line);
        Some((level, lent))
    }

    /// Has the lines queued that another handle has queued.
    pub fn want_same_lines(&mut self, other: &ErrorState) {
        (self.wants_log, self.wants_info) = (other.wants_log, other.wants_info);
    }

    /// Queues a line about something that is no error, for a log function that wants such
    /// lines.
    #[cold]
    pub fn inform(&mut self, text: String) {
        debug_assert!(self.wants_info && !text.contains('\0'));
        self.log.push_back((LogLevel::Info, CString::new(text).unwrap_or_default()));
    }

    /// Frees all lent lines. Must not be called while a log function runs.
    pub fn forget_lent(&mut self) {
        self.lent.clear();
    }

    /// Frees a lent line.
    pub fn take_back(&mut self, lent: *const c_char) {
        self.lent.retain(|line| line.as_ptr() != lent);
    }

    /// Whether the queue holds lines.
    pub fn has_log(&self) -> bool {
        !self.log.is_empty()
    }

    /// Records an error with its text and returns its code.
    #[cold]
    pub fn set(&mut self, code: ReturnCode, at: At, text: &str) -> ReturnCode {
        self.errno = 0;
        self.record(code, at, code.name(), text);
        self.message = Some(text.to_owned());
        code
    }

    /// Records a system error and returns the code for it.
    #[cold]
    pub fn set_io(&mut self, error: &io::Error, at: At, text: &str) -> ReturnCode {
        let code = code_for(error);
        self.set_io_as(code, error, at, text)
    }

    /// Records a system error with the given code and returns that.
    #[cold]
    pub fn set_io_as(
        &mut self,
        code: ReturnCode,
        error: &io::Error,
        at: At,
        text: &str,
    ) -> ReturnCode {
        let shown = system_text(error);
        self.record(code, at, &shown, text);
        self.errno = error.raw_os_error().unwrap_or(0);
        self.message = Some(shown);
        code
    }

    /// Records that a host cannot be resolved.
    #[cold]
    pub fn set_lookup(&mut self, host: &str, port: u16, error: &io::Error) -> ReturnCode {
        // The resolver's message, without the prefix that Rust adds.
        let why = system_text(error);
        let why = why.strip_prefix("failed to lookup address information: ").unwrap_or(&why);
        let pid = std::process::id();
        let text = format!("{host}:{port} getaddrinfo:{why} pid({pid})");
        let words = why.to_owned();
        self.keep(ReturnCode::GETADDRINFO, text);
        self.message = Some(words);
        ReturnCode::GETADDRINFO
    }

    /// Records a code with its name as the text, without a log line: a failed job is not an
    /// error of the library.
    pub fn set_named(&mut self, code: ReturnCode) -> ReturnCode {
        let wanted = std::mem::take(&mut self.wants_log);
        self.keep(code, code.name().to_owned());
        self.wants_log = wanted;
        code
    }

    /// Records a code without a text.
    pub fn set_code(&mut self, code: ReturnCode) -> ReturnCode {
        debug_assert!(code.failed());
        self.code = code;
        code
    }

    fn record(&mut self, code: ReturnCode, at: At, shown: &str, text: &str) -> ReturnCode {
        let file = at.file.rsplit('/').next().unwrap_or(at.file);
        let (space, function, line) =
            (if text.is_empty() { "" } else { " " }, at.function, at.line);
        let pid = std::process::id();
        let full =
            format!("{function}({shown}){space}{text} -> libgearman/{file}:{line}: pid({pid})");
        self.keep(code, full)
    }

    fn keep(&mut self, code: ReturnCode, full: String) -> ReturnCode {
        let mut bytes: Vec<u8> = full.into_bytes();
        bytes.retain(|&b| b != 0);
        bytes.truncate(ERROR_TEXT_BYTES_MAX - 1);
        // Cannot fail: the NUL bytes were removed.
        let full = CString::new(bytes).unwrap_or_default();
        if self.wants_log {
            self.log.push_back((LogLevel::Error, full.clone()));
        }
        self.code = code;
        self.text = Some(full);
        self.message = None;
        code
    }
}

/// The code for a system error.
pub fn code_for(error: &io::Error) -> ReturnCode {
    match error.raw_os_error() {
        Some(libc::EFAULT | libc::ENOMEM) => ReturnCode::MEMORY_ALLOCATION_FAILURE,
        Some(libc::EINVAL) => ReturnCode::INVALID_ARGUMENT,
        Some(libc::ECONNRESET | libc::EHOSTDOWN | libc::EPIPE) => ReturnCode::LOST_CONNECTION,
        Some(libc::ECONNREFUSED | libc::ENETUNREACH | libc::ETIMEDOUT | libc::EHOSTUNREACH) => {
            ReturnCode::COULD_NOT_CONNECT
        }
        _ => ReturnCode::ERRNO,
    }
}

/// The system's message for an error, without the number that Rust appends.
pub(super) fn system_text(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> At {
        At { function: "gearman_test", file: "src/engine/some.rs", line: 7 }
    }

    #[test]
    fn an_error_text_has_the_format_of_the_original() {
        let mut error = ErrorState::default();
        let code = error.set(ReturnCode::TIMEOUT, at(), "timeout reached");
        assert_eq!(code, ReturnCode::TIMEOUT);
        let pid = std::process::id();
        assert_eq!(
            error.text().expect("an error text").to_str(),
            Ok(format!(
                "gearman_test(GEARMAN_TIMEOUT) timeout reached -> libgearman/some.rs:7: pid({pid})"
            )
            .as_str())
        );
        error.reset();
        assert_eq!((error.code(), error.text()), (ReturnCode::SUCCESS, None));
    }

    #[test]
    fn a_system_error_shows_the_message_of_the_system() {
        let mut error = ErrorState::default();
        let refused = io::Error::from_raw_os_error(libc::ECONNREFUSED);
        assert_eq!(error.set_io(&refused, at(), "connect"), ReturnCode::COULD_NOT_CONNECT);
        assert_eq!(error.errno(), libc::ECONNREFUSED);
        let text = error.text().expect("an error text").to_str().expect("UTF-8 text").to_owned();
        assert!(text.starts_with("gearman_test(Connection refused) connect -> "), "{text}");
    }

    #[test]
    fn an_error_text_has_at_most_2048_bytes() {
        let mut error = ErrorState::default();
        error.set(ReturnCode::SERVER_ERROR, at(), &"x".repeat(10_000));
        assert_eq!(error.text().expect("an error text").as_bytes().len(), ERROR_TEXT_BYTES_MAX - 1);
    }

    #[test]
    fn log_lines_are_queued_only_for_a_log_function() {
        let mut error = ErrorState::default();
        error.set(ReturnCode::TIMEOUT, at(), "");
        assert!(!error.has_log());
        error.wants_log = true;
        error.set(ReturnCode::TIMEOUT, at(), "");
        let (level, line) = error.lend_log_line().expect("a line");
        assert_eq!(level, LogLevel::Error);
        error.take_back(line);
        assert!(error.lent.is_empty());
        assert!(!error.has_log());
        error.wants_info = true;
        error.inform("a line".to_owned());
        assert_eq!(error.lend_log_line().map(|(level, _)| level), Some(LogLevel::Info));
    }
}
