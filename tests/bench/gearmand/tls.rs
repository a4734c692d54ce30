//! The cost of TLS: the same load with and without it, and beside a relay that only decrypts and
//! encrypts.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use gearman_tls::rustls::ServerConnection;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::cases::{Scale, measure, shape};
use super::crowd::{Crowd, Shape};
use super::relay::load_relay;
use super::report::{Figure, Target};
use super::server::{Kind, Server, own_seconds};
use super::wire::{Wire, server_arguments, server_context};

/// Small jobs in flight, with and without TLS.
pub(crate) fn tls(kind: Kind, scale: Scale) -> Vec<Figure> {
    if kind == Kind::Original {
        return Vec::new();
    }
    let jobs = scale.of(100_000);
    let (plain, secure) = both(&shape(8, 16, 8), jobs);
    vec![
        Figure::new("server CPU without TLS, us per job", plain, Target::None),
        Figure::new("with TLS 1.3", secure, Target::None),
        Figure::new("jobs per second of CPU, with beside without", plain / secure, TLS_THROUGHPUT),
    ]
}

/// Payloads of 100 KB, beside a bare relay with rustls.
pub(crate) fn tls_large(kind: Kind, scale: Scale) -> Vec<Figure> {
    if kind == Kind::Original {
        return Vec::new();
    }
    let jobs = scale.of(5_000);
    let (plain, secure) = both(&Shape { payload: 100_000, ..shape(8, 4, 8) }, jobs);
    let relayed = load_relay(8, 4, 100_000, jobs, true, pass_on);
    vec![
        Figure::new("server CPU without TLS, us per job", plain, Target::None),
        Figure::new("with TLS 1.3", secure, Target::None),
        Figure::new("a bare relay with rustls", relayed, Target::None),
        Figure::new("server beside relay", secure / relayed, Target::AtMost(1.3)),
    ]
}

/// Connections that say nothing, before their hand-shake and after it.
pub(crate) fn tls_idle(kind: Kind, scale: Scale) -> Vec<Figure> {
    if kind == Kind::Original {
        return Vec::new();
    }
    let arguments = server_arguments();
    let mut all: Vec<&str> = arguments.iter().map(String::as_str).collect();
    all.push("--ssl-handshake-timeout=600");
    let server = Server::start(Kind::Ours, &all);
    let count = scale.of(1_000);
    let mut figures = Vec::new();
    // The first connections bring what is shared.
    let first: Vec<Wire> = (0..20).map(|_| Wire::connect(server.port, true)).collect();
    let mut one = |[what, idle]: [&'static str; 2], open: &dyn Fn() -> Wire| {
        let before = server.memory();
        let connections: Vec<Wire> = (0..count).map(|_| open()).collect();
        // Served behind all of them.
        drop(Wire::connect(server.port, true));
        let each = (server.memory() - before) / count as f64;
        let cpu = server.cpu();
        thread::sleep(IDLE_TIME);
        let share = (server.cpu() - cpu) / IDLE_TIME.as_secs_f64();
        figures.push(Figure::new(what, each, Target::AtMost(40.0 * 1024.0)));
        figures.push(Figure::new(idle, share, Target::AtMost(0.001)));
        connections
    };
    let silent = one(["bytes each, before the hand-shake", "share of a processor"], &|| {
        Wire::connect(server.port, false)
    });
    let ready = one(["bytes each, after the hand-shake", "share of a processor then"], &|| {
        Wire::connect(server.port, true)
    });
    drop((first, silent, ready));
    figures
}

/// Time for which idle connections are watched.
const IDLE_TIME: Duration = Duration::from_secs(2);

const TLS_THROUGHPUT: Target = Target::AtLeast(0.6);

/// Processor time per job in microseconds, without TLS and with it.
fn both(shape: &Shape, jobs: usize) -> (f64, f64) {
    let cpu = |arguments: &[&str], tls: bool| {
        let server = Server::start(Kind::Ours, arguments);
        let shape = Shape { tls, ..shape.clone() };
        measure(&server, &mut Crowd::new(server.port, shape), jobs).server
    };
    let plain = cpu(&[], false);
    let arguments = server_arguments();
    (plain, cpu(&arguments.each_ref().map(String::as_str), true))
}

/// One end of the relay.
struct End {
    stream: TcpStream,
    connection: ServerConnection,
}

impl End {
    /// Sends what is encrypted, as far as the socket takes it. The next read finds what is wrong.
    fn push(&mut self) {
        while self.connection.wants_write() {
            if self.connection.write_tls(&mut self.stream).is_err() {
                return;
            }
        }
    }
}

/// Relays bytes until a connection closes. Returns seconds of processor time.
fn pass_on(listener: &TcpListener, pairs: usize) -> f64 {
    let context = server_context();
    let mut poll = Poll::new().expect("a poller");
    let mut ends: Vec<End> = Vec::new();
    for number in 0..2 * pairs {
        let (mut stream, _) = listener.accept().expect("accepts");
        stream.set_nodelay(true).expect("sets nodelay");
        let mut connection = ServerConnection::new(context.config()).expect("a connection");
        connection.set_buffer_limit(None);
        while connection.is_handshaking() {
            connection.complete_io(&mut stream).expect("a hand-shake");
        }
        stream.set_nonblocking(true).expect("does not block");
        let mut stream = TcpStream::from_std(stream);
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut stream, Token(number), interest).expect("registers");
        ends.push(End { stream, connection });
    }
    let before = own_seconds();
    let mut events = Events::with_capacity(1024);
    let mut scratch = vec![0; 256 << 10];
    loop {
        poll.poll(&mut events, None).expect("waits");
        for event in &events {
            let Token(from) = event.token();
            let to = (from + pairs) % (2 * pairs);
            if event.is_writable() {
                ends[from].push();
            }
            while event.is_readable() {
                let End { stream, connection } = &mut ends[from];
                match connection.read_tls(stream) {
                    Ok(0) => return own_seconds() - before,
                    Ok(_) => {}
                    Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                    Err(_) => return own_seconds() - before,
                }
                connection.process_new_packets().expect("valid records");
                while let Ok(count @ 1..) = ends[from].connection.reader().read(&mut scratch) {
                    let mut writer = ends[to].connection.writer();
                    writer.write_all(&scratch[..count]).expect("no limit");
                }
                ends[to].push();
            }
        }
    }
}
