//! The event loop: one thread, one poller.
//!
//! A turn waits, notes what is ready, lets the [`JobServer`] do what there is to do,
//! and has it send what came of that.
//!
//! Must not: know what bytes mean; that is the sessions'.

mod accepting;
mod binding;
mod ending;
mod front;
mod journal;
mod listener;
mod stream;
mod timer;

pub(crate) use binding::{Binding, bind, bind_tcp, path};
pub(crate) use listener::{Keepalive, Listener};

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mio::event::Event;
use mio::{Events, Interest, Poll, Registry, Token};
use signal_hook_mio::v1_0::Signals;

use crate::http::Phase;
use crate::log::{Level, Log, Throttle};
use crate::memory::MemoryTrimmer;
use crate::systemd;
use front::{Callers, Desk};
use gearman_broker::{Broker, DriverTimer, Millis, Now, UnixSeconds};
use gearman_session::{Clock, DriverRequest, Host, JobServer, JobServerSettings, Poller};
use stream::Stream;
use timer::Timer;

const SIGNALS: Token = Token(usize::MAX);
const FRONT: Token = Token(usize::MAX - 1);
const TIMER: Token = Token(usize::MAX - 2);
/// Listeners have the numbers from here on, sessions those from 0.
const LISTENERS: usize = usize::MAX / 2;
/// Events per turn.
const EVENTS: usize = 1024;
/// Longest sleep while jobs wait for a time of day: the clock may be set.
const CALENDAR_SLEEP_MAX: Duration = Duration::from_secs(5);

/// What the event loop brings to its job server.
struct Sockets;

impl Host for Sockets {
    type Stream = Stream;
    type Clock = SystemClock;
    type Journal = Log;
    type Bridge = Callers;
}

/// The system's clocks.
pub(crate) struct SystemClock {
    started: Instant,
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { monotonic: self.monotonic(), unix: UnixSeconds(unix.as_secs()) }
    }

    fn monotonic(&self) -> Millis {
        Millis(self.started.elapsed().as_millis() as u64)
    }
}

/// The poller of one call, and whether a session ended in it.
struct Registrar<'a> {
    registry: &'a Registry,
    has_closed: bool,
}

impl Poller<Stream> for Registrar<'_> {
    fn watch_writable(
        &mut self,
        index: usize,
        stream: &mut Stream,
        wanted: bool,
    ) -> io::Result<()> {
        let writable = wanted.then_some(Interest::WRITABLE);
        let interest = writable.map_or(Interest::READABLE, |w| w | Interest::READABLE);
        self.registry.reregister(stream.as_source(), Token(index), interest)
    }

    fn closed(&mut self, mut stream: Stream) {
        // The socket is about to be closed, which does it too.
        let _ = self.registry.deregister(stream.as_source());
        self.has_closed = true;
    }
}

/// The server.
pub(crate) struct Server {
    poll: Poll,
    signals: Signals,
    timer: Timer,
    listeners: Vec<Listener>,
    keepalive: Keepalive,
    jobs: JobServer<Sockets>,
    /// Whether to accept again although the poller does not say so: there were too many
    /// for one turn, or there is room again.
    is_accepting_due: bool,
    /// Whether there was no room for a connection.
    is_full: bool,
    /// Whether accepting rests until a timer.
    is_accepting_timed: bool,
    /// How often it is said that there is no room.
    no_room: Throttle,
    /// How often to say that the server is alive, if anything listens for it.
    heartbeat: Option<Duration>,
    started: Instant,
    trimmer: MemoryTrimmer,
    running: bool,
    /// Whether the last results of a drained server have their time, and whether that
    /// is over.
    last_results: LastResults,
    /// The HTTP bridge, if HTTP is spoken.
    desk: Option<Desk>,
}

/// Where a server that drains stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LastResults {
    /// There are jobs, or no drain.
    NotYet,
    /// All jobs are done; results may be on their way.
    Leaving,
    /// The deadline has passed.
    Overdue,
}

impl Server {
    /// A server that is ready to run.
    ///
    /// # Errors
    /// When the system refuses a poller or a signal handler.
    pub(crate) fn new(
        mut listeners: Vec<Listener>,
        broker: Broker,
        mut log: Log,
        settings: JobServerSettings,
        keepalive: Keepalive,
    ) -> io::Result<Server> {
        let poll = Poll::new()?;
        for (index, listener) in listeners.iter_mut().enumerate() {
            let (source, token) = (listener.as_source(), Token(LISTENERS + index));
            poll.registry().register(source, token, Interest::READABLE)?;
        }
        let mut signals = ending::catch_signals()?;
        poll.registry().register(&mut signals, SIGNALS, Interest::READABLE)?;
        let timer = Timer::new(poll.registry(), TIMER)?;
        // Only now: what waits for this line may send a signal next.
        for listener in &listeners {
            log.write(Level::Info, format_args!("Listening on {listener}"));
        }
        let started = Instant::now();
        let clock = SystemClock { started };
        let mut jobs = JobServer::new(broker, settings, clock, log, Callers::default());
        // Timers count milliseconds.
        let heartbeat = systemd::heartbeat().map(|period| period.max(Duration::from_millis(1)));
        if let Some(period) = heartbeat {
            jobs.set_timer(period.as_millis() as u64, DriverTimer::Heartbeat);
        }
        Ok(Server {
            poll,
            signals,
            timer,
            listeners,
            keepalive,
            jobs,
            is_accepting_due: false,
            is_full: false,
            is_accepting_timed: false,
            no_room: Throttle::new(1, accepting::NO_ROOM_PERIOD),
            heartbeat,
            started,
            trimmer: MemoryTrimmer::default(),
            running: true,
            last_results: LastResults::NotYet,
            desk: None,
        })
    }

