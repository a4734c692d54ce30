//! Log lines: a level, the time, a text. They go to a file, which is reopened
//! on request, to standard error, to syslog, or to none of these.
//!
//! Must not: be called for every packet at a level that is on by default.

mod audit;
mod losses;
mod syslog;
mod throttle;
mod timestamp;

pub(crate) use throttle::Throttle;

use std::fmt::Arguments;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use audit::AuditLog;
use gearman_files::{LinkPolicy, open_log};
use losses::LossLines;
use syslog::Syslog;
use timestamp::Timestamp;

/// Most log lines per second about faulty peers, and about workers and their jobs.
const LIMITED_LINES_PER_SECOND: u32 = 10;

/// Permissions of a new log file, without those that the umask takes.
const LOG_FILE_MODE: u32 = 0o666;

/// The importance of a line. The names are the original's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
#[value(rename_all = "UPPER")]
pub(crate) enum Level {
    /// The server cannot continue.
    Fatal,
    /// Immediate action is needed.
    Alert,
    /// Part of the server does not work.
    Critical,
    /// An operation failed.
    Error,
    /// An operation may fail soon.
    Warning,
    /// A normal but significant event.
    Notice,
    /// A normal event.
    Info,
    /// Details, such as each packet.
    Debug,
}

impl Level {
    /// The level's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Level::Fatal => "FATAL",
            Level::Alert => "ALERT",
            Level::Critical => "CRITICAL",
            Level::Error => "ERROR",
            Level::Warning => "WARNING",
            Level::Notice => "NOTICE",
            Level::Info => "INFO",
            Level::Debug => "DEBUG",
        }
    }
}

/// The destination of log lines other than syslog.
enum Sink {
    None,
    Stderr,
    File(PathBuf, File),
}

/// The log: where lines go, and the least important level that is written.
pub(crate) struct Log {
    level: Level,
    sink: Sink,
    syslog: Option<Syslog>,
    audit: Option<AuditLog>,
    /// Limits the lines about faulty peers.
    peer_lines: Throttle,
    /// Limits the lines about workers and their jobs.
    event_lines: Throttle,
    /// Limits the lines about jobs that the server ended.
    loss_lines: LossLines,
    /// Whether accepted jobs have lines.
    has_submissions: bool,
}

/// Never waits: the event loop opens it again on SIGHUP.
fn open(path: &Path) -> io::Result<File> {
    open_log(path, LOG_FILE_MODE, LinkPolicy::Trusted)
}

impl Log {
    fn new(level: Level, sink: Sink) -> Log {
        let throttle = || Throttle::new(LIMITED_LINES_PER_SECOND, Duration::from_secs(1));
        let (peer_lines, event_lines) = (throttle(), throttle());
        let loss_lines = LossLines::new(LIMITED_LINES_PER_SECOND);
        Log {
            level,
            sink,
            syslog: None,
            audit: None,
            peer_lines,
            event_lines,
            loss_lines,
            has_submissions: true,
        }
    }

