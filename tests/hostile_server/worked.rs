//! A job server with a worker that counts what it does.

use gearman_test_support::certificates;
use gearman_test_support::server::Server;
use gearman_test_support::wait::wait_until;
use gearman_test_support::wire::{self, Command};
use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// A job server with a worker for the function `f`, which returns its workload and counts the
/// jobs that it does.
pub(crate) struct Worked {
    pub(crate) server: Server,
    done: Arc<AtomicUsize>,
}

impl Worked {
    /// Starts both. With `has_tls` the server takes TLS and plain connections.
    pub(crate) fn start(gearmand: &str, has_tls: bool) -> Worked {
        let server = if has_tls {
            let options = certificates::server_options();
            let [certificate, key, authority] = options.each_ref().map(String::as_str);
            // The worker and the commands for administrators are in the clear.
            let options = ["--ssl", "--ssl-optional", certificate, key, authority];
            Server::start_with(gearmand, &options)
        } else {
            Server::start(gearmand)
        };
        let done = Arc::new(AtomicUsize::new(0));
        let (port, count) = (server.port, Arc::clone(&done));
        thread::spawn(move || work(port, &count));
        wait_until("a worker", || server.ask("status").contains("f\t0\t0\t1\n"));
        Worked { server, done }
    }

    /// The number of jobs done since the last call, when no job is left.
    pub(crate) fn take_done(&self) -> usize {
        wait_until("the end of all jobs", || self.server.ask("status").contains("f\t0\t0\t1\n"));
        self.done.swap(0, Ordering::Relaxed)
    }

    /// The handle of a new job that no worker does.
    pub(crate) fn waiting_job(&self) -> Vec<u8> {
        let mut stream = connect(self.server.port);
        send(&mut stream, Command::SubmitJobBg, &[b"unworked", b"waiting", b""]);
        wire::receive(&mut stream).expect("JOB_CREATED").1
    }
}

/// Does every job of a server until the server ends.
fn work(port: u16, done: &AtomicUsize) {
    let mut stream = connect(port);
    send(&mut stream, Command::CanDo, &[b"f"]);
    send(&mut stream, Command::GrabJob, &[]);
    while let Some((command, payload)) = wire::receive(&mut stream) {
        match command {
            Command::JobAssign => {
                done.fetch_add(1, Ordering::Relaxed);
                let mut parts = payload.splitn(3, |&byte| byte == 0);
                let handle = parts.next().expect("a handle");
                let workload = parts.nth(1).expect("a function and a workload");
                send(&mut stream, Command::WorkComplete, &[handle, workload]);
                send(&mut stream, Command::GrabJob, &[]);
            }
            Command::NoJob => send(&mut stream, Command::PreSleep, &[]),
            _ => send(&mut stream, Command::GrabJob, &[]),
        }
    }
}

fn connect(port: u16) -> TcpStream {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a connection")
}

fn send(stream: &mut TcpStream, command: Command, parts: &[&[u8]]) {
    // A server that has ended is noticed by reading.
    let _ = stream.write_all(&wire::request(command, parts));
}
