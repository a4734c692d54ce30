//! Log lines: a level, the time, one line of text.
//!
//! Owns the file that they go to, and opens it anew when told to. They may go to
//! the system's log as well.
//!
//! Must not: be called for every packet at a level that is on by default.

mod syslog;
mod throttle;
mod timestamp;

pub(crate) use throttle::Throttle;

use std::fmt::Arguments;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use syslog::Syslog;
use timestamp::Timestamp;

/// Lines per second about what peers do wrong.
const PEER_LINES_PER_SECOND: u32 = 10;

/// How important a line is. The names are the original's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
#[value(rename_all = "UPPER")]
pub(crate) enum Level {
    /// The server ends.
    Fatal,
    /// Somebody must act now.
    Alert,
    /// A part of the server does not work.
    Critical,
    /// Something failed.
    Error,
    /// Something will fail if nobody looks.
    Warning,
    /// Normal, and worth knowing.
    Notice,
    /// What happens.
    Info,
    /// How it happens.
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

enum Sink {
    Nowhere,
    Stderr,
    File(PathBuf, File),
}

/// Where lines go, and which.
pub(crate) struct Log {
    level: Level,
    sink: Sink,
    syslog: Option<Syslog>,
    complaints: Throttle,
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

impl Log {
    fn new(level: Level, sink: Sink) -> Log {
        let complaints = Throttle::new(PEER_LINES_PER_SECOND, Duration::from_secs(1));
        Log { level, sink, syslog: None, complaints }
    }

    /// A log to a file, or to what `stderr` and `none` stand for.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub(crate) fn open(path: &Path, level: Level) -> io::Result<Log> {
        let sink = match path.to_str() {
            Some("stderr") => Sink::Stderr,
            Some("none") => Sink::Nowhere,
            _ => Sink::File(path.to_path_buf(), open(path)?),
        };
        Ok(Log::new(level, sink))
    }

    /// A log to standard error.
    pub(crate) fn stderr(level: Level) -> Log {
        Log::new(level, Sink::Stderr)
    }

    /// The same log, and to the system's as well.
    pub(crate) fn with_syslog(self) -> Log {
        Log { syslog: Some(Syslog::new()), ..self }
    }

    /// A log to the system's only.
    pub(crate) fn syslog(level: Level) -> Log {
        Log::new(level, Sink::Nowhere).with_syslog()
    }

    /// Whether lines go to standard error.
    pub(crate) fn is_stderr(&self) -> bool {
        matches!(self.sink, Sink::Stderr)
    }

    /// The level from which on lines are not logged.
    pub(crate) fn level(&self) -> Level {
        self.level
    }

    /// Opens the file anew, for whoever renamed the old one. Without success the
    /// old one stays in use.
    pub(crate) fn reopen(&mut self) {
        self.write(Level::Notice, format_args!("SIGHUP, reopening log file"));
        if let Sink::File(path, file) = &mut self.sink {
            match open(path) {
                Ok(fresh) => *file = fresh,
                Err(error) => {
                    let path = path.clone();
                    self.write(Level::Error, format_args!("reopen {}: {error}", path.display()));
                }
            }
        }
    }

    /// Writes a line if its level is wanted.
    pub(crate) fn write(&mut self, level: Level, text: Arguments<'_>) {
        if level <= self.level {
            self.write_always(level, text);
        }
    }

    /// Writes a line whatever the level that is wanted.
    pub(crate) fn write_always(&mut self, level: Level, text: Arguments<'_>) {
        let line = format!("{:>7} {} [  main ] {text}\n", level.name(), Timestamp::now());
        // There is nobody to tell when this fails.
        let _ = match &mut self.sink {
            Sink::Nowhere => Ok(()),
            Sink::Stderr => io::stderr().write_all(line.as_bytes()),
            Sink::File(_, file) => file.write_all(line.as_bytes()),
        };
        if let Some(syslog) = &mut self.syslog {
            syslog.write(level, line.trim_end());
        }
    }

    /// Writes a line about what a peer did wrong, unless there were too many of
    /// them lately: a peer must not be able to fill the disk.
    pub(crate) fn complain(&mut self, level: Level, text: Arguments<'_>) {
        if level > self.level {
            return;
        }
        self.report_suppressed();
        if self.complaints.admits(Instant::now()) {
            self.write(level, text);
        }
    }

    /// Says how many lines about peers were left out, once the flood is over.
    pub(crate) fn report_suppressed(&mut self) {
        if self.complaints.has_suppressed() && self.complaints.is_over(Instant::now()) {
            self.report_all_suppressed();
        }
    }

    /// Says so in any case.
    pub(crate) fn report_all_suppressed(&mut self) {
        match self.complaints.take_suppressed() {
            0 => {}
            count => {
                self.write(Level::Error, format_args!("suppressed {count} more lines about peers"));
            }
        }
    }
}