    /// Opens a log: to the file `path`, to standard error for `stderr`, or to nothing for
    /// `none`.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub(crate) fn open(path: &Path, level: Level) -> io::Result<Log> {
        let sink = match path.to_str() {
            Some("stderr") => Sink::Stderr,
            Some("none") => Sink::None,
            _ => Sink::File(path.to_path_buf(), open(path)?),
        };
        Ok(Log::new(level, sink))
    }

    /// A log to standard error.
    pub(crate) fn stderr(level: Level) -> Log {
        Log::new(level, Sink::Stderr)
    }

    /// Adds syslog.
    pub(crate) fn with_syslog(self) -> Log {
        Log { syslog: Some(Syslog::new()), ..self }
    }

    /// Adds an audit log.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub(crate) fn with_audit(self, path: &Path) -> io::Result<Log> {
        Ok(Log { audit: Some(AuditLog::open(path)?), ..self })
    }

    /// Leaves out the lines about accepted jobs, unless they are wanted.
    pub(crate) fn with_submissions(self, has_submissions: bool) -> Log {
        Log { has_submissions, ..self }
    }

    /// Whether accepted jobs have lines.
    pub(crate) fn has_submissions(&self) -> bool {
        self.has_submissions
    }

    /// A log to syslog only.
    pub(crate) fn syslog(level: Level) -> Log {
        Log::new(level, Sink::None).with_syslog()
    }

    /// Whether lines go to standard error.
    pub(crate) fn is_stderr(&self) -> bool {
        matches!(self.sink, Sink::Stderr)
    }

    /// The least important level that is logged.
    pub(crate) fn level(&self) -> Level {
        self.level
    }

    /// Reopens the file after log rotation. If that fails, the old file stays in use.
    pub(crate) fn reopen(&mut self) {
        self.write(Level::Notice, format_args!("SIGHUP, reopening log file"));
        self.reopen_audit();
        if let Sink::File(path, file) = &mut self.sink {
            match open(path) {
                Ok(fresh) => *file = fresh,
                Err(error) => {
                    let path = path.display().to_string();
                    let text = format_args!(
                        "Cannot reopen log file {path}: {error}; writing to the old file"
                    );
                    self.write(Level::Error, text);
                }
            }
        }
    }

    /// Reopens the audit log after log rotation. If that fails, the old file stays in use.
    fn reopen_audit(&mut self) {
        let Some(audit) = &mut self.audit else { return };
        let Err(error) = audit.reopen() else { return };
        let path = audit.path().display().to_string();
        let text = format_args!("Cannot reopen audit log {path}: {error}; writing to the old file");
        self.write(Level::Error, text);
    }

    /// Writes a line about a text command that was run, or that was refused: to the log, and to
    /// the audit log.
    pub(crate) fn audit(&mut self, text: Arguments<'_>, is_denied: bool) {
        match is_denied {
            true => self.write_about_peer(Level::Warning, text),
            false => self.write(Level::Notice, text),
        }
        self.audit.iter_mut().for_each(|audit| audit.write(text, is_denied));
    }

    /// Writes a line, if its level is logged.
    pub(crate) fn write(&mut self, level: Level, text: Arguments<'_>) {
        if level <= self.level {
            self.write_always(level, text);
        }
    }

    /// Writes a line, whatever its level.
    pub(crate) fn write_always(&mut self, level: Level, text: Arguments<'_>) {
        let line = format!("{:>7} {} [  main ] {text}\n", level.name(), Timestamp::now());
        // A failure of the log cannot be reported anywhere.
        let _ = match &mut self.sink {
            Sink::None => Ok(()),
            Sink::Stderr => io::stderr().write_all(line.as_bytes()),
            Sink::File(_, file) => file.write_all(line.as_bytes()),
        };
        if let Some(syslog) = &mut self.syslog {
            syslog.write(level, line.trim_end());
        }
    }

    /// Writes a line about a faulty peer, unless there were too many in this second: a
    /// peer must not be able to fill the disk.
    pub(crate) fn write_about_peer(&mut self, level: Level, text: Arguments<'_>) {
        if level > self.level {
            return;
        }
        self.report_suppressed();
        if self.peer_lines.admits(Instant::now()) {
            self.write(level, text);
        }
    }

    /// Writes a line about a worker or its jobs, unless there were too many in this second.
    pub(crate) fn write_event(&mut self, text: Arguments<'_>) {
        if Level::Info > self.level {
            return;
        }
        self.report_suppressed();
        if self.event_lines.admits(Instant::now()) {
            self.write(Level::Info, text);
        }
    }

    /// Writes an error about a job that the server ended for this reason, unless there were too
    /// many in this second: then the number is written later, by function.
    pub(crate) fn write_loss(&mut self, why: &'static str, function: &[u8], text: Arguments<'_>) {
        self.report_suppressed();
        if self.loss_lines.admits(why, function, Instant::now()) {
            self.write(Level::Error, text);
        }
    }

    /// Whether something was left out that was not reported.
    pub(crate) fn has_suppressed(&self) -> bool {
        self.peer_lines.has_suppressed()
            || self.event_lines.has_suppressed()
            || self.loss_lines.has_left_out()
    }

    /// Reports how many lines were left out, once their second is over. Called in every turn: without
    /// such lines it does not read the clock.
    pub(crate) fn report_suppressed(&mut self) {
        if !self.has_suppressed() {
            return;
        }
        let now = Instant::now();
        let is_due = |lines: &Throttle| lines.has_suppressed() && lines.is_over(now);
        if is_due(&self.peer_lines) {
            self.report_left_out_about_peers();
        }
        if is_due(&self.event_lines) {
            self.report_left_out_events();
        }
        if self.loss_lines.is_due(now) {
            self.report_losses();
        }
    }

    /// Reports the lines left out so far.
    pub(crate) fn report_all_suppressed(&mut self) {
        self.report_left_out_about_peers();
        self.report_left_out_events();
        self.report_losses();
    }

    fn report_losses(&mut self) {
        for ((why, function), jobs) in self.loss_lines.take() {
            let function = function.escape_ascii();
            let line = format_args!("Failed {jobs} more jobs of function {function}: {why}");
            self.write(Level::Error, line);
        }
    }

    fn report_left_out_about_peers(&mut self) {
        let count = self.peer_lines.take_suppressed();
        self.report_left_out(Level::Error, count, "faulty peers");
    }

    fn report_left_out_events(&mut self) {
        let count = self.event_lines.take_suppressed();
        self.report_left_out(Level::Info, count, "workers and their jobs");
    }

    fn report_left_out(&mut self, level: Level, count: u64, about: &str) {
        if count > 0 {
            let limit = LIMITED_LINES_PER_SECOND;
            let line = format_args!(
                "Left out {count} lines about {about}: more than {limit} in one second"
            );
            self.write(level, line);
        }
    }
}
