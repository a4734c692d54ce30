//! [`Request`]: a line of the text protocol that asks a server something, and
//! how its reply ends.
//!
//! Must not: send.

use crate::limits::MAX_TEXT_LINE;
use crate::percent;

/// How the reply to a request ends. A refusal is one line in either case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// With its first line.
    Line,
    /// With a line that is only a full stop.
    List,
}

/// Why something cannot be named in a text request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoWord {
    /// Blanks divide the words of a line, and control characters end it.
    #[error("a name in an admin command cannot contain spaces or control characters")]
    Divided,
    /// Servers close the connection.
    #[error("an admin command has at most {MAX_TEXT_LINE} bytes, its line end included")]
    TooLong,
}

/// A line for a server, and what to expect of its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    line: Vec<u8>,
    framing: Framing,
}

impl Request {
    fn words(words: &[&[u8]], framing: Framing) -> Result<Request, NoWord> {
        let mut request = Request { line: Vec::new(), framing };
        for (number, word) in words.iter().enumerate() {
            if word.iter().any(|b| *b == b' ' || b.is_ascii_control()) {
                return Err(NoWord::Divided);
            }
            if number > 0 {
                request.line.push(b' ');
            }
            request.line.extend_from_slice(word);
        }
        // The original cuts two bytes off the end of some lines, whatever they
        // are.
        request.line.extend_from_slice(b"\r\n");
        if request.line.len() > MAX_TEXT_LINE { Err(NoWord::TooLong) } else { Ok(request) }
    }

    /// A request whose names may be of any bytes.
    fn escaped(words: &[&str], names: &[&[u8]], framing: Framing) -> Result<Request, NoWord> {
        let mut line: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        for name in names {
            let mut word = Vec::new();
            percent::escape(name, &mut word);
            line.push(word);
        }
        let line: Vec<&[u8]> = line.iter().map(Vec::as_slice).collect();
        Request::words(&line, framing)
    }

    fn text(text: &str, framing: Framing) -> Request {
        Request { line: format!("{text}\r\n").into_bytes(), framing }
    }

    /// Every function with its jobs, those that run, and its workers.
    pub fn status() -> Request {
        Request::text("status", Framing::List)
    }

    /// Every function with its waiting jobs by priority, and its workers.
    pub fn priority_status() -> Request {
        Request::text("prioritystatus", Framing::List)
    }

    /// Every connection with the functions that it offers.
    pub fn workers() -> Request {
        Request::text("workers", Framing::List)
    }

    /// The handle of every job, and its state in numbers.
    pub fn show_jobs() -> Request {
        Request::text("show jobs", Framing::List)
    }

    /// The unique id of every job.
    pub fn show_unique_jobs() -> Request {
        Request::text("show unique jobs", Framing::List)
    }

    /// The server's process id.
    pub fn getpid() -> Request {
        Request::text("getpid", Framing::Line)
    }

    /// The server's version.
    pub fn version() -> Request {
        Request::text("version", Framing::Line)
    }

    /// The server's log level.
    pub fn verbose() -> Request {
        Request::text("verbose", Framing::Line)
    }

    /// Cancel the job with this handle.
    ///
    /// # Errors
    /// When it is no word.
    pub fn cancel_job(handle: &[u8]) -> Result<Request, NoWord> {
        Request::words(&[b"cancel", b"job", handle], Framing::Line)
    }

    /// Let a function be known.
    ///
    /// # Errors
    /// When its name is no word.
    pub fn create_function(name: &[u8]) -> Result<Request, NoWord> {
        Request::words(&[b"create", b"function", name], Framing::Line)
    }

    /// Forget a function that nobody uses.
    ///
    /// # Errors
    /// When its name is no word.
    pub fn drop_function(name: &[u8]) -> Result<Request, NoWord> {
        Request::words(&[b"drop", b"function", name], Framing::Line)
    }

    /// Limit how many jobs of a function may wait: one number for each priority,
    /// or three, for high, normal and low. Without numbers there is no limit.
    ///
    /// # Errors
    /// When the function's name is no word.
    pub fn max_queue(function: &[u8], limits: &[u32]) -> Result<Request, NoWord> {
        let numbers: Vec<String> = limits.iter().map(u32::to_string).collect();
        let mut words: Vec<&[u8]> = vec![b"maxqueue", function];
        words.extend(numbers.iter().map(String::as_bytes));
        Request::words(&words, Framing::Line)
    }

