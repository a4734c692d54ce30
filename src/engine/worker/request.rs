//! Questions to servers that have nothing to do with jobs: echo and options.
//!
//! They wait in either mode, and serve only the connection that they ask on.
//!
//! Must not: lose what arrives for jobs meanwhile.

use super::Worker;
use super::server::Owed;
use crate::at;
use crate::engine::ReturnCode;
use crate::engine::exchange::{self, Ask, Broadcast, Reply};
use crate::engine::link::{Link, State, Wait};
use crate::net::Transport;
use std::time::Instant;

impl<T: Transport> Worker<T> {
    /// Asks every server.
    ///
    /// # Errors
    /// As `exchange::broadcast`.
    pub fn broadcast(&mut self, what: Broadcast<'_>) -> Result<(), ReturnCode> {
        self.check_fork();
        exchange::broadcast(self, what)
    }

    /// Connects, if need be.
    fn make_ready(&mut self, key: usize) -> Result<(), ReturnCode> {
        if self.link.conns[key].state == State::Down
            && let Err(code) = self.connect(key)
        {
            self.lost(key);
            return Err(code);
        }
        let until = self.link.settings.deadline(self.link.net.now());
        while self.link.conns[key].state == State::Connecting {
            let deadline = self.link.conns[key].deadline;
            let until = deadline.into_iter().chain(until).min();
            self.await_on(key, until)?;
            if let Err(code) = self.finish_connect(key) {
                self.lost(key);
                return Err(code);
            }
        }
        Ok(())
    }

    /// Waits for one connection, within a silence.
    fn await_on(&mut self, key: usize, until: Option<Instant>) -> Result<(), ReturnCode> {
        match self.link.wait_on(key, until)? {
            Wait::Ready => Ok(()),
            Wait::Woken => {
                self.note_stop();
                Ok(())
            }
            Wait::Interrupted => Err(self.link.error.set_code(ReturnCode::IO_WAIT)),
            // A connect deadline is not the end: `finish_connect` sees to it.
            Wait::TimedOut if self.link.conns[key].state == State::Connecting => {
                let now = self.link.net.now();
                if self.link.conns[key].deadline.is_some_and(|d| d <= now) {
                    return Ok(());
                }
                Err(self.link.timed_out())
            }
            Wait::TimedOut => Err(self.link.timed_out()),
        }
    }
}

impl<T: Transport> Ask<T> for Worker<T> {
    fn link(&mut self) -> &mut Link<T> {
        &mut self.link
    }

    fn ask(&mut self, key: usize, what: Broadcast<'_>) -> Result<Reply, ReturnCode> {
        self.make_ready(key)?;
        self.last_exchange = self.last_exchange.wrapping_add(1).max(1);
        let number = self.last_exchange;
        self.reply = None;
        what.encode(self.link.conns[key].out.bytes());
        self.servers[key].owed.push_back(Owed::Exchange(number));
        self.push(key, what.body())?;
        loop {
            match self.reply.take() {
                Some((replied, reply)) if replied == number => return Ok(reply),
                _ => {}
            }
            if self.link.conns[key].state != State::Up {
                return Err(self.link.error.set(
                    ReturnCode::LOST_CONNECTION,
                    at!("gearman_universal"),
                    "lost connection to server",
                ));
            }
            let until = self.link.settings.deadline(self.link.net.now());
            self.await_on(key, until)?;
            self.link.conns[key].writable = false;
            if let Err(code) = self.read(key, 0) {
                if self.link.conns[key].state != State::Up && code == ReturnCode::LOST_CONNECTION {
                    self.lost(key);
                }
                return Err(code);
            }
        }
    }
}
