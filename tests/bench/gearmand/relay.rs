//! The floor for the cost of a job: a relay that copies bytes between a client and its worker and
//! knows no jobs.
//!
//! Must not: be a server.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::thread;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::load::{JOB_ASSIGN_UNIQ, Load, Scenario, WORK_COMPLETE, append_request};
use super::server::own_seconds;

/// Microseconds of processor time per job in a relay between `clients` clients, with
/// `outstanding` jobs each, and as many workers.
pub(crate) fn relay(pairs: usize, outstanding: usize, payload: usize, jobs: usize) -> f64 {
    load_relay(pairs, outstanding, payload, jobs, false, pass_on)
}

/// The same in another relay: a function that accepts connections and relays until one closes, and
/// returns its seconds of processor time.
pub(crate) fn load_relay(
    pairs: usize,
    outstanding: usize,
    payload: usize,
    jobs: usize,
    has_tls: bool,
    pass_on: fn(&TcpListener, usize) -> f64,
) -> f64 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("listens");
    let port = listener.local_addr().expect("an address").port();
    let relay = thread::spawn(move || pass_on(&listener, pairs));
    let mut load = Load::with(has_tls);
    (0..2 * pairs).for_each(|_| {
        load.connect(port);
    });
    let mut play = Pairs { pairs, payload: vec![b'x'; payload], left: jobs };
    for client in (0..pairs).cycle().take(pairs * outstanding) {
        append_request(load.output(client), JOB_ASSIGN_UNIQ, &[&play.payload]);
    }
    load.run(&mut play);
    drop(load);
    relay.join().expect("the relay ends") * 1e6 / jobs as f64
}

/// The clients, followed by their workers.
struct Pairs {
    pairs: usize,
    payload: Vec<u8>,
    left: usize,
}

impl Scenario for Pairs {
    fn on_packet(&mut self, index: usize, _: u32, _: &[u8], size: usize, out: &mut Vec<u8>) {
        assert_eq!(size, self.payload.len());
        let is_client = index < self.pairs;
        self.left = self.left.saturating_sub(is_client.into());
        append_request(
            out,
            if is_client { JOB_ASSIGN_UNIQ } else { WORK_COMPLETE },
            &[&self.payload],
        );
    }

    fn is_over(&self) -> bool {
        self.left == 0
    }
}

/// Relays bytes until a connection closes. Returns seconds of processor time.
fn pass_on(listener: &TcpListener, pairs: usize) -> f64 {
    let mut poll = Poll::new().expect("a poller");
    let mut ends: Vec<(TcpStream, Vec<u8>)> = Vec::new();
    for number in 0..2 * pairs {
        let (stream, _) = listener.accept().expect("accepts");
        stream.set_nodelay(true).expect("sets nodelay");
        stream.set_nonblocking(true).expect("does not block");
        let mut stream = TcpStream::from_std(stream);
        let both = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut stream, Token(number), both).expect("registers");
        ends.push((stream, Vec::new()));
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
                let waiting = std::mem::take(&mut ends[from].1);
                send(&mut ends[from], &waiting);
            }
            while event.is_readable() {
                let count = match ends[from].0.read(&mut scratch) {
                    Ok(count) if count > 0 => count,
                    Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                    _ => return own_seconds() - before,
                };
                send(&mut ends[to], &scratch[..count]);
                if count < scratch.len() {
                    break;
                }
            }
        }
    }
}

/// Sends as much as the socket takes and keeps the rest.
fn send((stream, waiting): &mut (TcpStream, Vec<u8>), bytes: &[u8]) {
    let sent = if waiting.is_empty() { stream.write(bytes).unwrap_or(0) } else { 0 };
    waiting.extend_from_slice(&bytes[sent..]);
}
