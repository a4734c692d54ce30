//! The event loop: one thread, one poller.
//!
//! A turn waits for events, passes them to the [`JobServer`], and flushes what it has
//! to send.
//!
//! Must not: interpret bytes; the sessions do.

mod accepted_socket;
mod accepting;
mod access;
mod binding;
mod figures_scan;
mod handshakes;
mod http_bridge;
mod journal;
mod listener;
mod shutdown;
mod store;
mod timer_fd;
mod tls_accepting;
mod tls_stream;

pub(crate) use binding::{Binding, TcpBinding, bind, bind_tcp, path};
pub(crate) use figures_scan::ScannedFunctions;
pub(crate) use handshakes::HandshakeCounts;
pub(crate) use listener::{Keepalive, Listener};

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mio::event::Event;
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use signal_hook_mio::v1_0::Signals;

use crate::address_gate::{AddressGate, AddressSlot};
use crate::allocator;
use crate::function_settings::SettingsFile;
use crate::http::Phase;
use crate::log::{Level, Log, Throttle};
use crate::memory_trimmer::MemoryTrimmer;
use crate::systemd;
use crate::tls::TlsPolicy;
use accepted_socket::AcceptedSocket;
use access::AccessRules;
use gearman_access::ListenerRole;
use gearman_broker::{Broker, DriverTimer, Millis, Now, UnixSeconds};
use gearman_session::{Clock, DriverRequest, Host, JobServer, JobServerSettings, Poller};
use handshakes::Handshakes;
use http_bridge::{BridgedCalls, HttpBridge};
use store::StoreLink;
use timer_fd::TimerFd;

const SIGNALS_TOKEN: Token = Token(usize::MAX);
/// The HTTP thread or the queue thread has something.
const THREADS_TOKEN: Token = Token(usize::MAX - 1);
const TIMER_TOKEN: Token = Token(usize::MAX - 2);
/// Tokens of hand-shakes start here.
const FIRST_HANDSHAKE_TOKEN: usize = usize::MAX / 4;
/// Tokens of listeners start here, tokens of sessions at 0.
const FIRST_LISTENER_TOKEN: usize = usize::MAX / 2;
/// Most events handled in one turn.
const EVENTS_PER_TURN: usize = 1024;
/// Milliseconds after which lines that were left out are reported; a second is over then.
const LEFT_OUT_REPORT_MS: u64 = 1100;
/// Longest sleep while jobs wait for a time of day, since the clock may be set.
const CALENDAR_SLEEP_MAX: Duration = Duration::from_secs(5);

/// What the event loop provides to its job server.
struct Sockets;

impl Host for Sockets {
    type Stream = AcceptedSocket;
    type Clock = SystemClock;
    type Journal = Log;
    type Bridge = BridgedCalls;
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

/// The connections that count towards the limits per address, by descriptor.
type AddressSlots = HashMap<RawFd, AddressSlot>;

/// The poller, and whether a connection was closed during one call.
struct Registrar<'a> {
    registry: &'a Registry,
    slots: &'a mut AddressSlots,
    has_closed: bool,
}

impl Poller<AcceptedSocket> for Registrar<'_> {
    fn watch_writable(
        &mut self,
        index: usize,
        stream: &mut AcceptedSocket,
        wanted: bool,
    ) -> io::Result<()> {
        let writable = wanted.then_some(Interest::WRITABLE);
        let interest = writable.map_or(Interest::READABLE, |w| w | Interest::READABLE);
        self.registry.reregister(stream.as_source(), Token(index), interest)
    }

    fn closed(&mut self, mut stream: AcceptedSocket) {
        // If this fails, closing the socket deregisters it.
        let _ = self.registry.deregister(stream.as_source());
        self.slots.remove(&stream.as_raw_fd());
        self.has_closed = true;
    }
}

/// The event loop, with everything that it serves.
pub(crate) struct EventLoop {
    poll: Poll,
    signals: Signals,
    timer: TimerFd,
    /// By number. A drain closes those for clients and workers.
    listeners: Vec<Option<Listener>>,
    keepalive: Keepalive,
    jobs: JobServer<Sockets>,
    /// Whether to accept again without an event: a turn left connections waiting, or a
    /// descriptor was freed.
    is_accepting_due: bool,
    /// Whether accepting failed for lack of a descriptor or memory.
    is_full: bool,
    /// Whether a timer will retry accepting.
    is_accepting_timed: bool,
    /// Whether a timer will report lines that were left out.
    is_report_timed: bool,
    /// Limits the log lines about accepting.
    accept_failures: Throttle,
    /// Time between two signs of life for systemd's watchdog, if it is enabled.
    heartbeat: Option<Duration>,
    started: Instant,
    trimmer: MemoryTrimmer,
    running: bool,
    drain_progress: DrainProgress,
    /// Wakes the loop, for other threads; made for the first of them.
    waker: Option<Arc<Waker>>,
    /// The HTTP bridge, if HTTP or metrics are served.
    bridge: Option<HttpBridge>,
    /// What each listener is for; those without an entry are for jobs.
    roles: Vec<ListenerRole>,
    /// Limits of connections per address, if there are any, and the connections that count.
    gate: Option<AddressGate>,
    slots: AddressSlots,
    /// The file of the access rules, if there are any.
    access_rules: Option<AccessRules>,
    /// Connections that are not sessions yet, if anything has TLS.
    handshakes: Option<Handshakes>,
    /// Which connections have TLS, by listener.
    tls_policies: Vec<TlsPolicy>,
    /// The file of limits and pauses, if they are kept.
    settings: Option<SettingsFile>,
    /// The durable queue, if there is one.
    store: Option<StoreLink>,
    /// Whether the jobs of the store are not all known.
    is_loading: bool,
    /// Damage of the store, for which the server ends.
    damage: Option<String>,
}