    /// Every job with its function, unique id, priority, state, age and worker:
    /// of one function, or of all. Not known to the original, like those below.
    ///
    /// # Errors
    /// When the function's name is too long, here and below.
    pub fn jobs(function: Option<&[u8]>) -> Result<Request, NoWord> {
        Request::escaped(&["jobs"], function.as_slice(), Framing::List)
    }

    /// What `jobs` lists, and more, as JSON.
    ///
    /// # Errors
    /// As for `jobs`.
    pub fn json_jobs(function: Option<&[u8]>) -> Result<Request, NoWord> {
        Request::escaped(&["json", "jobs"], function.as_slice(), Framing::Line)
    }

    /// What `status` lists, and more, as JSON.
    pub fn json_status() -> Request {
        Request::text("json status", Framing::Line)
    }

    /// What `workers` lists, and more, as JSON.
    pub fn json_workers() -> Request {
        Request::text("json workers", Framing::Line)
    }

    /// What a server says of itself, as JSON.
    pub fn json_server() -> Request {
        Request::text("json server", Framing::Line)
    }

    /// Cancel the job of a function with this unique id.
    ///
    /// # Errors
    /// As for `jobs`.
    pub fn cancel_unique(function: &[u8], unique: &[u8]) -> Result<Request, NoWord> {
        Request::escaped(&["cancelunique"], &[function, unique], Framing::Line)
    }

    /// Hand no more jobs of a function out.
    ///
    /// # Errors
    /// As for `jobs`.
    pub fn pause_function(name: &[u8]) -> Result<Request, NoWord> {
        Request::escaped(&["pause", "function"], &[name], Framing::Line)
    }

    /// Hand jobs of a function out again.
    ///
    /// # Errors
    /// As for `jobs`.
    pub fn resume_function(name: &[u8]) -> Result<Request, NoWord> {
        Request::escaped(&["resume", "function"], &[name], Framing::Line)
    }

    /// End the server, at once or once its jobs are done. It has to have been
    /// started so that it obeys.
    pub fn shutdown(gracefully: bool) -> Request {
        Request::text(if gracefully { "shutdown graceful" } else { "shutdown" }, Framing::Line)
    }

    /// The bytes to send.
    pub fn line(&self) -> &[u8] {
        &self.line
    }

    /// How the reply ends.
    pub fn framing(&self) -> Framing {
        self.framing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_a_line() {
        let request = Request::cancel_job(b"H:a:1").expect("a word");
        assert_eq!(
            (request.line(), request.framing()),
            (&b"cancel job H:a:1\r\n"[..], Framing::Line)
        );
        assert_eq!(Request::show_jobs().line(), b"show jobs\r\n");
        let limits = Request::max_queue(b"f", &[1, 2, 3]).expect("words");
        assert_eq!(limits.line(), b"maxqueue f 1 2 3\r\n");
    }

    #[test]
    fn our_own_commands_take_any_name() {
        let line = |request: Result<Request, NoWord>| {
            String::from_utf8(request.expect("short").line().to_vec()).expect("text")
        };
        assert_eq!(line(Request::jobs(None)), "jobs\r\n");
        assert_eq!(line(Request::json_jobs(Some(b"a b"))), "json jobs a%20b\r\n");
        assert_eq!(line(Request::cancel_unique(b"f", b"1%\xff")), "cancelunique f 1%25%FF\r\n");
        assert_eq!(line(Request::pause_function(b"f")), "pause function f\r\n");
    }

    #[test]
    fn a_name_is_one_word() {
        for name in [&b"a b"[..], b"a\n", b"a\tb", b"\0"] {
            assert_eq!(Request::create_function(name), Err(NoWord::Divided));
        }
        assert!(Request::drop_function(b"").is_ok());
        assert_eq!(Request::drop_function(&[b'a'; MAX_TEXT_LINE]), Err(NoWord::TooLong));
    }
}
