//! Socket activation and notifications of systemd. Without systemd it does nothing.
//!
//! Must not: be required.

use std::io;
use std::time::Duration;

use listenfd::ListenFd;
use mio::net::{TcpListener, UnixListener};
use sd_notify::NotifyState;

use crate::event_loop::Listener;

/// How long systemd waits for the next report of a server that drains.
pub(crate) const DRAIN_TIMEOUT: Duration = Duration::from_secs(60);

/// The listening sockets that systemd passed to this process: those of LISTEN_FDS, if LISTEN_PID is
/// this process. Without it the variables may be another program's, which this one inherited with
/// its environment; the sockets would be any of its files.
///
/// A daemon's child has no LISTEN_PID: the process that started it has compared, and keeps
/// LISTEN_FDS back from it unless the sockets are for the child.
///
/// # Errors
/// When one of them is not a listening TCP or Unix socket.
pub(crate) fn listeners(is_daemon_child: bool) -> io::Result<Vec<Listener>> {
    if !is_daemon_child && !is_for_this_process() {
        return Ok(Vec::new());
    }
    let mut inherited = ListenFd::from_env();
    (0..inherited.len()).map(|index| take(&mut inherited, index)).collect()
}

/// Whether LISTEN_PID names this process.
pub(crate) fn is_for_this_process() -> bool {
    std::env::var("LISTEN_PID").is_ok_and(|pid| pid == std::process::id().to_string())
}

fn take(inherited: &mut ListenFd, index: usize) -> io::Result<Listener> {
    let wrong = |error| io::Error::other(format!("socket {index} of LISTEN_FDS: {error}"));
    if let Ok(Some(listener)) = inherited.take_unix_listener(index) {
        listener.set_nonblocking(true).map_err(wrong)?;
        // systemd owns its file.
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

/// Reports that the server is ready, and its process id: with `--daemon` it is not the
/// process that systemd started.
pub(crate) fn ready() {
    notify(&[NotifyState::MainPid(std::process::id()), NotifyState::Ready]);
}

/// Whether systemd has started this process, and not one that this process descends from.
/// Before systemd 248 the two cannot be told apart.
pub(crate) fn has_started_this_process() -> bool {
    let started = std::env::var("SYSTEMD_EXEC_PID");
    is_notified() && started.map_or(true, |pid| pid == std::process::id().to_string())
}

/// Whether systemd wants to know the server's state.
pub(crate) fn is_notified() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some()
}

/// Reports that the server drains, and how many jobs are left. This has to be repeated within
/// [`DRAIN_TIMEOUT`], or a stop by systemd ends with a kill.
pub(crate) fn draining(jobs: usize) {
    let status = format!("Draining: {jobs} jobs left");
    let timeout_us = DRAIN_TIMEOUT.as_micros() as u32;
    notify(&[NotifyState::Status(&status), NotifyState::ExtendTimeoutUsec(timeout_us)]);
}

/// Reports that the server shuts down. From now on systemd waits for `TimeoutStopSec=`.
pub(crate) fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// Reports that the server is alive.
pub(crate) fn alive() {
    notify(&[NotifyState::Watchdog]);
}

/// Time between two calls of [`alive`], half of the watchdog's timeout; `None` without
/// a watchdog.
pub(crate) fn heartbeat() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|period| period / 2)
}

fn notify(states: &[NotifyState<'_>]) {
    // The server runs on if systemd does not receive it.
    let _ = sd_notify::notify(states);
}
