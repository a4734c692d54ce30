//! [`MioNet`]: the [`Transport`] over mio.
//!
//! mio is edge-triggered: a connection is reported once when it becomes ready,
//! and the engine remembers what it left unread. The poller is made with the
//! first connection, and again in a forked child: the epoll set is shared
//! between parent and child, so a child that took a descriptor out of it would
//! silence its parent.
//!
//! Must not: interpret bytes.

use super::socket::Socket;
use super::wait_call::{self, WaitCall};
use super::{Address, Liveness, Ready, Transport, WAKE_KEY, Waited, WakePipe, address, fork};
use gearman_buf::Owned;
use mio::unix::SourceFd;
use mio::{Interest, Poll, Token};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Instant;

/// Sockets and poller of one client or worker.
#[derive(Debug)]
pub struct MioNet {
    poll: Option<Poll>,
    /// Where waits leave what they found.
    events: Box<[libc::epoll_event]>,
    /// How many of those the last wait found.
    found: usize,
    sockets: Vec<Option<Socket>>,
    wake: Option<WakePipe>,
    generation: u64,
}

/// Events fetched by one wait; more are reported by the next.
const EVENTS: usize = 64;

impl MioNet {
    /// No sockets, no poller.
    pub fn new() -> MioNet {
        MioNet {
            poll: None,
            events: Box::default(),
            found: 0,
            sockets: Vec::new(),
            wake: None,
            generation: fork::generation(),
        }
    }

    /// Also waits for a wake-up pipe, which is made here.
    ///
    /// # Errors
    /// When the process is out of descriptors.
    pub fn with_wake_pipe() -> io::Result<MioNet> {
        let mut net = MioNet::new();
        net.wake = Some(WakePipe::new()?);
        Ok(net)
    }

    /// The wake-up pipe, if there is one.
    pub fn wake_pipe(&self) -> Option<&WakePipe> {
        self.wake.as_ref()
    }

