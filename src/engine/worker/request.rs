//! Requests that are not about jobs: echo and options.
//!
//! They block in either mode, and serve only the connection that they use.
//!
//! Must not: lose packets about jobs that arrive in the meantime.

use super::Worker;
use super::send::Push;
use super::server::WorkerOwed;
use crate::ReturnCode;
use crate::at;
use crate::exchange::{self, Ask, Broadcast, Broadcasting, ExchangeReply, ExchangeRequest};
use crate::link::{ConnState, Limit, Link, Wait, earlier};
use gearman_net::Transport;
use std::task::{Poll, ready};
use std::time::Instant;

/// The progress of one request to one server. Plain data.
#[derive(Clone, Copy, Debug)]
pub struct WorkerExchange {
    key: usize,
    stage: WorkerExchangeStage,
    limit: Limit,
    /// The number of the request, once it is buffered. The reply carries the same number.
    number: u32,
}

/// The stage of a request.
#[derive(Clone, Copy, Debug)]
enum WorkerExchangeStage {
    /// Connecting.
    Connects,
    /// Sending the request.
    Sends,
    /// Waiting for the reply.
    Receives,
}

impl WorkerExchange {
    /// Moves on to the reply, unless sending failed.
    fn on_sent(&mut self, code: ReturnCode) -> Result<(), ReturnCode> {
        self.stage = WorkerExchangeStage::Receives;
        if code.failed() { Err(code) } else { Ok(()) }
    }
}

impl<T: Transport> Worker<T> {
    /// A request to every server that is not sent yet.
    pub fn begin_broadcast(&mut self) -> Broadcasting<WorkerExchange> {
        self.check_fork();
        Broadcasting::new()
    }

    /// Sends a request to every server.
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

    /// Connects if necessary.
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
            ready!(self.poll_conn(key, until))?;
            if let Err(code) = self.finish_connect(key) {
                self.lost(key);
                return Poll::Ready(Err(code));
            }
        }
        exchange.limit.end();
        Poll::Ready(Ok(()))
    }

    /// Waits for one connection, at most until `until`.
    fn poll_conn(&mut self, key: usize, until: Option<Instant>) -> Poll<Result<(), ReturnCode>> {
        Poll::Ready(match ready!(self.link.poll_wait_on(key, until))? {
            Wait::Ready => Ok(()),
            Wait::Woken => {
                self.note_stop();
                Ok(())
            }
            Wait::Interrupted => Err(self.link.error.set_code(ReturnCode::IO_WAIT)),
            // `finish_connect` handles a connect deadline that has passed.
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

    /// Buffers a request after the other packets of a connection.
    fn buffer_request(&mut self, key: usize, request: ExchangeRequest<'_>) -> u32 {
        self.last_exchange = self.last_exchange.wrapping_add(1).max(1);
        let number = self.last_exchange;
        self.reply = None;
        request.encode(self.link.conns[key].out.bytes());
        self.servers[key].owed.push_back(WorkerOwed::Exchange(number));
        number
    }

    /// Waits for bytes on a connection, and reads them.
    fn poll_reply(&mut self, key: usize, limit: &mut Limit) -> Poll<Result<(), ReturnCode>> {
        let (settings, net) = (&self.link.settings, &self.link.net);
        let until = limit.or_begin(|| settings.deadline(net.now()));
        let awaited = ready!(self.poll_conn(key, until));
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
        request: ExchangeRequest<'_>,
    ) -> Poll<Result<ExchangeReply, ReturnCode>> {
        let key = exchange.key;
        if let WorkerExchangeStage::Connects = exchange.stage {
            ready!(self.poll_ready(exchange))?;
            exchange.number = self.buffer_request(key, request);
            exchange.stage = WorkerExchangeStage::Sends;
            let sent = self.poll_flush(Push::of_buffered(key), request.body());
            exchange.on_sent(ready!(sent))?;
        }
        if let WorkerExchangeStage::Sends = exchange.stage {
            let sent = self.poll_push(request.body());
            exchange.on_sent(ready!(sent))?;
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