/// How far a drain has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DrainProgress {
    /// Jobs are left, or the server does not drain.
    JobsLeft,
    /// All jobs are done; results are being sent.
    Flushing,
    /// The deadline for sending them has passed.
    DeadlinePassed,
}

impl EventLoop {
    /// An event loop that is ready to run.
    ///
    /// # Errors
    /// When the system refuses a poller, a timer or a signal handler.
    pub(crate) fn new(
        mut listeners: Vec<Listener>,
        broker: Broker,
        mut log: Log,
        settings: JobServerSettings,
        keepalive: Keepalive,
    ) -> io::Result<EventLoop> {
        let poll = Poll::new()?;
        for (index, listener) in listeners.iter_mut().enumerate() {
            let (source, token) = (listener.as_source(), Token(FIRST_LISTENER_TOKEN + index));
            poll.registry().register(source, token, Interest::READABLE)?;
        }
        let mut signals = shutdown::catch_signals()?;
        poll.registry().register(&mut signals, SIGNALS_TOKEN, Interest::READABLE)?;
        let timer = TimerFd::new(poll.registry(), TIMER_TOKEN)?;
        // After the signal handlers: whatever waits for this line may send a signal.
        for listener in &listeners {
            log.write(Level::Info, format_args!("Listening on {listener}"));
        }
        let started = Instant::now();
        let clock = SystemClock { started };
        let mut jobs = JobServer::new(broker, settings, clock, log, BridgedCalls::default());
        // Timers have a resolution of 1 ms.
        let heartbeat = systemd::heartbeat().map(|period| period.max(Duration::from_millis(1)));
        if let Some(period) = heartbeat {
            jobs.set_timer(period.as_millis() as u64, DriverTimer::Heartbeat);
        }
        Ok(EventLoop {
            poll,
            signals,
            timer,
            listeners: listeners.into_iter().map(Some).collect(),
            keepalive,
            jobs,
            is_accepting_due: false,
            is_full: false,
            is_accepting_timed: false,
            is_report_timed: false,
            accept_failures: Throttle::new(1, accepting::ACCEPT_FAILURE_LOG_PERIOD),
            heartbeat,
            started,
            trimmer: MemoryTrimmer::default(),
            running: true,
            drain_progress: DrainProgress::JobsLeft,
            waker: None,
            bridge: None,
            roles: Vec::new(),
            gate: None,
            slots: HashMap::new(),
            access_rules: None,
            handshakes: None,
            tls_policies: Vec::new(),
            settings: None,
            store: None,
            damage: None,
            is_loading: false,
        })
    }

    /// The waker of the loop, which all threads share: a poller can have one only.
    ///
    /// # Errors
    /// When the system refuses it.
    fn waker(&mut self) -> io::Result<Arc<Waker>> {
        if let Some(waker) = &self.waker {
            return Ok(Arc::clone(waker));
        }
        let waker = Arc::new(Waker::new(self.poll.registry(), THREADS_TOKEN)?);
        self.waker = Some(Arc::clone(&waker));
        Ok(waker)
    }

