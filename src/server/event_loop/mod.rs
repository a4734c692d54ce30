//! The event loop: one thread, one poller.
//!
//! A turn waits, notes what is ready, receives once from each connection that
//! has something, handles what came in place, and sends once to each connection
//! that got something. Whoever has more to say is served again next turn.
//!
//! Must not: know what packets do; that is the broker's.

mod accepting;
mod binding;
mod conversation;
mod ending;
mod front;
mod listener;
mod listing;
mod outgoing;
mod peer;
mod peers;
mod piggyback;
mod stream;
mod timer;

pub(crate) use binding::{Binding, bind, bind_tcp, path};
pub(crate) use listener::{Keepalive, Listener};

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mio::{Events, Interest, Poll, Token};
use signal_hook_mio::v1_0::Signals;

use crate::http::Phase;
use crate::log::{Level, Log, Throttle};
use crate::memory::Tide;
use crate::systemd;
use front::Desk;
use gearman_broker::{Broker, Now};
use peer::{Doom, Peer};
use peers::{Outlet, Peers};
use timer::Timer;

const SIGNALS: Token = Token(usize::MAX);
const FRONT: Token = Token(usize::MAX - 1);
const TIMER: Token = Token(usize::MAX - 2);
/// Listeners have the numbers from here on, connections those from 0.
const LISTENERS: usize = usize::MAX / 2;
/// Events per turn.
const EVENTS: usize = 1024;
/// Size of the buffer that connections share for receiving.
const SCRATCH: usize = 256 << 10;
/// Longest sleep while jobs wait for a time of day: the clock may be set.
const CALENDAR_NAP: Duration = Duration::from_secs(5);

/// What is the same for all connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) keepalive: Keepalive,
    /// Bytes that may wait for a peer.
    pub(crate) output_limit: usize,
    /// Bytes that a packet may have after its header.
    pub(crate) packet_limit: u32,
    /// Whether `shutdown` is a text command.
    pub(crate) allow_shutdown: bool,
}

/// The server.
pub(crate) struct Server {
    poll: Poll,
    signals: Signals,
    timer: Timer,
    listeners: Vec<Listener>,
    settings: Settings,
    broker: Broker,
    peers: Peers,
    log: Log,
    scratch: Vec<u8>,
    /// Memory for the next large packet, which keeps it.
    landing: Vec<u8>,
    /// Connections that have something to say.
    ready: Vec<usize>,
    /// Connections for which a list can be written on.
    listing: VecDeque<usize>,
    /// An empty list to fill in the next turn; only its memory matters.
    served: Vec<usize>,
    /// When to accept again after there was no room.
    accept_again: Option<Instant>,
    /// How often it is said that there is no room.
    no_room: Throttle,
    /// When to say next that the server is alive, if somebody wants to know.
    heartbeat: Option<Heartbeat>,
    started: Instant,
    /// The time of this turn.
    now: Now,
    tide: Tide,
    running: bool,
    /// Until when the last results may take their way, once all jobs are done.
    farewell: Option<Instant>,
    /// Where those call who speak HTTP, if anybody can.
    desk: Option<Desk>,
}