    /// Serves until a signal ends it.
    ///
    /// # Errors
    /// When waiting for events fails.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        self.enter(Phase::Serving);
        while self.running && !self.is_finished() {
            let timeout = self.poll_timeout()?;
            match self.poll.poll(&mut events, timeout) {
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                result => result?,
            }
            for event in &events {
                self.note(event);
            }
            self.turn();
        }
        systemd::stopping();
        self.jobs.release_held_acks();
        self.flush();
        self.jobs.journal.report_all_suppressed();
        if let Some(desk) = self.desk.take() {
            self.jobs.bridge().close();
            // A peer must not write to a server that reads no more while HTTP ends.
            self.jobs.close_all();
            desk.close();
        }
        self.jobs.journal.write(Level::Info, format_args!("Shutdown complete"));
        Ok(())
    }

    fn note(&mut self, event: &Event) {
        match event.token() {
            SIGNALS => self.take_signals(),
            TIMER => self.timer.rang(),
            FRONT => self.desk.iter_mut().for_each(|desk| desk.is_called = true),
            Token(number) if number >= LISTENERS => self.accept(number - LISTENERS),
            Token(index) => {
                if event.is_writable() {
                    self.jobs.writable(index);
                }
                if event.is_readable() || event.is_error() {
                    self.jobs.readable(index, event.is_read_closed() || event.is_error());
                }
            }
        }
    }

    /// Everything of a turn that is not waiting.
    fn turn(&mut self) {
        if std::mem::take(&mut self.is_accepting_due) {
            self.accept_all();
        }
        let mut registrar = Registrar { registry: self.poll.registry(), has_closed: false };
        self.jobs.turn(&mut registrar);
        let has_closed = registrar.has_closed;
        while let Some(timer) = self.jobs.take_fired() {
            self.fire(timer);
        }
        match self.jobs.take_request() {
            Some(DriverRequest::Stop) => self.stop(),
            Some(DriverRequest::Drain) => self.drain(),
            None => {}
        }
        self.serve_front();
        self.flush();
        self.note_closed(has_closed);
        self.jobs.journal.report_suppressed();
        if let Some(rest) = self.trimmer.note(self.jobs.broker.job_count()) {
            self.jobs.set_timer(rest.as_millis() as u64, DriverTimer::TrimMemory);
        }
    }

    fn fire(&mut self, timer: DriverTimer) {
        match timer {
            DriverTimer::DelayedAck(_) => {}
            DriverTimer::Accept => {
                self.is_accepting_timed = false;
                self.accept_all();
            }
            DriverTimer::Heartbeat => {
                systemd::alive();
                if let Some(period) = self.heartbeat {
                    self.jobs.set_timer(period.as_millis() as u64, DriverTimer::Heartbeat);
                }
            }
            DriverTimer::DrainDeadline => self.last_results = LastResults::Overdue,
            DriverTimer::TrimMemory => self.trimmer.trim(self.jobs.broker.job_count()),
        }
    }

    /// Sends what there is to send, and closes what is to be closed.
    fn flush(&mut self) {
        let mut registrar = Registrar { registry: self.poll.registry(), has_closed: false };
        self.jobs.flush(&mut registrar);
        let has_closed = registrar.has_closed;
        self.note_closed(has_closed);
    }

    /// Where there was no room for a connection, there may be now.
    fn note_closed(&mut self, has_closed: bool) {
        if has_closed && self.is_full {
            self.is_accepting_due = true;
        }
    }

    /// How long to wait for events: not at all, or until there are some. What is due
    /// at a time is one, too.
    ///
    /// # Errors
    /// When the system does not set the timer.
    fn poll_timeout(&mut self) -> io::Result<Option<Duration>> {
        let is_called = self.desk.as_ref().is_some_and(Desk::is_busy);
        let is_busy = self.jobs.is_busy() || self.is_accepting_due || is_called;
        let may_wait = !is_busy
            && match self.next_due() {
                Some(due) => self.timer.ring_by(due)?,
                None => true,
            };
        Ok(if may_wait { None } else { Some(Duration::ZERO) })
    }

    /// When there is something to do next, if nothing happens before.
    fn next_due(&self) -> Option<Instant> {
        let (monotonic, unix) = self.jobs.next_due();
        let running =
            monotonic.and_then(|due| self.started.checked_add(Duration::from_millis(due.0)));
        let delayed = unix.map(|due| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            Instant::now() + Duration::from_secs(due.0).saturating_sub(now).min(CALENDAR_SLEEP_MAX)
        });
        [running, delayed].into_iter().flatten().min()
    }
}
