//! The system's log: one datagram per line.
//!
//! Must not: wait. A log that takes nothing loses lines, and nothing else.

use std::io::{self, ErrorKind};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

use super::Level;

/// Where the system's log listens.
const SOCKET: &str = "/dev/log";
/// The facility of programs that have none of their own, LOG_USER.
const FACILITY: u8 = 1 << 3;

/// A way to the system's log.
pub(super) struct Syslog {
    path: PathBuf,
    socket: Option<UnixDatagram>,
}

impl Syslog {
    /// The way to the system's log. It is taken when there is something to say.
    pub(super) fn new() -> Syslog {
        Syslog { path: SOCKET.into(), socket: None }
    }

    /// Sends a line.
    pub(super) fn write(&mut self, level: Level, line: &str) {
        // The levels of the original are those of syslog, in its order.
        let priority = FACILITY | level as u8;
        let message = format!("<{priority}>gearmand[{}]: {line}", std::process::id());
        // A socket dies with the one that it led to; then another may be there.
        for _ in 0..2 {
            match self.send(message.as_bytes()) {
                Err(e) if e.kind() != ErrorKind::WouldBlock => self.socket = None,
                _ => return,
            }
        }
    }

    fn send(&mut self, message: &[u8]) -> io::Result<usize> {
        let socket = match &mut self.socket {
            Some(socket) => socket,
            none => {
                let socket = UnixDatagram::unbound()?;
                socket.set_nonblocking(true)?;
                socket.connect(&self.path)?;
                none.insert(socket)
            }
        };
        socket.send(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 200];
        let count = socket.recv(&mut buffer).expect("a line");
        String::from_utf8_lossy(&buffer[..count]).into_owned()
    }

    #[test]
    fn lines_arrive_with_their_priority_also_after_a_restart_of_the_log() {
        let path = std::env::temp_dir().join(format!("gearmand-syslog-{}", std::process::id()));
        let mut syslog = Syslog { path: path.clone(), socket: None };
        syslog.write(Level::Error, "nobody is there");
        for (level, priority) in [(Level::Debug, 15), (Level::Error, 11), (Level::Notice, 13)] {
            let log = UnixDatagram::bind(&path).expect("binds");
            syslog.write(level, "hello");
            let expected = format!("<{priority}>gearmand[{}]: hello", std::process::id());
            assert_eq!(receive(&log), expected);
            drop(log);
            std::fs::remove_file(&path).expect("removed");
        }
    }
}
