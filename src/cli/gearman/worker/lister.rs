//! [`FunctionLister`]: asks the servers at intervals which functions they know, for workers
//! whose functions are given by patterns. It has a thread, because an answer may take long.
//!
//! Must not: register a function.

use std::collections::HashSet;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use gearman_engine::admin::Admin;
use gearman_engine::settings::Settings;
use gearman_net::MioNet;
use gearman_protocol::admin::{Reply, Request};
use gearman_protocol::pattern::Pattern;

use crate::gearman::options::GearmanOptions;
use crate::tools::refusal::refusal_text;
use crate::tools::servers::ServerAddress;
use crate::tools::tls::TlsArguments;
use crate::tools::waiting::jittered;

/// The pause between two questions to the servers.
const LIST_PAUSE: Duration = Duration::from_secs(10);
/// Time in which a server has to accept the connection, and between two parts of its list.
const LIST_TIMEOUT: Duration = Duration::from_secs(10);
/// The fields behind a function's name in a row of `status`.
const STATUS_NUMBERS: usize = 3;

/// What the thread has learned.
#[derive(Debug)]
pub(crate) enum Listed {
    /// The name of a function that matches a pattern; each once.
    Function(Vec<u8>),
    /// A server does not say which functions it knows; once until it does.
    Refused(String),
}

/// The names that the thread finds. Its descriptor is readable when there are some.
#[derive(Debug)]
pub(crate) struct FunctionLister {
    found: Receiver<Listed>,
    wakes: UnixStream,
}

impl FunctionLister {
    /// Starts the thread, if the options have patterns.
    ///
    /// # Errors
    /// When the process is out of descriptors or threads.
    pub(crate) fn start(options: &GearmanOptions) -> io::Result<Option<FunctionLister>> {
        if options.function_patterns.is_empty() {
            return Ok(None);
        }
        let (wakes, wake) = UnixStream::pair()?;
        wakes.set_nonblocking(true)?;
        let (sender, found) = channel();
        let mut settings = Settings { timeout: Some(LIST_TIMEOUT), ..Settings::default() };
        options.tls.apply(&mut settings, TlsArguments::is_in_environment());
        options.environment.apply(&mut settings);
        let patterns = options.function_patterns.iter();
        let patterns = patterns.map(|pattern| Pattern::of_text(pattern.as_bytes())).collect();
        let servers =
            options.servers.iter().map(|server| (server.clone(), String::new())).collect();
        let lister =
            ListerThread { servers, settings, patterns, sent: HashSet::new(), sender, wake };
        thread::Builder::new().name("functions".into()).spawn(move || lister.run())?;
        Ok(Some(FunctionLister { found, wakes }))
    }

    /// Takes what was found since the last call.
    pub(crate) fn take(&mut self) -> Vec<Listed> {
        // Nothing to read is an error, too, and means that nothing was found.
        let _ = self.wakes.read(&mut [0; 64]);
        self.found.try_iter().collect()
    }
}

impl AsFd for FunctionLister {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wakes.as_fd()
    }
}

struct ListerThread {
    /// Each with why it does not answer; empty if it does.
    servers: Vec<(ServerAddress, String)>,
    settings: Settings,
    patterns: Vec<Pattern>,
    /// Names that were sent, so that each is sent once.
    sent: HashSet<Vec<u8>>,
    sender: Sender<Listed>,
    wake: UnixStream,
}

impl ListerThread {
    /// Asks until the worker is gone.
    fn run(mut self) {
        loop {
            for at in 0..self.servers.len() {
                self.ask(at);
            }
            // The other end is gone only with the process.
            let _ = self.wake.write(b"x");
            thread::sleep(jittered(LIST_PAUSE));
        }
    }

    fn ask(&mut self, at: usize) {
        let (server, complaint) = &mut self.servers[at];
        match list(server, &self.settings) {
            Ok(names) => {
                complaint.clear();
                let is_wanted = |name: &Vec<u8>| self.patterns.iter().any(|p| p.matches(name));
                for name in names.into_iter().filter(is_wanted) {
                    if self.sent.insert(name.clone()) {
                        let _ = self.sender.send(Listed::Function(name));
                    }
                }
            }
            Err(why) if *complaint != why => {
                let text = format!("{server}: no list of functions: {why}; trying again");
                *complaint = why;
                let _ = self.sender.send(Listed::Refused(text));
            }
            Err(_) => {}
        }
    }
}

/// The names of the functions that a server knows.
///
/// # Errors
/// Why it does not say.
fn list(server: &ServerAddress, settings: &Settings) -> Result<Vec<Vec<u8>>, String> {
    let admin = Admin::new(MioNet::new(), &server.host, server.port);
    let unknown = || "unknown error".to_owned();
    let mut admin =
        admin.map_err(|error| error.message().map_or_else(unknown, ToOwned::to_owned))?;
    admin.link.settings = settings.clone();
    match admin.ask(&Request::status()) {
        Ok(Reply::Refused(why)) => Err(refusal_text(&why)),
        Ok(reply) => Ok(reply.rows().filter_map(|row| name_of(&row)).collect()),
        Err(code) => {
            let why = admin.link.conns[0].last_failure();
            Err(why.unwrap_or_else(|| code.name().to_owned()))
        }
    }
}

/// The name in a row of `status`. It may have tabs, the numbers behind it have none.
fn name_of(row: &[&[u8]]) -> Option<Vec<u8>> {
    let fields = row.len().checked_sub(STATUS_NUMBERS).filter(|&fields| fields > 0)?;
    Some(row[..fields].join(&b'\t'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_all_before_the_three_numbers() {
        let row: Vec<&[u8]> = vec![b"a", b"b", b"1", b"0", b"2"];
        assert_eq!(name_of(&row), Some(b"a\tb".to_vec()));
        assert_eq!(name_of(&row[2..]), None);
    }
}
