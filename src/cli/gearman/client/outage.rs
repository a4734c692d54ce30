//! [`Outage`]: when to try again while no server can be reached, and the words
//! for what went wrong.
//!
//! Must not: connect.

use std::time::{Duration, Instant};

use gearman_engine::ReturnCode;
use gearman_engine::client::Client;
use gearman_net::MioNet;

use crate::gearman::waiting::jittered;
use crate::tools::servers::shown;

/// The pause before the first new attempt; it doubles with each failure.
const FIRST: Duration = Duration::from_millis(100);
/// The longest such pause.
const LONGEST: Duration = Duration::from_secs(5);

/// A time without servers.
#[derive(Debug, Default)]
pub(crate) struct Outage(Option<State>);

#[derive(Debug)]
struct State {
    since: Instant,
    pause: Duration,
    until: Instant,
}

impl Outage {
    /// No server could be reached. Returns whether that is nothing new.
    pub(crate) fn goes_on(&mut self) -> bool {
        let now = Instant::now();
        let was = self.0.take();
        let known = was.is_some();
        let (since, pause) = was.map_or((now, FIRST), |s| (s.since, (s.pause * 2).min(LONGEST)));
        self.0 = Some(State { since, pause, until: now + jittered(pause) });
        known
    }

    /// A server was reached. Returns whether that is news.
    pub(crate) fn ends(&mut self) -> bool {
        self.0.take().is_some()
    }

    /// Whether to try now.
    pub(crate) fn is_over(&self) -> bool {
        self.0.as_ref().is_none_or(|state| state.until <= Instant::now())
    }

    /// When to try again.
    pub(crate) fn until(&self) -> Option<Instant> {
        self.0.as_ref().map(|state| state.until)
    }

    /// Whether it has lasted longer than a job may wait.
    pub(crate) fn is_too_long(&self, limit: Option<Duration>) -> bool {
        self.0.as_ref().is_some_and(|state| limit.is_some_and(|l| state.since.elapsed() >= l))
    }
}

/// What went wrong, in words.
pub(crate) fn explain(client: &Client<MioNet>, code: ReturnCode) -> String {
    match code {
        ReturnCode::COULD_NOT_CONNECT | ReturnCode::GETADDRINFO => {
            format!("cannot connect to {}", troubles(client))
        }
        ReturnCode::LOST_CONNECTION => {
            let troubles = troubles(client);
            format!("the connection was lost, and what became of the job is not known: {troubles}")
        }
        ReturnCode::TIMEOUT => {
            let limit = client.link.settings.timeout.unwrap_or_default().as_millis();
            format!("no answer within {limit} ms (GEARMAN_TIMEOUT)")
        }
        code => match client.link.error.message() {
            Some(words) => format!("the server refused the job: {words} ({})", code.name()),
            None => format!("the server refused the job ({})", code.name()),
        },
    }
}

/// Every server that is down, and why.
fn troubles(client: &Client<MioNet>) -> String {
    let down = client.link.conns.iter().rev().filter_map(|conn| {
        let why = conn.last_failure()?;
        Some(format!("{}: {why}", shown(&conn.host, conn.port)))
    });
    down.collect::<Vec<_>>().join(", ")
}
