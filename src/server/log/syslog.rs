//! Syslog: one datagram per line.
//!
//! Must not: block. Lines are lost while syslog does not accept them.

use std::io::{self, ErrorKind};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

use super::Level;

/// The socket of syslog.
const SOCKET: &str = "/dev/log";
/// The facility LOG_USER, the default of user programs.
const FACILITY: u8 = 1 << 3;

/// A connection to syslog, made at the first line.
pub(super) struct Syslog {
    path: PathBuf,
    socket: Option<UnixDatagram>,
}

impl Syslog {
    /// Syslog at its usual socket.
    pub(super) fn new() -> Syslog {
        Syslog { path: SOCKET.into(), socket: None }
    }

    /// Sends a line.
    pub(super) fn write(&mut self, level: Level, line: &str) {
        // The levels have the values of syslog's severities.
        let priority = FACILITY | level as u8;
        let message = format!("<{priority}>gearmand[{}]: {line}", std::process::id());
        // After a restart of syslog the old socket fails; a new one is connected.
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
    fn lines_have_their_priority_and_arrive_after_a_restart_of_syslog() {
        let path = std::env::temp_dir().join(format!("gearmand-syslog-{}", std::process::id()));
        let mut syslog = Syslog { path: path.clone(), socket: None };
        syslog.write(Level::Error, "lost");
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
