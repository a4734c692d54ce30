//! Log lines: a level, the time, one line of text.
//!
//! Owns the file that they go to, and opens it anew when told to.
//!
//! Must not: be called for every packet at a level that is on by default.

use std::fmt::{self, Arguments};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

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
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

impl Log {
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
        Ok(Log { level, sink })
    }

    /// A log to standard error.
    pub(crate) fn stderr(level: Level) -> Log {
        Log { level, sink: Sink::Stderr }
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
        if level > self.level {
            return;
        }
        let line = format!("{:>7} {} [  main ] {text}\n", level.name(), Timestamp::now());
        // There is nobody to tell when this fails.
        let _ = match &mut self.sink {
            Sink::Nowhere => Ok(()),
            Sink::Stderr => io::stderr().write_all(line.as_bytes()),
            Sink::File(_, file) => file.write_all(line.as_bytes()),
        };
    }
}

/// A moment, shown as UTC.
struct Timestamp {
    seconds: u64,
    micros: u32,
}

impl Timestamp {
    fn now() -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp { seconds: since.as_secs(), micros: since.subsec_micros() }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut days, second) = (self.seconds / 86_400, self.seconds % 86_400);
        let mut year = 1970;
        let is_leap = |year: u64| {
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
        };
        while days >= 365 + u64::from(is_leap(year)) {
            days -= 365 + u64::from(is_leap(year));
            year += 1;
        }
        let february = 28 + u64::from(is_leap(year));
        let mut month = 1;
        for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
            if days < length {
                break;
            }
            days -= length;
            month += 1;
        }
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let (day, micros) = (days + 1, self.micros);
        write!(f, "{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{micros:06}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_shown_as_its_date() {
        let show = |seconds| Timestamp { seconds, micros: 7 }.to_string();
        assert_eq!(show(0), "1970-01-01 00:00:00.000007");
        assert_eq!(show(951_782_400), "2000-02-29 00:00:00.000007");
        assert_eq!(show(1_704_067_199), "2023-12-31 23:59:59.000007");
        assert_eq!(show(1_795_313_718), "2026-11-22 02:15:18.000007");
    }
}
