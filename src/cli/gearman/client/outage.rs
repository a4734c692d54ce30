//! [`Outage`]: the pauses between attempts while no server can be reached, and the
//! messages for failures.
//!
//! Must not: connect.

use std::time::{Duration, Instant};

use gearman_engine::ReturnCode;
use gearman_engine::client::Client;
use gearman_net::MioNet;

use crate::tools::servers::address_text;
use crate::tools::waiting::jittered;

/// The pause before the first new attempt; each failure doubles it.
const RETRY_PAUSE_FIRST: Duration = Duration::from_millis(100);
/// The longest pause between attempts.
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(5);

/// Time without a server after which a client that was told to stop gives up.
pub(crate) const STOP_OUTAGE_MAX: Duration = Duration::from_secs(10);

/// A time in which no server can be reached, if there is one now.
#[derive(Debug, Default)]
pub(crate) struct Outage(Option<OutageState>);

#[derive(Debug)]
struct OutageState {
    since: Instant,
    pause: Duration,
    /// When the pause ends.
    until: Instant,
}

impl Outage {
    /// Notes that no server could be reached, and starts the next pause. Returns whether
    /// that was so before.
    pub(crate) fn note_failure(&mut self) -> bool {
        let now = Instant::now();
        let was = self.0.take();
        let known = was.is_some();
        let (since, pause) =
            was.map_or((now, RETRY_PAUSE_FIRST), |s| (s.since, (s.pause * 2).min(RETRY_PAUSE_MAX)));
        self.0 = Some(OutageState { since, pause, until: now + jittered(pause) });
        known
    }

    /// Notes that a server was reached. Returns whether an outage ended.
    pub(crate) fn ends(&mut self) -> bool {
        self.0.take().is_some()
    }

    /// Whether an attempt can be made now.
    pub(crate) fn may_try(&self) -> bool {
        self.0.as_ref().is_none_or(|state| state.until <= Instant::now())
    }

    /// When the next attempt can be made.
    pub(crate) fn next_attempt(&self) -> Option<Instant> {
        self.0.as_ref().map(|state| state.until)
    }

    /// When a client that was told to stop at this time gives up, unless a server is reached before.
    pub(crate) fn stop_deadline(&self, stopped_at: Option<Instant>) -> Option<Instant> {
        let state = self.0.as_ref()?;
        Some(stopped_at?.max(state.since) + STOP_OUTAGE_MAX)
    }

    /// Whether the outage has lasted for the timeout of a job.
    pub(crate) fn exceeds(&self, limit: Option<Duration>) -> bool {
        self.0.as_ref().is_some_and(|state| limit.is_some_and(|l| state.since.elapsed() >= l))
    }
}

/// The message for a failed call of the engine.
pub(crate) fn explain(client: &Client<MioNet>, code: ReturnCode) -> String {
    match code {
        ReturnCode::COULD_NOT_CONNECT | ReturnCode::GETADDRINFO => {
            format!("cannot connect to {}", troubles(client))
        }
        ReturnCode::LOST_CONNECTION => {
            let troubles = troubles(client);
            format!("the connection was lost; whether the job ran is not known: {troubles}")
        }
        ReturnCode::TIMEOUT => {
            let limit = client.link.settings.timeout.unwrap_or_default().as_millis();
            format!("no answer within {limit} ms (GEARMAN_TIMEOUT)")
        }
        ReturnCode::INVALID_MAGIC | ReturnCode::INVALID_COMMAND | ReturnCode::INVALID_PACKET => {
            let words = client.link.error.message().unwrap_or("no details");
            format!("not a Gearman server, or a broken one: {words} ({})", code.name())
        }
        code => match client.link.error.message() {
            Some(words) => format!("the server refused the job: {words} ({})", code.name()),
            None => format!("the server refused the job ({})", code.name()),
        },
    }
}

/// The servers that cannot be reached, each with the reason.
fn troubles(client: &Client<MioNet>) -> String {
    let down = client.link.conns.iter().rev().filter_map(|conn| {
        let why = conn.last_failure()?;
        Some(format!("{}: {why}", address_text(&conn.host, conn.port)))
    });
    down.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_client_gives_up_10_s_after_the_signal_or_the_loss_whichever_is_later() {
        let (mut outage, early) = (Outage::default(), Instant::now());
        assert_eq!(outage.stop_deadline(Some(early)), None, "a server is reached");
        outage.note_failure();
        let since = outage.0.as_ref().expect("an outage").since;
        assert_eq!(outage.stop_deadline(None), None, "it was not stopped");
        assert_eq!(outage.stop_deadline(Some(early)), Some(since + STOP_OUTAGE_MAX));
        let late = since + Duration::from_secs(3);
        outage.note_failure();
        assert_eq!(outage.stop_deadline(Some(late)), Some(late + STOP_OUTAGE_MAX));
        outage.ends();
        assert_eq!(outage.stop_deadline(Some(late)), None);
    }
}
