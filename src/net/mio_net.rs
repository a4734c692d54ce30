//! [`MioNet`]: the [`Transport`] over mio.
//!
//! mio is edge-triggered: a connection is reported once when it becomes ready, and the
//! engine remembers which connections it has not read until they would block. The poller
//! is created with the first connection, and again in a forked child: parent and child
//! share the epoll set, so a descriptor that the child removed would be lost to the parent.
//!
//! Must not: interpret bytes.

use super::low_descriptors::made_above;
use super::socket::Socket;
#[cfg(feature = "tls")]
use super::tls_socket::{self, TlsSocket};
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
    /// Where waits write events.
    events: Box<[libc::epoll_event]>,
    /// The number of events of the last wait.
    found: usize,
    /// By key.
    sockets: Vec<Option<Socket>>,
    wake: Option<WakePipe>,
    /// The generation of the process that opened the descriptors.
    generation: u64,
    /// The files of TLS, as they were read.
    #[cfg(feature = "tls")]
    tls: gearman_tls::ClientContext,
}

/// The most events that one wait returns; the next wait returns the others.
const WAIT_EVENTS_MAX: usize = 64;

impl MioNet {
    /// A transport without sockets. It opens no descriptor yet.
    pub fn new() -> MioNet {
        MioNet {
            poll: None,
            events: Box::default(),
            found: 0,
            sockets: Vec::new(),
            wake: None,
            generation: fork::generation(),
            #[cfg(feature = "tls")]
            tls: gearman_tls::ClientContext::default(),
        }
    }

    /// A transport with a wake-up pipe, which its waits include.
    ///
    /// # Errors
    /// When the process is out of descriptors.
    pub fn with_wake_pipe() -> io::Result<MioNet> {
        let mut net = MioNet::new();
        net.wake = Some(WakePipe::new()?);
        Ok(net)
    }

    /// The wake-up pipe, if it was created with one.
    pub fn wake_pipe(&self) -> Option<&WakePipe> {
        self.wake.as_ref()
    }

    /// The descriptor of [`Transport::poll_fd`], borrowed.
    ///
    /// # Errors
    /// When the poller cannot be created.
    pub fn poller_fd(&mut self) -> io::Result<BorrowedFd<'_>> {
        let fd = self.poller()?.as_raw_fd();
        // SAFETY: the poller owns the descriptor, and `self` is borrowed as long as it is.
        Ok(unsafe { BorrowedFd::borrow_raw(fd) })
    }

    #[cold]
    #[inline(never)]
    fn poller(&mut self) -> io::Result<&mut Poll> {
        if self.poll.is_none() {
            let poll = made_above(Poll::new)?;
            if let Some(pipe) = &self.wake {
                let fd = pipe.read_fd();
                poll.registry().register(
                    &mut SourceFd(&fd),
                    Token(WAKE_KEY),
                    Interest::READABLE,
                )?;
            }
            self.poll = Some(poll);
            self.events = vec![libc::epoll_event { events: 0, u64: 0 }; WAIT_EVENTS_MAX].into();
        }
        self.poll.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Prepares the system call that waits until a connection is ready or the deadline
    /// `until` has passed. The caller makes it, so that nothing with a destructor is alive
    /// during the call, and gives the result to [`MioNet::end_wait`].
    ///
    /// # Errors
    /// When the poller cannot be created.
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

    /// Takes the result of the wait: the number of events, or a negated `errno`.
    ///
    /// # Errors
    /// The failure of the call, except for `EINTR`, which is [`Waited::Interrupted`].
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

    /// The socket under `key`, if it is open and has no TLS.
    #[inline(always)]
    fn plain(&self, key: usize) -> Option<&Socket> {
        match self.sockets.get(key) {
            #[cfg(feature = "tls")]
            Some(Some(Socket::Tls(_))) => None,
            Some(Some(socket)) => Some(socket),
            Some(None) | None => None,
        }
    }

    /// Closes the descriptors that a forked child has inherited.
    #[cold]
    fn close_inherited(&mut self) -> bool {
        self.generation = fork::generation();
        // Dropping a socket only closes it: the epoll set and the peer do not notice.
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
            // Fails only for a descriptor that is not registered; then the next send or
            // receive returns an error.
            let _ = poll.registry().reregister(socket.as_source(), Token(key), interest);
        }
    }
}

