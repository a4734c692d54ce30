//! Questions to servers that have nothing to do with jobs: echo and options.
//!
//! They are waited for in either mode, and serve only the connection that they ask on.
//!
//! Must not: lose what arrives for jobs meanwhile.

use super::Worker;
use super::send::Push;
use super::server::WorkerOwed;
use crate::ReturnCode;
use crate::at;
use crate::exchange::{self, Ask, Broadcast, Broadcasting, ExchangeReply, Question};
use crate::link::{ConnState, Limit, Link, Wait, earlier};
use gearman_net::Transport;
use std::task::{Poll, ready};
use std::time::Instant;

/// One question to one server, as far as it has come. Plain data.
#[derive(Clone, Copy, Debug)]
pub struct WorkerExchange {
    key: usize,
    stage: WorkerExchangeStage,
    limit: Limit,
    /// Names the question, once it was put.
    number: u32,
}

/// How far a question has come.
#[derive(Clone, Copy, Debug)]
enum WorkerExchangeStage {
    /// The connection is being made.
    Connects,
    /// The question goes out.
    Sends,
    /// The reply is awaited.
    Receives,
}

impl WorkerExchange {
    /// The question has gone out, if nothing went wrong.
    fn have_sent(&mut self, code: ReturnCode) -> Result<(), ReturnCode> {
        self.stage = WorkerExchangeStage::Receives;
        if code.failed() { Err(code) } else { Ok(()) }
    }
}

impl<T: Transport> Worker<T> {
    /// A question to every server that is not put yet.
    pub fn begin_broadcast(&mut self) -> Broadcasting<WorkerExchange> {
        self.check_fork();
        Broadcasting::new()
    }

    /// Asks every server.
    ///
    /// # Errors
    /// As `exchange::poll_broadcast`.
    pub fn poll_broadcast(
        &mut self,
        call: &mut Broadcasting<WorkerExchange>,
        what: Broadcast<'_>,
    ) -> Poll<Result<(), ReturnCode>> {
        exchange::poll_broadcast(self, call, what)
    }

    /// Connects, if need be.
    fn poll_ready(&mut self, exchange: &mut WorkerExchange) -> Poll<Result<(), ReturnCode>> {
        let key = exchange.key;
        if self.link.conns[key].state == ConnState::Down
            && let Err(code) = self.connect(key)
        {
            self.lost(key);
            return Poll::Ready(Err(code));
        }
        let (settings, net) = (&self.link.settings, &self.link.net);
        let until = exchange.limit.or_begin(|| settings.deadline(net.now()));
        while self.link.conns[key].state == ConnState::Connecting {
            let until = earlier(self.link.conns[key].deadline, until);
            ready!(self.poll_await_on(key, until))?;
            if let Err(code) = self.finish_connect(key) {
                self.lost(key);
                return Poll::Ready(Err(code));
            }
        }
        exchange.limit.end();
        Poll::Ready(Ok(()))
    }

    /// Waits for one connection, within a silence.
    fn poll_await_on(
        &mut self,
        key: usize,
        until: Option<Instant>,
    ) -> Poll<Result<(), ReturnCode>> {
        Poll::Ready(match ready!(self.link.poll_wait_on(key, until))? {
            Wait::Ready => Ok(()),
            Wait::Woken => {
                self.note_stop();
                Ok(())
            }
            Wait::Interrupted => Err(self.link.error.set_code(ReturnCode::IO_WAIT)),
            // A connect deadline is not the end: `finish_connect` sees to it.
            Wait::TimedOut if self.link.conns[key].state == ConnState::Connecting => {
                let now = self.link.net.now();
                if self.link.conns[key].deadline.is_some_and(|d| d <= now) {
                    return Poll::Ready(Ok(()));
                }
                Err(self.link.timed_out())
            }
            Wait::TimedOut => Err(self.link.timed_out()),
        })
    }

    /// Puts a question behind what the connection has to send.
    fn put_question(&mut self, key: usize, question: Question<'_>) -> u32 {
        self.last_exchange = self.last_exchange.wrapping_add(1).max(1);
        let number = self.last_exchange;
        self.reply = None;
        question.encode(self.link.conns[key].out.bytes());
        self.servers[key].owed.push_back(WorkerOwed::Exchange(number));
        number
    }

    /// Waits for something to come on a connection, and reads it.
    fn poll_reply(&mut self, key: usize, limit: &mut Limit) -> Poll<Result<(), ReturnCode>> {
        let (settings, net) = (&self.link.settings, &self.link.net);
        let until = limit.or_begin(|| settings.deadline(net.now()));
        let awaited = ready!(self.poll_await_on(key, until));
        limit.end();
        awaited?;
        self.link.conns[key].writable = false;
        if let Err(code) = self.read(key, self.round) {
            if self.link.conns[key].state != ConnState::Up && code == ReturnCode::LOST_CONNECTION {
                self.lost(key);
            }
            return Poll::Ready(Err(code));
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: Transport> Ask<T> for Worker<T> {
    type Exchange = WorkerExchange;

    fn link(&mut self) -> &mut Link<T> {
        &mut self.link
    }

    fn begin_exchange(&mut self, key: usize) -> WorkerExchange {
        WorkerExchange {
            key,
            stage: WorkerExchangeStage::Connects,
            limit: Limit::default(),
            number: 0,
        }
    }

    fn poll_exchange(
        &mut self,
        exchange: &mut WorkerExchange,
        question: Question<'_>,
    ) -> Poll<Result<ExchangeReply, ReturnCode>> {
        let key = exchange.key;
        if let WorkerExchangeStage::Connects = exchange.stage {
            ready!(self.poll_ready(exchange))?;
            exchange.number = self.put_question(key, question);
            exchange.stage = WorkerExchangeStage::Sends;
            let sent = self.poll_flush(Push::of_buffered(key), question.body());
            exchange.have_sent(ready!(sent))?;
        }
        if let WorkerExchangeStage::Sends = exchange.stage {
            let sent = self.poll_push(question.body());
            exchange.have_sent(ready!(sent))?;
        }
        loop {
            match self.reply.take() {
                Some((replied, reply)) if replied == exchange.number => {
                    return Poll::Ready(Ok(reply));
                }
                _ => {}
            }
            if self.link.conns[key].state != ConnState::Up {
                return Poll::Ready(Err(self.link.error.set(
                    ReturnCode::LOST_CONNECTION,
                    at!("gearman_universal"),
                    "lost connection to server",
                )));
            }
            ready!(self.poll_reply(key, &mut exchange.limit))?;
        }
    }
}
