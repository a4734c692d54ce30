//! A job server, on loopback or on a Unix socket, that follows a script.
//!
//! Each connection is a thread that runs the script with a [`Peer`]; when the
//! script returns, the connection is closed. A script ends early when its client
//! disconnects, and all threads end when the [`Server`] is dropped.

use super::packets::{self, Command};
use crate::wait::uninterrupted;
use gearman_protocol::packet::{Decoded, decode};
use std::collections::HashMap;
use std::ffi::CString;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// A packet or a line from a client.
#[derive(Clone, Debug)]
pub struct Request {
    /// [`Command::Text`] for a line.
    pub command: Command,
    /// The arguments before the body.
    pub args: Vec<Vec<u8>>,
    /// The body, or the line.
    pub body: Vec<u8>,
}

impl Request {
    /// Whether a worker asks for a job.
    pub fn is_grab(&self) -> bool {
        matches!(self.command, Command::GrabJob | Command::GrabJobUniq | Command::GrabJobAll)
    }
}

/// The connections that are open, as the server's owner sees them.
type Open = Arc<Mutex<HashMap<usize, TcpStream>>>;

/// Every request, in the order of its arrival.
type Asked = Arc<Mutex<Vec<Request>>>;

/// One connection, as a script sees it.
pub struct Peer {
    /// How many connections there were before this one.
    pub number: usize,
    stream: TcpStream,
    received: Vec<u8>,
    jobs: usize,
    open: Open,
    asked: Asked,
}

impl Peer {
    /// The next request. None when the client has disconnected.
    pub fn receive(&mut self) -> Option<Request> {
        loop {
            if let Some(request) = self.buffered() {
                self.asked.lock().unwrap().push(request.clone());
                return Some(request);
            }
            let mut chunk = [0; 64 * 1024];
            match uninterrupted(|| self.stream.read(&mut chunk)) {
                Ok(n @ 1..) => self.received.extend_from_slice(&chunk[..n]),
                _ => return None,
            }
        }
    }

    fn buffered(&mut self) -> Option<Request> {
        if self.received.first().is_some_and(|&first| first != 0) {
            let end = self.received.iter().position(|&b| b == b'\n')?;
            let line = self.received.drain(..=end).take(end).collect();
            return Some(Request { command: Command::Text, args: Vec::new(), body: line });
        }
        let Ok(Decoded::Whole { packet, used }) = decode(&self.received) else { return None };
        let command = packet.command();
        let args = (0..command.spec().args).map(|i| packet.arg(i).to_vec()).collect();
        let body = packet.body().to_vec();
        self.received.drain(..used);
        Some(Request { command, args, body })
    }

    /// The next request for a job; other packets of the worker are passed over.
    pub fn next_grab(&mut self) -> Option<Request> {
        loop {
            let request = self.receive()?;
            if request.is_grab() {
                return Some(request);
            }
        }
    }

    /// Sends bytes. Returns whether the client is still connected, which most scripts ignore.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Sends each byte in a segment of its own.
    pub fn send_byte_by_byte(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.send(&[*byte]);
        }
    }

    /// Answers like a correct server until the client disconnects. A foreground job's
    /// result is its workload.
    pub fn serve(&mut self) {
        while let Some(request) = self.receive() {
            let answer = self.correct_answer(&request);
            self.send(&answer);
        }
    }

    /// The answer of a correct server.
    pub fn correct_answer(&mut self, request: &Request) -> Vec<u8> {
        match request.command {
            Command::SubmitJob
            | Command::SubmitJobHigh
            | Command::SubmitJobLow
            | Command::SubmitReduceJob => {
                let handle = self.new_handle();
                [packets::created(&handle), packets::complete(&handle, &request.body)].concat()
            }
            Command::SubmitJobBg | Command::SubmitJobHighBg | Command::SubmitJobLowBg => {
                packets::created(&self.new_handle())
            }
            Command::GetStatus => packets::status(&request.args[0]),
            Command::GetStatusUnique => packets::unique_status(&request.args[0]),
            Command::EchoReq => packets::echo(&request.body),
            Command::OptionReq => packets::option(&request.args[0]),
            Command::Text => b"OK\r\n".to_vec(),
            Command::GrabJob | Command::GrabJobUniq | Command::GrabJobAll => {
                packets::assign_uniq(&self.new_handle(), b"f", b"u", b"right work")
            }
            Command::PreSleep => packets::packet(Command::Noop, &[], b""),
            Command::CanDo
            | Command::CantDo
            | Command::ResetAbilities
            | Command::WorkData
            | Command::WorkComplete
            | Command::WorkFail => Vec::new(),
            other => panic!("a client sent {other:?}"),
        }
    }

    fn new_handle(&mut self) -> Vec<u8> {
        self.jobs += 1;
        format!("H:right:{}.{}", self.number, self.jobs).into_bytes()
    }

    /// Receives part of what the client sends.
    pub fn receive_some(&mut self) {
        let _ = uninterrupted(|| self.stream.read(&mut [0; 1000]));
    }

    /// Waits until the client disconnects, and reads nothing that it sends.
    pub fn wait_for_disconnect(&mut self) {
        let mut poll =
            libc::pollfd { fd: self.stream.as_raw_fd(), events: libc::POLLRDHUP, revents: 0 };
        // SAFETY: `poll` is one entry with a live descriptor.
        while unsafe { libc::poll(&raw mut poll, 1, -1) } < 0 {}
    }

    /// Closes the connection with RST.
    pub fn reset(self) {
        reset_when_closed(&self.stream);
    }
}

/// Makes the end of a connection a RST.
pub fn reset_when_closed(stream: &TcpStream) {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    // SAFETY: the option's value is a live `linger` of that size.
    let failed = unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size_of_val(&linger) as libc::socklen_t,
        )
    };
    assert_eq!(failed, 0);
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The other descriptor of the connection would keep it open.
        self.open.lock().unwrap().remove(&self.number);
    }
}