    /// Serves until shutdown.
    ///
    /// # Errors
    /// When waiting for events fails.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_PER_TURN);
        self.enter(if self.is_loading { Phase::Loading } else { Phase::Serving });
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
        self.close_store();
        let lost = self.jobs.broker.volatile_jobs();
        self.report_lost(Level::Error, &lost, "the server ends");
        self.report_unrecorded();
        self.jobs.release_held_acks();
        self.flush();
        self.jobs.journal.report_all_suppressed();
        if let Some(bridge) = self.bridge.take() {
            self.jobs.bridge().close();
            // While HTTP responses are sent, no peer may write to a server that reads no
            // more.
            self.jobs.close_all();
            bridge.close();
        }
        self.jobs.journal.write(Level::Notice, format_args!("Shutdown complete"));
        let damage = self.damage.take();
        damage.map_or(Ok(()), |error| Err(io::Error::other(error)))
    }

    fn note(&mut self, event: &Event) {
        match event.token() {
            SIGNALS_TOKEN => self.take_signals(),
            TIMER_TOKEN => self.timer.fired(),
            THREADS_TOKEN => {
                self.store.iter_mut().for_each(|store| store.has_reports = true);
                self.bridge.iter_mut().for_each(|bridge| bridge.has_requests = true);
                self.take_rules();
            }
            Token(number) if number >= FIRST_LISTENER_TOKEN => {
                self.accept(number - FIRST_LISTENER_TOKEN)
            }
            Token(number) if number >= FIRST_HANDSHAKE_TOKEN => {
                let place = number - FIRST_HANDSHAKE_TOKEN;
                self.handshakes.iter_mut().for_each(|handshakes| handshakes.note(place));
            }
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

    /// Does the work of a turn.
    fn turn(&mut self) {
        if std::mem::take(&mut self.is_accepting_due) {
            self.accept_all();
        }
        self.advance_handshakes();
        if allocator::is_disposal_wanted() {
            self.start_disposal();
        }
        let mut registrar =
            Registrar { registry: self.poll.registry(), slots: &mut self.slots, has_closed: false };
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
        self.serve_http_bridge();
        self.serve_store();
        // Before the answers that say so are sent.
        self.keep_settings();
        self.flush();
        self.note_closed(has_closed);
        self.report_left_out_lines();
        if let Some(rest) = self.trimmer.note(self.jobs.memory_measure()) {
            self.jobs.set_timer(rest.as_millis() as u64, DriverTimer::TrimMemory);
        }
    }

    /// Lets a thread free large memory.
    #[cold]
    fn start_disposal(&mut self) {
        if let Err(error) = allocator::start_disposal() {
            let line =
                format_args!("No thread to free large memory: {error}; others wait meanwhile");
            self.jobs.journal.write(Level::Warning, line);
        }
    }

    /// Reports what the log has left out, and sees to it that this is done without a further event,
    /// too.
    fn report_left_out_lines(&mut self) {
        self.jobs.journal.report_suppressed();
        if self.jobs.journal.has_suppressed() && !self.is_report_timed {
            self.is_report_timed = true;
            self.jobs.set_timer(LEFT_OUT_REPORT_MS, DriverTimer::LeftOutLines);
        }
    }

    /// Sets the file that keeps limits and pauses.
    pub(crate) fn keep_settings_in(&mut self, file: Option<SettingsFile>) {
        self.settings = file;
    }

    fn keep_settings(&mut self) {
        let Some(file) = &mut self.settings else { return };
        if let Err(error) = file.keep(&self.jobs.broker) {
            let path = file.path().display();
            let line = format_args!(
                "Limits and pauses of functions will not survive the server: {path}: {error}"
            );
            self.jobs.journal.write(Level::Error, line);
        }
    }

    fn fire(&mut self, timer: DriverTimer) {
        match timer {
            DriverTimer::DelayedAck(_) | DriverTimer::StoreWait | DriverTimer::FetchRetry => {}
            DriverTimer::SurveyRetry => self.retry_survey(),
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
            // They are reported at the end of this turn.
            DriverTimer::LeftOutLines => self.is_report_timed = false,
            DriverTimer::DrainReport => self.report_drain(),
            DriverTimer::DrainDeadline => self.drain_progress = DrainProgress::DeadlinePassed,
            DriverTimer::Handshake => self.expire_handshakes(),
            DriverTimer::CertificateExpiry => self.check_expiry(),
            DriverTimer::TrimMemory => self.trimmer.trim(self.jobs.memory_measure()),
        }
    }

    /// Sends queued packets, and closes connections that are done.
    fn flush(&mut self) {
        let mut registrar =
            Registrar { registry: self.poll.registry(), slots: &mut self.slots, has_closed: false };
        self.jobs.flush(&mut registrar);
        let has_closed = registrar.has_closed;
        self.note_closed(has_closed);
    }

    /// Retries accepting if a closed connection freed a descriptor.
    fn note_closed(&mut self, has_closed: bool) {
        if has_closed && self.is_full {
            self.is_accepting_due = true;
        }
    }

    /// The timeout of the next wait: none, or zero if there is work. What is due later
    /// is an event of the timer.
    ///
    /// # Errors
    /// When the system refuses to set the timer.
    fn poll_timeout(&mut self) -> io::Result<Option<Duration>> {
        let has_requests = self.bridge.as_ref().is_some_and(HttpBridge::is_busy);
        let is_shaking = self.handshakes.as_ref().is_some_and(Handshakes::is_busy);
        let is_busy = self.jobs.is_busy() || self.is_accepting_due || has_requests || is_shaking;
        let may_wait = !is_busy
            && match self.next_due() {
                Some(due) => self.timer.fire_by(due)?,
                None => true,
            };
        Ok(if may_wait { None } else { Some(Duration::ZERO) })
    }

    /// When the next timer is due.
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
