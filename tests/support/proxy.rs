//! A proxy before a job server that works, which does one harm to one packet, or under TLS to one
//! record.
//!
//! Must not: know what the packets are about.

use gearman_protocol::Command;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// The length of a packet's header, in bytes.
const HEADER_BYTES: usize = 12;
/// The first byte of a TLS record: change of cipher, alert, hand-shake, data.
const RECORD_TYPES: std::ops::RangeInclusive<u8> = 20..=23;
/// The length of a record's header, in bytes.
const RECORD_HEADER_BYTES: usize = 5;
/// How long [`Harm::Delayed`] keeps a packet.
const DELAY: Duration = Duration::from_millis(40);

/// What is done to a packet and to its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// It comes later.
    Delayed,
    /// It is withheld, and the connection is closed.
    Closed,
    /// It is withheld, and the connection is reset.
    Reset,
    /// It is withheld, and nothing follows.
    Silent,
    /// Its first half is passed on, and the connection is closed.
    CutAndClosed,
    /// Its first half is passed on, and nothing follows.
    CutAndSilent,
    /// The first byte is another one.
    OtherMagic,
    /// The number of the command is unknown. In a record: another length.
    OtherCommand,
    /// The size is four gigabytes. In a record: other encrypted bytes.
    OtherSize,
}

/// The packet that is harmed: the next one of its kind. A harmed request does not reach the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Any request.
    Request,
    /// A request for a job.
    Grab,
    /// WORK_COMPLETE of a worker.
    Report,
    /// Anything from the server but WORK_COMPLETE.
    Answer,
    /// A job for a worker.
    Assignment,
    /// WORK_COMPLETE for a client.
    Result,
}

impl Target {
    fn is_request(self) -> bool {
        matches!(self, Target::Request | Target::Grab | Target::Report)
    }

    /// Whether this is the packet, or line, in this direction.
    fn fits(self, unit: &[u8], is_request: bool) -> bool {
        use Command::*;
        let command = command(unit);
        is_request == self.is_request()
            && match self {
                Target::Request => true,
                Target::Grab => matches!(command, Some(GrabJob | GrabJobUniq | GrabJobAll)),
                Target::Report | Target::Result => command == Some(WorkComplete),
                Target::Answer => command != Some(WorkComplete),
                Target::Assignment => {
                    matches!(command, Some(JobAssign | JobAssignUniq | JobAssignAll))
                }
            }
    }
}

/// What the server notices of a connection that ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerSide {
    /// Nothing, as after a failure of the network.
    StaysOpen,
    /// Its connection ends, too.
    Ends,
}

/// The harm that is still to be done, if any.
type Plan = Arc<Mutex<Option<(Target, Harm)>>>;

/// A proxy before one job server.
pub struct Proxy {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    plan: Plan,
    /// Both ends of each connection: of the client, and to the server.
    connections: Arc<Mutex<Vec<(TcpStream, TcpStream)>>>,
}

impl Proxy {
    /// A proxy for the server on this port. It passes everything on.
    pub fn new(server: u16, server_side: ServerSide) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let proxy = Proxy { port, plan: Plan::default(), connections: Arc::default() };
        let (plan, connections) = (Arc::clone(&proxy.plan), Arc::clone(&proxy.connections));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // The server of a finished test is gone.
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)) else { return };
                let copies = [&client, &server].map(|stream| stream.try_clone().expect("a copy"));
                let [client_copy, server_copy] = copies;
                connections.lock().expect("no panic").push((client_copy, server_copy));
                serve(client, server, &plan, server_side);
            }
        });
        proxy
    }

    /// Plans a harm.
    pub fn harms(&self, target: Target, harm: Harm) {
        *self.plan.lock().expect("no panic") = Some((target, harm));
    }

    /// Whether the planned harm is done.
    pub fn has_harmed(&self) -> bool {
        self.plan.lock().expect("no panic").is_none()
    }

    /// Does a harm to every connection of a client, between two packets.
    pub fn harms_idle(&self, harm: Harm) {
        for (client, _) in &*self.connections.lock().expect("no panic") {
            match harm {
                Harm::Closed => _ = client.shutdown(Shutdown::Both),
                Harm::Reset => reset(client),
                other => panic!("{other:?} needs a packet"),
            }
        }
    }

    /// Ends every connection.
    pub fn ends_all(&self) {
        for (client, server) in self.connections.lock().expect("no panic").drain(..) {
            let _ = client.shutdown(Shutdown::Both);
            let _ = server.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.ends_all();
        // The listening thread ends with the next connection, whose server is gone.
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let _ = TcpStream::connect_timeout(&address, Duration::from_secs(1));
    }
}

/// A port whose queue of connections is full: an attempt to connect is not answered.
pub struct UnansweringPort {
    /// The port on 127.0.0.1.
    pub port: u16,
    _listener: TcpListener,
    _queued: Vec<TcpStream>,
}

impl UnansweringPort {
    /// Fills the queue of a port.
    pub fn open() -> UnansweringPort {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        // SAFETY: the descriptor is a listening socket, which `listener` keeps open.
        assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
        let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(50)).ok();
        let queued = std::iter::from_fn(connect).collect();
        UnansweringPort { port: address.port(), _listener: listener, _queued: queued }
    }
}

