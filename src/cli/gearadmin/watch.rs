//! A live view: the operations are asked again and again, and shown in place on a terminal.
//!
//! Must not: know an operation.

use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::termios::tcgetwinsize;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGWINCH};

use crate::gearadmin::show::Format;
use crate::tools::Exit;
use crate::tools::signals::Signals;
use crate::tools::usage;
use crate::tools::waiting::{self, WaitFor};

/// Shows another screen of the terminal, without a cursor.
const ENTER_SCREEN: &str = "\x1b[?1049h\x1b[?25l";
/// Shows the cursor, and the screen as it was.
const LEAVE_SCREEN: &str = "\x1b[?25h\x1b[?1049l";
const CURSOR_HOME: &str = "\x1b[H";
const CLEAR_LINE_END: &str = "\x1b[K\r\n";
const CLEAR_SCREEN_END: &str = "\x1b[J";

/// Columns and rows of the terminal that standard output is, if it is one.
pub(crate) fn terminal_size() -> Option<(usize, usize)> {
    let size = tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0).then(|| (size.ws_col.into(), size.ws_row.into()))
}

/// The screen that a live view is painted on, which is left at the end.
struct Screen;

impl Screen {
    fn enter() -> io::Result<Screen> {
        io::stdout().write_all(ENTER_SCREEN.as_bytes())?;
        Ok(Screen)
    }

    /// Paints the text over what is there, as far as there are rows.
    fn paint(&self, text: &str) -> io::Result<()> {
        let rows = terminal_size().map_or(usize::MAX, |(_, rows)| rows.max(2));
        let lines: Vec<&str> = text.lines().collect();
        let (shown, rest) = match lines.len() > rows - 1 {
            true => lines.split_at(rows - 2),
            false => (&lines[..], &[][..]),
        };
        let mut painted = CURSOR_HOME.to_owned();
        for line in shown {
            painted.push_str(line);
            painted.push_str(CLEAR_LINE_END);
        }
        if !rest.is_empty() {
            painted.push_str(&format!("… {} more lines{CLEAR_LINE_END}", rest.len()));
        }
        painted.push_str(CLEAR_SCREEN_END);
        let mut output = io::stdout().lock();
        output.write_all(painted.as_bytes())?;
        output.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that has gone needs no repair.
        let _ = io::stdout().write_all(LEAVE_SCREEN.as_bytes());
    }
}

/// What one round has brought.
pub(crate) struct Round {
    /// The answers.
    pub(crate) text: Vec<u8>,
    /// What went wrong.
    pub(crate) complaints: Vec<String>,
}

/// Asks and shows, at once and then every `period`, until a signal ends it.
pub(crate) fn watch(
    period: Duration,
    format: Format,
    about: &str,
    ask: impl FnMut() -> Round,
) -> Exit {
    match try_watch(period, format, about, ask) {
        Ok(()) => Exit::Done,
        Err(error) => usage::cannot_print("gearadmin", error),
    }
}

fn try_watch(
    period: Duration,
    format: Format,
    about: &str,
    mut ask: impl FnMut() -> Round,
) -> io::Result<()> {
    let mut signals = Signals::new(&[SIGINT, SIGTERM, SIGHUP, SIGWINCH])?;
    let has_screen = format == Format::Table && io::stdout().is_terminal();
    let screen = has_screen.then(Screen::enter).transpose()?;
    loop {
        let next = Instant::now() + period;
        let round = ask();
        match &screen {
            Some(screen) => {
                let every = humantime::format_duration(period);
                let text = String::from_utf8_lossy(&round.text);
                let again = |complaint: &String| format!("{complaint}; trying again\n");
                let complaints: String = round.complaints.iter().map(again).collect();
                screen.paint(&format!(
                    "{about}, every {every}; Control-C ends\n\n{text}{complaints}"
                ))?;
            }
            None => {
                round.complaints.iter().for_each(|complaint| super::notify(complaint));
                let mut output = io::stdout().lock();
                output.write_all(&round.text)?;
                output.flush()?;
            }
        }
        while Instant::now() < next {
            waiting::wait(&[(signals.as_fd(), WaitFor::Readable)], Some(next))?;
            match &signals.pending()[..] {
                [] => {}
                received if received.iter().all(|&signal| signal == SIGWINCH) => break,
                _ => return Ok(()),
            }
        }
    }
}