/// A listening socket.
enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// The next client. None when the socket was shut down.
    fn accept(&self) -> Option<TcpStream> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, _) = listener.accept().ok()?;
                stream.set_nodelay(true).unwrap();
                Some(stream)
            }
            // Everything that is done with a stream here works on any kind of socket.
            Listener::Unix(listener) => Some(OwnedFd::from(listener.accept().ok()?.0).into()),
        }
    }

    fn fd(&self) -> RawFd {
        match self {
            Listener::Tcp(listener) => listener.as_raw_fd(),
            Listener::Unix(listener) => listener.as_raw_fd(),
        }
    }
}

/// A path for a Unix socket that was not used before.
pub fn fresh_path() -> CString {
    static LAST: AtomicU32 = AtomicU32::new(0);
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    let name = format!("hostile-{}-{number}", std::process::id());
    let path = std::env::temp_dir().join(name);
    CString::new(path.into_os_string().into_encoded_bytes()).unwrap()
}

/// A scripted server.
pub struct Server {
    /// What a client calls its host: an address, or the path of a Unix socket.
    pub host: CString,
    /// 0 for a Unix socket.
    pub port: u16,
    listener: Arc<Listener>,
    open: Open,
    asked: Asked,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Runs `script` for each connection.
    pub fn new(script: impl Fn(Peer) + Clone + Send + 'static) -> Server {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        Server::on(Listener::Tcp(listener), c"127.0.0.1".into(), port, script)
    }

    /// The same on a Unix socket.
    pub fn on_unix(script: impl Fn(Peer) + Clone + Send + 'static) -> Server {
        let path = fresh_path();
        let listener = UnixListener::bind(path.to_str().unwrap()).unwrap();
        Server::on(Listener::Unix(listener), path, 0, script)
    }

    fn on<S: Fn(Peer) + Clone + Send + 'static>(
        listener: Listener,
        host: CString,
        port: u16,
        script: S,
    ) -> Server {
        let (listener, open, asked) = (Arc::new(listener), Open::default(), Asked::default());
        let thread = {
            let (listener, open, asked) = (listener.clone(), open.clone(), asked.clone());
            thread::spawn(move || accept(&listener, &open, &asked, &script))
        };
        Server { host, port, listener, open, asked, thread: Some(thread) }
    }

    /// The script for the first connection; later ones get correct answers.
    pub fn first(script: impl Fn(Peer) + Clone + Send + 'static) -> Server {
        Server::new(move |mut peer| if peer.number == 0 { script(peer) } else { peer.serve() })
    }

    /// Answers every request correctly.
    pub fn correct() -> Server {
        Server::new(|mut peer| peer.serve())
    }

    /// Answers the first request with these bytes, and all others correctly.
    pub fn answering(bytes: Vec<u8>) -> Server {
        Server::first(move |mut peer| {
            if peer.receive().is_some() {
                peer.send(&bytes);
                peer.serve();
            }
        })
    }

    /// The requests so far, without those by which workers offer functions.
    pub fn asked(&self) -> Vec<Request> {
        let asked = self.asked.lock().unwrap();
        let told = [Command::CanDo, Command::CantDo, Command::ResetAbilities];
        asked.iter().filter(|request| !told.contains(&request.command)).cloned().collect()
    }

    /// The results that workers have sent so far, as (handle, result).
    pub fn results(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let asked = self.asked();
        let results = asked.into_iter().filter(|request| request.command == Command::WorkComplete);
        results.map(|mut request| (request.args.remove(0), request.body)).collect()
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.open.lock().unwrap().len()
    }
}

fn accept<S: Fn(Peer) + Clone + Send + 'static>(
    listener: &Listener,
    open: &Open,
    asked: &Asked,
    script: &S,
) {
    let mut peers = Vec::new();
    for number in 0.. {
        let Some(stream) = listener.accept() else { break };
        open.lock().unwrap().insert(number, stream.try_clone().unwrap());
        let (received, open, asked) = (Vec::new(), open.clone(), asked.clone());
        let peer = Peer { number, stream, received, jobs: 0, open, asked };
        let script = script.clone();
        peers.push(thread::spawn(move || script(peer)));
    }
    for peer in peers {
        peer.join().expect("a script panicked");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Ends `accept` and every `read`.
        // SAFETY: a live descriptor.
        unsafe { libc::shutdown(self.listener.fd(), libc::SHUT_RDWR) };
        for stream in self.open.lock().unwrap().values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        if let Listener::Unix(_) = *self.listener {
            let _ = std::fs::remove_file(self.host.to_str().unwrap());
        }
        let ended = self.thread.take().unwrap().join();
        if !thread::panicking() {
            ended.expect("the server panicked");
        }
    }
}

/// A port that nothing listens on, now or later: a socket of this process keeps it, without
/// listening, so that no other server gets it.
pub fn closed_port() -> u16 {
    let mut address = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: 0,
        sin_addr: libc::in_addr { s_addr: u32::from(Ipv4Addr::LOCALHOST).to_be() },
        sin_zero: [0; 8],
    };
    let mut size = size_of_val(&address) as libc::socklen_t;
    let pointer = (&raw mut address).cast();
    // SAFETY: the address is a whole sockaddr_in of the size that is given, and may be written.
    unsafe {
        let socket = libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0);
        assert!(socket >= 0, "a socket");
        assert_eq!(libc::bind(socket, pointer, size), 0, "a free port");
        assert_eq!(libc::getsockname(socket, pointer, &raw mut size), 0, "its number");
    }
    u16::from_be(address.sin_port)
}
