//! A connection that cuts, and that swallows what a store answers.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use gearman_test_support::wait::uninterrupted;

/// A way to a store on this machine.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    swallows: AtomicBool,
    is_over: AtomicBool,
    streams: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// Opens a way to a port.
    pub(crate) fn start(target: u16) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared::default());
        let accepted = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if accepted.is_over.load(Ordering::SeqCst) {
                    return;
                }
                // Without a store, the connection ends as soon as it has begun.
                if let Ok(store) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)) {
                    join(&accepted, stream, store);
                }
            }
        });
        Proxy { port, shared }
    }

    /// Loses every answer from now on, or lets them pass again. Requests pass always.
    pub(crate) fn swallow(&self, swallows: bool) {
        self.shared.swallows.store(swallows, Ordering::SeqCst);
    }

    /// Ends all connections.
    pub(crate) fn cut(&self) {
        for stream in self.shared.streams.lock().expect("not poisoned").drain(..) {
            // It may have ended by itself.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        self.cut();
    }
}

fn join(shared: &Arc<Shared>, server: TcpStream, store: TcpStream) {
    let clone = |stream: &TcpStream| stream.try_clone().expect("a descriptor");
    let mut streams = shared.streams.lock().expect("not poisoned");
    streams.extend([clone(&server), clone(&store)]);
    let (requests, answers) = ((clone(&server), clone(&store)), (store, server));
    let passing = Arc::clone(shared);
    thread::spawn(move || copy(requests, || false));
    thread::spawn(move || copy(answers, || passing.swallows.load(Ordering::SeqCst)));
}

/// Copies until one side ends, and ends the other then.
fn copy((mut from, mut to): (TcpStream, TcpStream), swallows: impl Fn() -> bool) {
    let mut piece = [0; 1 << 16];
    while let Ok(size) = uninterrupted(|| from.read(&mut piece)) {
        if size == 0 || (!swallows() && to.write_all(&piece[..size]).is_err()) {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