/// A sign of life, and when the next one is due.
struct Heartbeat {
    period: Duration,
    next: Instant,
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
        settings: Settings,
    ) -> io::Result<Server> {
        let poll = Poll::new()?;
        for (index, listener) in listeners.iter_mut().enumerate() {
            let (source, token) = (listener.as_source(), Token(LISTENERS + index));
            poll.registry().register(source, token, Interest::READABLE)?;
        }
        let mut signals = ending::catch_signals()?;
        poll.registry().register(&mut signals, SIGNALS, Interest::READABLE)?;
        let timer = Timer::new(poll.registry(), TIMER)?;
        // Only now: who waits for this line may send a signal next.
        for listener in &listeners {
            log.write(Level::Info, format_args!("Listening on {listener}"));
        }
        Ok(Server {
            poll,
            signals,
            timer,
            listeners,
            settings,
            broker,
            peers: Peers::new(settings.output_limit),
            log,
            scratch: vec![0; SCRATCH],
            landing: Vec::new(),
            ready: Vec::new(),
            listing: VecDeque::new(),
            served: Vec::new(),
            accept_again: None,
            no_room: Throttle::new(1, accepting::NO_ROOM_PERIOD),
            heartbeat: systemd::heartbeat()
                .map(|period| Heartbeat { period, next: Instant::now() + period }),
            started: Instant::now(),
            now: Now::default(),
            tide: Tide::default(),
            running: true,
            farewell: None,
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
            let patience = self.patience()?;
            match self.poll.poll(&mut events, patience) {
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                result => result?,
            }
            for event in &events {
                match event.token() {
                    SIGNALS => self.take_signals(),
                    TIMER => self.timer.rang(),
                    FRONT => self.desk.iter_mut().for_each(|desk| desk.is_called = true),
                    Token(number) if number >= LISTENERS => self.accept(number - LISTENERS),
                    Token(index) => {
                        let Some(peer) = self.peers.get_mut(index) else { continue };
                        if event.is_writable() {
                            peer.writable();
                            self.peers.mark_dirty(index, true);
                        }
                        if event.is_readable() || event.is_error() {
                            self.note_readable(index, event.is_read_closed() || event.is_error());
                        }
                    }
                }
            }
            self.turn();
        }
        systemd::stopping();
        self.peers.release();
        self.flush();
        self.log.report_all_suppressed();
        if let Some(desk) = self.desk.take() {
            drop(self.peers);
            desk.close();
        }
        self.log.write(Level::Info, format_args!("Shutdown complete"));
        Ok(())
    }

    fn note_readable(&mut self, index: usize, closed: bool) {
        let Some(peer) = self.peers.get_mut(index) else { return };
        peer.readable(closed);
        if peer.is_ready() && !std::mem::replace(&mut peer.queued, true) {
            self.ready.push(index);
        }
    }

    /// Everything of a turn that is not waiting.
    fn turn(&mut self) {
        if self.accept_again.is_some_and(|at| at <= Instant::now()) {
            self.accept_all();
        }
        self.now = self.read_clocks();
        self.peers.tick(self.now.ticks);
        self.broker.tick(self.now, &mut Outlet { peers: &mut self.peers, log: &mut self.log });
        // Those who are not done get into line again, behind the others.
        let mut ready = std::mem::replace(&mut self.ready, std::mem::take(&mut self.served));
        for index in ready.drain(..) {
            self.serve(index);
            // Copying it is most of its cost, and least while the processor still
            // has it at hand.
            if self.peers.take_large() {
                self.flush();
            }
        }
        self.served = ready;
        self.write_list();
        self.serve_front();
        self.flush();
        self.log.report_suppressed();
        self.tide.note(self.broker.job_count());
        if let Some(heartbeat) = &mut self.heartbeat
            && heartbeat.next <= Instant::now()
        {
            systemd::alive();
            heartbeat.next = Instant::now() + heartbeat.period;
        }
    }

    /// Sends what there is to send, and closes what is to be closed.
    fn flush(&mut self) {
        // Closing connections can give others something to send, and sending
        // can find connections that are to be closed.
        loop {
            let (ready, listing) = (&mut self.ready, &mut self.listing);
            self.peers.flush(self.poll.registry(), |index, peer| {
                if peer.is_ready() && !std::mem::replace(&mut peer.queued, true) {
                    ready.push(index);
                }
                listing::go_on(index, peer, listing);
            });
            let Some(peer) = self.peers.pop_doomed() else { break };
            self.close(peer);
        }
    }

    fn close(&mut self, mut peer: Peer) {
        match peer.doom.take() {
            Some(Doom { why, is_fault: true }) => {
                let origin = peer.origin;
                self.log.complain(Level::Error, format_args!("Disconnected {origin}: {why}"));
            }
            Some(Doom { why, .. }) => {
                self.log.write(Level::Info, format_args!("Disconnected {}: {why}", peer.origin));
            }
            None => {}
        }
        peer.deregister(self.poll.registry());
        let outlet = &mut Outlet { peers: &mut self.peers, log: &mut self.log };
        self.broker.disconnect(peer.key, outlet);
        if self.accept_again.is_some() {
            drop(peer);
            self.accept_all();
        }
    }

    /// The time now, as `Now::ticks`.
    fn ticks(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    fn read_clocks(&self) -> Now {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { ticks: self.ticks(), unix: unix.as_secs() }
    }

    /// How long to wait for events: not at all, or until there are some. What is due
    /// at a time is one, too.
    ///
    /// # Errors
    /// When the system does not set the timer.
    fn patience(&mut self) -> io::Result<Option<Duration>> {
        let is_called = self.desk.as_ref().is_some_and(Desk::is_busy);
        let is_busy = !self.ready.is_empty() || !self.listing.is_empty() || is_called;
        let may_wait = !is_busy
            && match self.next_due() {
                Some(due) => self.timer.ring_by(due)?,
                None => true,
            };
        Ok(if may_wait { None } else { Some(Duration::ZERO) })
    }

    /// When there is something to do next, if nothing happens before.
    fn next_due(&self) -> Option<Instant> {
        let (ticks, unix) = self.broker.next_due();
        let ticks = [ticks, self.peers.next_due()].into_iter().flatten().min();
        let running = ticks.and_then(|due| self.started.checked_add(Duration::from_millis(due)));
        let delayed = unix.map(|due| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            Instant::now() + Duration::from_secs(due).saturating_sub(now).min(CALENDAR_NAP)
        });
        let heartbeat = self.heartbeat.as_ref().map(|heartbeat| heartbeat.next);
        [running, delayed, self.accept_again, heartbeat, self.farewell, self.tide.due()]
            .into_iter()
            .flatten()
            .min()
    }
}