    /// The descriptor of [`Transport::poll_fd`], borrowed.
    ///
    /// # Errors
    /// When there is no poller and none can be made.
    pub fn poller_fd(&mut self) -> io::Result<BorrowedFd<'_>> {
        let fd = self.poller()?.as_raw_fd();
        // SAFETY: the poller owns the descriptor, and is borrowed for as long.
        Ok(unsafe { BorrowedFd::borrow_raw(fd) })
    }

    #[cold]
    #[inline(never)]
    fn poller(&mut self) -> io::Result<&mut Poll> {
        if self.poll.is_none() {
            let poll = Poll::new()?;
            if let Some(pipe) = &self.wake {
                let fd = pipe.read_fd();
                poll.registry().register(
                    &mut SourceFd(&fd),
                    Token(WAKE_KEY),
                    Interest::READABLE,
                )?;
            }
            self.poll = Some(poll);
            self.events = vec![libc::epoll_event { events: 0, u64: 0 }; EVENTS].into();
        }
        self.poll.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// The system call that waits until a connection is ready or `until` has come.
    /// It is made outside, so that nothing with a destructor is alive meanwhile, and
    /// its result comes back through [`MioNet::end_wait`].
    ///
    /// # Errors
    /// When there is no poller and none can be made.
    #[inline(always)]
    pub fn begin_wait(&mut self, until: Option<Instant>) -> io::Result<WaitCall> {
        self.found = 0;
        if self.poll.is_none() {
            self.poller()?;
        }
        match &self.poll {
            Some(poll) => Ok(WaitCall::new(poll.as_raw_fd(), &mut self.events, until)),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Notes what the wait found: the number of events, or an `errno` below zero.
    ///
    /// # Errors
    /// The poller's.
    #[inline(always)]
    pub fn end_wait(&mut self, result: i32) -> io::Result<Waited> {
        match result {
            0 => Ok(Waited::TimedOut),
            1.. => {
                self.found = (result as usize).min(self.events.len());
                Ok(Waited::Ready)
            }
            _ if result == -libc::EINTR => Ok(Waited::Interrupted),
            _ => Err(io::Error::from_raw_os_error(-result)),
        }
    }

    fn socket(&self, key: usize) -> io::Result<&Socket> {
        self.sockets
            .get(key)
            .and_then(Option::as_ref)
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Closes what a forked child has inherited.
    #[cold]
    fn let_go(&mut self) -> bool {
        self.generation = fork::generation();
        // Dropping only closes: no deregistering, no shutdown, no bytes.
        self.sockets.clear();
        self.poll = None;
        self.found = 0;
        if self.wake.is_some() {
            self.wake = WakePipe::new().ok();
        }
        true
    }

    fn set_interest(&mut self, key: usize, interest: Interest) {
        if let (Some(poll), Some(Some(socket))) = (&self.poll, self.sockets.get_mut(key)) {
            // Only fails for a descriptor that is not registered, and then the
            // next send or receive reports the broken connection.
            let _ = poll.registry().reregister(socket.as_source(), Token(key), interest);
        }
    }
}

impl Default for MioNet {
    fn default() -> MioNet {
        MioNet::new()
    }
}

impl Transport for MioNet {
    fn now(&self) -> Instant {
        Instant::now()
    }

    #[inline]
    fn forked(&mut self) -> bool {
        fork::generation() != self.generation && self.let_go()
    }

    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<Address>> {
        address::resolve(host, port)
    }

    fn connect(&mut self, key: usize, address: &Address) -> io::Result<()> {
        self.close(key);
        let mut socket = Socket::connect(address)?;
        self.poller()?.registry().register(
            socket.as_source(),
            Token(key),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        if self.sockets.len() <= key {
            self.sockets.resize_with(key + 1, || None);
        }
        self.sockets[key] = Some(socket);
        Ok(())
    }

    fn finish_connect(&mut self, key: usize) -> io::Result<()> {
        self.socket(key)?.finish_connect()?;
        self.set_interest(key, Interest::READABLE);
        Ok(())
    }

    #[inline(always)]
    fn send(&mut self, key: usize, head: &[u8], body: &[u8]) -> io::Result<usize> {
        self.socket(key)?.send(head, body)
    }

    #[inline]
    fn recv(&mut self, key: usize, space: &mut [u8]) -> io::Result<usize> {
        // SAFETY: the bytes are initialised and stay so: the kernel only
        // overwrites them.
        let space = unsafe { &mut *(std::ptr::from_mut(space) as *mut [MaybeUninit<u8>]) };
        self.socket(key)?.recv(space)
    }

    fn recv_owned(&mut self, key: usize, into: &mut Owned, limit: usize) -> io::Result<usize> {
        let space = into.spare();
        let limit = limit.min(space.len());
        let got = self.socket(key)?.recv(&mut space[..limit])?;
        // SAFETY: the kernel wrote `got` bytes at the start of the spare room.
        unsafe { into.advance(got) };
        Ok(got)
    }

    fn recv_raw(&mut self, key: usize, space: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
        self.socket(key)?.recv(space)
    }

    fn liveness(&mut self, key: usize) -> Liveness {
        self.socket(key).map_or(Liveness::Dead, Socket::liveness)
    }

    fn want_writable(&mut self, key: usize, wanted: bool) {
        let writable = wanted.then_some(Interest::WRITABLE);
        self.set_interest(key, writable.map_or(Interest::READABLE, |w| w | Interest::READABLE));
    }

    fn close(&mut self, key: usize) {
        let Some(mut socket) = self.sockets.get_mut(key).and_then(Option::take) else { return };
        // Closing alone would leave it in the epoll set for as long as a forked
        // child holds a copy, but a child must not touch its parent's set.
        if let Some(poll) = &self.poll
            && fork::generation() == self.generation
        {
            let _ = poll.registry().deregister(socket.as_source());
        }
    }

    #[inline(always)]
    fn wait(&mut self, until: Option<Instant>) -> io::Result<Waited> {
        let call = self.begin_wait(until)?;
        self.end_wait(call.make_here())
    }

    #[inline]
    fn ready(&mut self) -> impl Iterator<Item = Ready> {
        let found = std::mem::take(&mut self.found);
        self.events[..found].iter().map(wait_call::ready)
    }

    fn take_wake(&mut self) -> Option<u8> {
        self.wake.as_ref()?.take()
    }

    fn put_wake(&mut self, byte: u8) {
        if let Some(pipe) = &self.wake {
            pipe.put(byte);
        }
    }

    fn poll_fd(&mut self) -> io::Result<i32> {
        Ok(self.poller()?.as_raw_fd())
    }
}
