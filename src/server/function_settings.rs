//! Limits and pauses of functions: those of the command line, and the file that keeps what
//! administrators have set, so that it survives the server.
//!
//! Must not: know what a limit means. The broker does.

use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gearman_broker::{Broker, FunctionSettings};
use gearman_files::{read_regular, write_whole};
use gearman_protocol::percent::{escape, unescape};

/// Largest size of the file, in bytes.
const SETTINGS_BYTES_MAX: u64 = 64 << 20;

/// First line of the file.
const SETTINGS_HEADER: &str =
    "# Limits (HIGH NORMAL LOW; 0 is none) and pauses of functions, by gearmand";

/// Time between two attempts to write the file.
const RETRY_PERIOD: Duration = Duration::from_secs(10);

/// The file, and what it has.
pub(crate) struct SettingsFile {
    path: PathBuf,
    /// The broker's number of changes when it was written last.
    written: u64,
    /// What the configuration sets, which the file does not have.
    configured: Vec<FunctionSettings>,
    /// When writing is tried again after it has failed.
    retry_at: Option<Instant>,
}

impl SettingsFile {
    /// Gives a broker without functions the settings of the file, if there is one.
    ///
    /// # Errors
    /// When the file cannot be read, with the line that is wrong.
    pub(crate) fn load(path: &Path, broker: &mut Broker) -> io::Result<SettingsFile> {
        let text = match read_regular(path, SETTINGS_BYTES_MAX) {
            Ok((text, _)) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        for (number, line) in (1..).zip(text.split(|&byte| byte == b'\n')) {
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let settings = parse(line).ok_or_else(|| {
                let line = line.escape_ascii();
                io::Error::other(format!(
                    "line {number}: expected three limits, 'paused' or '-', and a function, not \
                     '{line}'"
                ))
            })?;
            broker.set_function(&settings);
        }
        Ok(SettingsFile {
            path: path.to_path_buf(),
            written: 0,
            configured: Vec::new(),
            retry_at: None,
        })
    }

    /// Begins to keep changes. `configured` is what the configuration has set in the meantime.
    pub(crate) fn begin(&mut self, configured: Vec<FunctionSettings>, broker: &Broker) {
        self.configured = configured;
        self.written = broker.setting_changes();
    }

    /// Writes the file if a limit or a pause was changed since the last time.
    ///
    /// # Errors
    /// When it cannot be written. It is tried again in later calls.
    pub(crate) fn keep(&mut self, broker: &Broker) -> io::Result<()> {
        let is_retry = self.retry_at.is_some_and(|due| Instant::now() >= due);
        if self.written == broker.setting_changes() && !is_retry {
            return Ok(());
        }
        self.written = broker.setting_changes();
        let mut all = broker.function_settings();
        all.retain(|settings| !self.configured.contains(settings));
        let result = write_whole(&self.path, &text(&all));
        self.retry_at = result.is_err().then(|| Instant::now() + RETRY_PERIOD);
        result
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

fn text(all: &[FunctionSettings]) -> String {
    let mut text = format!("{SETTINGS_HEADER}\n");
    for FunctionSettings { function, limits: [high, normal, low], is_paused } in all {
        let mut name = Vec::new();
        escape(function, &mut name);
        let (name, state) =
            (String::from_utf8_lossy(&name), if *is_paused { "paused" } else { "-" });
        writeln!(text, "{high} {normal} {low} {state} {name}").expect("a string takes all text");
    }
    text
}

fn parse(line: &[u8]) -> Option<FunctionSettings> {
    let mut words = str::from_utf8(line).ok()?.splitn(5, ' ');
    let mut limit = || words.next()?.parse::<u32>().ok();
    let limits = [limit()?, limit()?, limit()?];
    let is_paused = match words.next()? {
        "paused" => true,
        "-" => false,
        _ => return None,
    };
    let function = unescape(words.next()?.as_bytes()).ok()?;
    Some(FunctionSettings { function: function.into(), limits, is_paused })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let all = [
            FunctionSettings {
                function: b"a b\n\xff".as_slice().into(),
                limits: [1, 2, u32::MAX],
                is_paused: true,
            },
            FunctionSettings { function: b"".as_slice().into(), limits: [0; 3], is_paused: false },
        ];
        let text = text(&all);
        let read: Vec<_> = text.lines().skip(1).map(|line| parse(line.as_bytes())).collect();
        assert_eq!(read, all.map(Some));
    }

    #[test]
    fn a_wrong_line_is_refused() {
        for line in ["1 2 paused f", "1 2 3 stopped f", "1 2 -3 - f", "1 2 3 -", "1 2 3 - %"] {
            assert_eq!(parse(line.as_bytes()), None, "{line}");
        }
    }
}