/// Passes both directions of a connection on, in two threads that end with their streams.
fn serve(client: TcpStream, server: TcpStream, plan: &Plan, server_side: ServerSide) {
    let pairs = [(&client, &server, true), (&server, &client, false)];
    let is_harmed = Arc::new(AtomicBool::new(false));
    for (from, to, is_request) in pairs {
        let [from, to] = [from, to].map(|stream| stream.try_clone().expect("a copy"));
        let (plan, is_harmed) = (Arc::clone(plan), Arc::clone(&is_harmed));
        thread::spawn(move || pass_on(from, to, is_request, (&plan, &is_harmed), server_side));
    }
}

/// Passes packets and lines on until the stream ends or a harm ends it.
fn pass_on(
    mut from: TcpStream,
    mut to: TcpStream,
    is_request: bool,
    (plan, is_harmed): (&Plan, &AtomicBool),
    server_side: ServerSide,
) {
    while let Some(unit) = receive(&mut from) {
        // The server gets nothing more, not even that the client gives the connection up.
        if is_harmed.load(Ordering::Relaxed) {
            continue;
        }
        let mut planned = plan.lock().expect("no panic");
        let harm = planned.filter(|(target, _)| target.fits(&unit, is_request));
        if harm.is_some() {
            *planned = None;
        }
        drop(planned);
        match harm {
            None => _ = to.write_all(&unit),
            Some((_, Harm::Delayed)) => {
                thread::sleep(DELAY);
                let _ = to.write_all(&unit);
            }
            Some((_, harm)) => {
                is_harmed.store(true, Ordering::Relaxed);
                let (client, server) = if is_request { (&from, &to) } else { (&to, &from) };
                end(client, &unit, harm, is_request);
                if server_side == ServerSide::Ends {
                    let _ = server.shutdown(Shutdown::Both);
                }
                return;
            }
        }
    }
    if server_side == ServerSide::Ends && is_request {
        let _ = to.shutdown(Shutdown::Both);
    }
}

/// Does a harm that ends a connection of the client, in which no packet follows. A request is
/// withheld in any case.
fn end(client: &TcpStream, unit: &[u8], harm: Harm, is_request: bool) {
    let mut writer = client;
    let mut changed = unit.to_vec();
    match harm {
        Harm::CutAndClosed | Harm::CutAndSilent => changed.truncate(unit.len() / 2),
        Harm::OtherMagic => changed[0] = b'?',
        Harm::OtherCommand => changed[4..8].copy_from_slice(&1000u32.to_be_bytes()),
        Harm::OtherSize => changed[8..12].copy_from_slice(&u32::MAX.to_be_bytes()),
        Harm::Delayed | Harm::Closed | Harm::Reset | Harm::Silent => changed.clear(),
    }
    if !is_request {
        let _ = writer.write_all(&changed);
    }
    match harm {
        Harm::Closed | Harm::CutAndClosed => _ = client.shutdown(Shutdown::Both),
        Harm::Reset => reset(client),
        _ => {}
    }
}

/// Resets a connection, whatever copies of the descriptor exist.
fn reset(stream: &TcpStream) {
    // Connecting a socket to no address ends its connection with a reset.
    let nowhere =
        libc::sockaddr { sa_family: libc::AF_UNSPEC as libc::sa_family_t, sa_data: [0; 14] };
    // SAFETY: the address is a whole sockaddr, and the descriptor that of an open socket.
    let code = unsafe {
        libc::connect(stream.as_raw_fd(), &raw const nowhere, size_of_val(&nowhere) as u32)
    };
    assert_eq!(code, 0, "the connection is reset");
}

/// The next packet, line or record. None when the stream has ended.
fn receive(from: &mut TcpStream) -> Option<Vec<u8>> {
    let mut unit = vec![0];
    from.read_exact(&mut unit).ok()?;
    if RECORD_TYPES.contains(&unit[0]) {
        unit.resize(RECORD_HEADER_BYTES, 0);
        from.read_exact(&mut unit[1..]).ok()?;
        let size = u16::from_be_bytes([unit[3], unit[4]]);
        unit.resize(RECORD_HEADER_BYTES + usize::from(size), 0);
        from.read_exact(&mut unit[RECORD_HEADER_BYTES..]).ok()?;
        return Some(unit);
    }
    if unit[0] != 0 {
        while unit.last() != Some(&b'\n') {
            let mut byte = [0];
            from.read_exact(&mut byte).ok()?;
            unit.push(byte[0]);
        }
        return Some(unit);
    }
    unit.resize(HEADER_BYTES, 0);
    from.read_exact(&mut unit[1..]).ok()?;
    let size = u32::from_be_bytes(unit[8..12].try_into().expect("four bytes"));
    unit.resize(HEADER_BYTES + size as usize, 0);
    from.read_exact(&mut unit[HEADER_BYTES..]).ok()?;
    Some(unit)
}

/// The command of a packet; None for a line.
fn command(unit: &[u8]) -> Option<Command> {
    let number = unit.get(4..8).filter(|_| unit[0] == 0)?;
    Command::from_number(u32::from_be_bytes(number.try_into().expect("four bytes")))
}
