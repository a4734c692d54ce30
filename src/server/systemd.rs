//! What systemd and the server have to say to each other: sockets that it
//! opened, and how the server is.
//!
//! Without systemd nothing of this does anything.
//!
//! Must not: be needed.

use std::io;
use std::time::Duration;

use listenfd::ListenFd;
use mio::net::{TcpListener, UnixListener};
use sd_notify::NotifyState;

use crate::event_loop::Listener;

/// The sockets that were opened for this process.
///
/// # Errors
/// When one of them is not what a server can listen on.
pub(crate) fn listeners() -> io::Result<Vec<Listener>> {
    let mut inherited = ListenFd::from_env();
    (0..inherited.len()).map(|index| take(&mut inherited, index)).collect()
}

fn take(inherited: &mut ListenFd, index: usize) -> io::Result<Listener> {
    let wrong = |error| io::Error::other(format!("socket {index} from the environment: {error}"));
    if let Ok(Some(listener)) = inherited.take_unix_listener(index) {
        listener.set_nonblocking(true).map_err(wrong)?;
        // Its file is not ours.
        return Ok(Listener::Unix(UnixListener::from_std(listener), None));
    }
    match inherited.take_tcp_listener(index) {
        Ok(Some(listener)) => {
            listener.set_nonblocking(true).map_err(wrong)?;
            Ok(Listener::Tcp(TcpListener::from_std(listener)))
        }
        Ok(None) => Err(wrong(io::ErrorKind::NotFound.into())),
        Err(error) => Err(wrong(error)),
    }
}

/// The server answers, and this is its process: systemd may have started another
/// that is about to end.
pub(crate) fn ready() {
    notify(&[NotifyState::MainPid(std::process::id()), NotifyState::Ready]);
}

/// The server ends.
pub(crate) fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// The server is alive.
pub(crate) fn alive() {
    notify(&[NotifyState::Watchdog]);
}

/// How often [`alive`] is to be said, if at all: twice as often as it is looked
/// at.
pub(crate) fn heartbeat() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|period| period / 2)
}

fn notify(states: &[NotifyState<'_>]) {
    // Nobody may be listening, and the server runs all the same.
    let _ = sd_notify::notify(states);
}
