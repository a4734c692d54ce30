//! [`Request`]: the line of an admin command, and how its reply ends.
//!
//! Must not: send.

use crate::limits::MAX_TEXT_LINE;
use crate::percent;

/// How the reply to a request ends. A refusal is a single line in both cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// With its first newline.
    Line,
    /// With a line that consists of a full stop.
    List,
}

/// Why a request cannot be expressed as a line of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoWord {
    /// A name contains a space, which separates words, or a control character, some of which
    /// end the line.
    #[error("a name in an admin command cannot contain spaces or control characters")]
    Divided,
    /// The line is longer than servers accept: they close the connection.
    #[error("an admin command has at most {MAX_TEXT_LINE} bytes, its line end included")]
    TooLong,
}

/// The line of an admin command, with how its reply ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    line: Vec<u8>,
    framing: Framing,
}

impl Request {
    /// A request of these words.
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
        // The original removes the last two bytes of some lines without a check: they must be
        // the line end.
        request.line.extend_from_slice(b"\r\n");
        if request.line.len() > MAX_TEXT_LINE { Err(NoWord::TooLong) } else { Ok(request) }
    }

    /// A request of words and percent-encoded names, which may contain any bytes.
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

    /// A request without names.
    fn text(text: &str, framing: Framing) -> Request {
        Request { line: format!("{text}\r\n").into_bytes(), framing }
    }

    /// Lists every function with the number of its jobs, its running jobs and its workers.
    pub fn status() -> Request {
        Request::text("status", Framing::List)
    }

    /// Lists every function with the number of its queued jobs by priority and its workers.
    pub fn priority_status() -> Request {
        Request::text("prioritystatus", Framing::List)
    }

    /// Lists every connection with its registered functions.
    pub fn workers() -> Request {
        Request::text("workers", Framing::List)
    }

    /// Lists the handle of every job, with its retries and two flags.
    pub fn show_jobs() -> Request {
        Request::text("show jobs", Framing::List)
    }

    /// Lists the unique id of every job.
    pub fn show_unique_jobs() -> Request {
        Request::text("show unique jobs", Framing::List)
    }

    /// Asks for the server's process id.
    pub fn getpid() -> Request {
        Request::text("getpid", Framing::Line)
    }

    /// Asks for the server's version.
    pub fn version() -> Request {
        Request::text("version", Framing::Line)
    }

    /// Asks for the server's log level.
    pub fn verbose() -> Request {
        Request::text("verbose", Framing::Line)
    }

    /// Removes the queued job with this handle.
    ///
    /// # Errors
    /// When the handle is not a word.
    pub fn cancel_job(handle: &[u8]) -> Result<Request, NoWord> {
        Request::words(&[b"cancel", b"job", handle], Framing::Line)
    }

    /// Creates a function.
    ///
    /// # Errors
    /// When the name is not a word.
    pub fn create_function(name: &[u8]) -> Result<Request, NoWord> {
        Request::words(&[b"create", b"function", name], Framing::Line)
    }

    /// Removes a function that no worker has registered.
    ///
    /// # Errors
    /// When the name is not a word.
    pub fn drop_function(name: &[u8]) -> Result<Request, NoWord> {
        Request::words(&[b"drop", b"function", name], Framing::Line)
    }

    /// Limits the queued jobs of a function: one number for each priority, or three numbers
    /// for high, normal and low priority. Without a number there is no limit.
    ///
    /// # Errors
    /// When the function's name is not a word.
    pub fn max_queue(function: &[u8], limits: &[u32]) -> Result<Request, NoWord> {
        let numbers: Vec<String> = limits.iter().map(u32::to_string).collect();
        let mut words: Vec<&[u8]> = vec![b"maxqueue", function];
        words.extend(numbers.iter().map(String::as_bytes));
        Request::words(&words, Framing::Line)
    }

    /// Lists the jobs of a function, or all jobs, with function, unique id, priority, state,
    /// age and worker. The original does not know this command and those below.
    ///
    /// # Errors
    /// When the function's name is too long for a line, here and below.
    pub fn jobs(function: Option<&[u8]>) -> Result<Request, NoWord> {
        Request::escaped(&["jobs"], function.as_slice(), Framing::List)
    }

    /// Lists every function with its queued jobs by priority, its delayed and its running jobs,
    /// and its workers.
    pub fn queues() -> Request {
        Request::text("queues", Framing::List)
    }

    /// As `jobs`, with more members, as JSON.
    ///
    /// # Errors
    /// As for `jobs`.
    pub fn json_jobs(function: Option<&[u8]>) -> Result<Request, NoWord> {
        Request::escaped(&["json", "jobs"], function.as_slice(), Framing::Line)
    }

    /// As `status`, with more members, as JSON.
    pub fn json_status() -> Request {
        Request::text("json status", Framing::Line)
    }

    /// As `workers`, with more members, as JSON.
    pub fn json_workers() -> Request {
        Request::text("json workers", Framing::Line)
    }

    /// Asks for the server's version, uptime and counts, as JSON.
    pub fn json_server() -> Request {
        Request::text("json server", Framing::Line)
    }

    /// Asks for the state of the queue of background jobs, as JSON.
    pub fn json_queue() -> Request {
        Request::text("json queue", Framing::Line)
    }

    /// Removes the job with this function and unique id.
    ///
    /// # Errors
    /// As for `jobs`.
    pub fn cancel_unique(function: &[u8], unique: &[u8]) -> Result<Request, NoWord> {
        Request::escaped(&["cancelunique"], &[function, unique], Framing::Line)
    }

    /// Fails the queued and delayed jobs of a function, or with `dry_run` only counts them.
    ///
    /// # Errors
    /// As for `jobs`.
    pub fn drop_queue(name: &[u8], dry_run: bool) -> Result<Request, NoWord> {
        let words: &[&str] = if dry_run { &["dropqueue", "dryrun"] } else { &["dropqueue"] };
        Request::escaped(words, &[name], Framing::Line)
    }

    /// As `drop_function`, and asks for the number of jobs that go with it.
    ///
    /// # Errors
    /// As for `jobs`.
    pub fn drop_function_counted(name: &[u8]) -> Result<Request, NoWord> {
        Request::escaped(&["dropfunction"], &[name], Framing::Line)
    }

    /// Lists the first `count` jobs of a function's queue, with the beginning of their payloads.
    ///
    /// # Errors
    /// As for `jobs`.
    pub fn peek(function: &[u8], count: u32) -> Result<Request, NoWord> {
        Request::escaped(&["peek"], &[function, count.to_string().as_bytes()], Framing::List)
    }

    /// Pauses a function: no more of its jobs are assigned to workers.
    ///
    /// # Errors
    /// As for `jobs`.
    pub fn pause_function(name: &[u8]) -> Result<Request, NoWord> {
        Request::escaped(&["pause", "function"], &[name], Framing::Line)
    }

    /// Resumes a paused function.
    ///
    /// # Errors
    /// As for `jobs`.
    pub fn resume_function(name: &[u8]) -> Result<Request, NoWord> {
        Request::escaped(&["resume", "function"], &[name], Framing::Line)
    }

    /// Stops the server, at once or when its jobs have ended. The server must have been
    /// started with `--allow-shutdown`.
    pub fn shutdown(gracefully: bool) -> Request {
        Request::text(if gracefully { "shutdown graceful" } else { "shutdown" }, Framing::Line)
    }

    /// The bytes to send, line end included.
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
    fn a_request_is_a_line_of_words() {
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
    fn a_name_of_any_bytes_is_encoded_in_our_own_commands() {
        let line = |request: Result<Request, NoWord>| {
            String::from_utf8(request.expect("short").line().to_vec()).expect("text")
        };
        assert_eq!(line(Request::jobs(None)), "jobs\r\n");
        assert_eq!(line(Request::json_jobs(Some(b"a b"))), "json jobs a%20b\r\n");
        assert_eq!(line(Request::cancel_unique(b"f", b"1%\xff")), "cancelunique f 1%25%FF\r\n");
        assert_eq!(line(Request::pause_function(b"f")), "pause function f\r\n");
    }

    #[test]
    fn a_name_with_a_space_or_control_character_is_refused() {
        for name in [&b"a b"[..], b"a\n", b"a\tb", b"\0"] {
            assert_eq!(Request::create_function(name), Err(NoWord::Divided));
        }
        assert!(Request::drop_function(b"").is_ok());
        assert_eq!(Request::drop_function(&[b'a'; MAX_TEXT_LINE]), Err(NoWord::TooLong));
    }
}