/// What streams with TLS do instead of the system calls.
#[cfg(feature = "tls")]
impl MioNet {
    #[cold]
    #[inline(never)]
    fn send_encrypted(&mut self, key: usize, head: &[u8], body: &[u8]) -> io::Result<usize> {
        match self.sockets.get_mut(key) {
            Some(Some(Socket::Tls(socket))) => socket.send(head, body),
            _ => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    #[cold]
    #[inline(never)]
    fn receive_encrypted(&mut self, key: usize, space: &mut [u8]) -> io::Result<usize> {
        match self.sockets.get_mut(key) {
            Some(Some(Socket::Tls(socket))) => socket.receive(space),
            _ => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

/// Without TLS, a socket that is not plain is not open.
#[cfg(not(feature = "tls"))]
impl MioNet {
    #[cold]
    fn send_encrypted(&mut self, _: usize, _: &[u8], _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::NotConnected.into())
    }

    #[cold]
    fn receive_encrypted(&mut self, _: usize, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::NotConnected.into())
    }
}

/// Fills memory, so that safe code can receive into it. Decryption costs far more.
fn initialised(space: &mut [MaybeUninit<u8>]) -> &mut [u8] {
    space.fill(MaybeUninit::new(0));
    // SAFETY: every byte was written just now.
    unsafe { &mut *(std::ptr::from_mut(space) as *mut [u8]) }
}

/// The peers of streams with TLS are told of the end, except by a forked child.
impl Drop for MioNet {
    fn drop(&mut self) {
        if cfg!(feature = "tls") {
            (0..self.sockets.len()).for_each(|key| self.close(key));
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

    fn random(&mut self) -> u32 {
        crate::random() as u32
    }

    #[inline]
    fn forked(&mut self) -> bool {
        fork::generation() != self.generation && self.close_inherited()
    }

    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<Address>> {
        address::resolve(host, port)
    }

    fn connect(
        &mut self,
        key: usize,
        address: &Address,
        keepalive: super::KeepaliveTime,
    ) -> io::Result<()> {
        self.close(key);
        let mut socket = Socket::connect(address, keepalive)?;
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

    #[cfg(feature = "tls")]
    fn connect_tls(
        &mut self,
        key: usize,
        address: &Address,
        host: &str,
        tls: &super::ClientTlsSettings,
        keepalive: super::KeepaliveTime,
    ) -> io::Result<()> {
        let records = tls_socket::records(&mut self.tls, tls, host)?;
        self.connect(key, address, keepalive)?;
        if let Some(open) = self.sockets.get_mut(key)
            && let Some(socket) = open.take()
        {
            *open = Some(Socket::Tls(Box::new(TlsSocket::new(socket, records))));
        }
        Ok(())
    }

    fn finish_connect(&mut self, key: usize) -> io::Result<()> {
        #[cfg(feature = "tls")]
        if let Some(Some(Socket::Tls(socket))) = self.sockets.get_mut(key) {
            socket.finish_connect()?;
            self.set_interest(key, Interest::READABLE);
            return Ok(());
        }
        self.socket(key)?.finish_connect()?;
        self.set_interest(key, Interest::READABLE);
        Ok(())
    }

    #[inline(always)]
    fn send(&mut self, key: usize, head: &[u8], body: &[u8]) -> io::Result<usize> {
        match self.plain(key) {
            Some(socket) => socket.send(head, body),
            None => self.send_encrypted(key, head, body),
        }
    }

    #[inline]
    fn recv(&mut self, key: usize, space: &mut [u8]) -> io::Result<usize> {
        // SAFETY: the same memory, borrowed alone. Its bytes are initialised and stay so: the
        // kernel only overwrites them.
        let raw = unsafe { &mut *(std::ptr::from_mut(space) as *mut [MaybeUninit<u8>]) };
        match self.plain(key) {
            Some(socket) => socket.recv(raw),
            None => self.receive_encrypted(key, space),
        }
    }

    fn recv_owned(&mut self, key: usize, into: &mut Owned, limit: usize) -> io::Result<usize> {
        let space = into.spare();
        let limit = limit.min(space.len());
        let space = &mut space[..limit];
        let got = match self.plain(key) {
            Some(socket) => socket.recv(space)?,
            None => self.receive_encrypted(key, initialised(space))?,
        };
        // SAFETY: the kernel or the record layer wrote `got` bytes at the start of the spare capacity.
        unsafe { into.advance(got) };
        Ok(got)
    }

    fn recv_raw(&mut self, key: usize, space: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
        match self.plain(key) {
            Some(socket) => socket.recv(space),
            None => self.receive_encrypted(key, initialised(space)),
        }
    }

    fn liveness(&mut self, key: usize) -> Liveness {
        #[cfg(feature = "tls")]
        if let Some(Some(Socket::Tls(socket))) = self.sockets.get_mut(key) {
            return socket.liveness();
        }
        self.socket(key).map_or(Liveness::Dead, Socket::liveness)
    }

    fn want_writable(&mut self, key: usize, wanted: bool) {
        let writable = wanted.then_some(Interest::WRITABLE);
        self.set_interest(key, writable.map_or(Interest::READABLE, |w| w | Interest::READABLE));
    }

    fn close(&mut self, key: usize) {
        let Some(mut socket) = self.sockets.get_mut(key).and_then(Option::take) else { return };
        // Without deregistering, the socket stays in the epoll set while a forked child has a
        // copy of it. A child must not change its parent's set, nor speak for its parent.
        if let Some(poll) = &self.poll
            && fork::generation() == self.generation
        {
            #[cfg(feature = "tls")]
            if let Socket::Tls(socket) = &mut socket {
                socket.say_goodbye();
            }
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
