//! The engine's side of a script: the transport that replaces sockets.
//!
//! Must not: do anything that the script does not say.

use super::{Connect, ScriptNet, ScriptPeer, packets};
use gearman_buf::Owned;
use gearman_net::{Address, KeepaliveTime, Liveness, Ready, Transport, WAKE_KEY, Waited};
use std::cell::RefMut;
use std::io;
use std::mem::MaybeUninit;
use std::time::Instant;

impl ScriptNet {
    fn peer(&mut self, key: usize) -> RefMut<'_, ScriptPeer> {
        RefMut::map(self.0.borrow_mut(), |state| {
            if state.peers.len() <= key {
                state.peers.resize_with(key + 1, ScriptPeer::default);
            }
            &mut state.peers[key]
        })
    }

    fn receive(&mut self, key: usize, most: usize) -> io::Result<Vec<u8>> {
        self.0.borrow_mut().calls.recv += 1;
        self.peer(key).take(most)
    }
}

impl Transport for ScriptNet {
    fn now(&self) -> Instant {
        self.0.borrow().now
    }

    fn random(&mut self) -> u32 {
        self.0.borrow().random
    }

    fn forked(&mut self) -> bool {
        let mut state = self.0.borrow_mut();
        let forked = std::mem::take(&mut state.forked);
        if forked {
            state.peers.iter_mut().for_each(ScriptPeer::shut);
            state.ready.clear();
        }
        forked
    }

    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<Address>> {
        if host.ends_with(".invalid") {
            return Err(io::Error::other("Name or service not known"));
        }
        let address = Address::Inet(([127, 0, 0, 1], port).into());
        Ok(vec![address; if host.starts_with("two-addresses") { 2 } else { 1 }])
    }

    fn connect(&mut self, key: usize, _: &Address, _: KeepaliveTime) -> io::Result<()> {
        self.0.borrow_mut().calls.connect += 1;
        let mut peer = self.peer(key);
        peer.shut();
        peer.open = true;
        peer.connected += 1;
        peer.sent.clear();
        peer.log.push(Vec::new());
        peer.met = Some(peer.connects.pop_front().unwrap_or(Connect::Accept));
        Ok(())
    }

    fn finish_connect(&mut self, key: usize) -> io::Result<()> {
        let peer = self.peer(key);
        if peer.met.is_some() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if peer.closed {
            return Err(io::Error::from_raw_os_error(libc::ECONNREFUSED));
        }
        Ok(())
    }

    fn send(&mut self, key: usize, head: &[u8], body: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().calls.send += 1;
        let mut peer = self.peer(key);
        assert!(peer.open, "sent on a closed connection");
        if peer.closed {
            return Err(io::Error::from_raw_os_error(libc::EPIPE));
        }
        let all = [head, body].concat();
        if peer.room.front() == Some(&0) {
            // The socket stays full until the next wait.
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let room = peer.room.pop_front().unwrap_or(all.len());
        let n = room.min(all.len());
        peer.sent.extend_from_slice(&all[..n]);
        if let Some(log) = peer.log.last_mut() {
            log.extend_from_slice(&all[..n]);
        }
        Ok(n)
    }

    fn recv(&mut self, key: usize, space: &mut [u8]) -> io::Result<usize> {
        let bytes = self.receive(key, space.len())?;
        space[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }

    fn recv_owned(&mut self, key: usize, into: &mut Owned, limit: usize) -> io::Result<usize> {
        let bytes = self.receive(key, limit)?;
        into.extend(&bytes).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn recv_raw(&mut self, key: usize, space: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
        let bytes = self.receive(key, space.len())?;
        for (to, from) in space.iter_mut().zip(&bytes) {
            to.write(*from);
        }
        Ok(bytes.len())
    }

    fn liveness(&mut self, key: usize) -> Liveness {
        // Apply what the peer has done since the last wait.
        let now = self.0.borrow().now;
        let mut peer = self.peer(key);
        peer.play(key, now);
        match (peer.inbox.is_empty(), peer.closed || !peer.open) {
            (false, _) => Liveness::Readable,
            (true, true) => Liveness::Dead,
            (true, false) => Liveness::Quiet,
        }
    }

    fn want_writable(&mut self, key: usize, wanted: bool) {
        self.peer(key).wants_writable = wanted;
    }

    fn close(&mut self, key: usize) {
        self.peer(key).shut();
    }

    fn wait(&mut self, until: Option<Instant>) -> io::Result<Waited> {
        let mut state = self.0.borrow_mut();
        let state = &mut *state;
        state.calls.wait += 1;
        assert!(state.calls.wait < 100_000, "too many waits");
        if state.interrupts > 0 {
            state.interrupts -= 1;
            return Ok(Waited::Interrupted);
        }
        loop {
            let now = state.now;
            let ready = state.peers.iter_mut().enumerate().filter_map(|(k, p)| p.play(k, now));
            state.ready.extend(ready);
            while let Some(&(at, byte)) = state.wake.front()
                && at <= now
            {
                state.wake.pop_front();
                state.woken.push(byte);
                state.ready.push_back(Ready {
                    key: WAKE_KEY,
                    readable: true,
                    writable: false,
                    closed: false,
                });
            }
            if !state.ready.is_empty() {
                return Ok(Waited::Ready);
            }
            let open = state.peers.iter().filter(|p| p.open && !p.closed && p.met.is_none());
            let next = open.filter_map(|p| p.resumes).chain(state.wake.front().map(|w| w.0)).min();
            match (next, until) {
                (Some(next), None) => state.now = next,
                (Some(next), Some(until)) if next < until => state.now = next,
                (_, Some(until)) => {
                    state.now = now.max(until);
                    return Ok(Waited::TimedOut);
                }
                (None, None) if state.resolve_stuck() => {}
                (None, None) => {
                    let left: Vec<_> =
                        state.peers.iter().map(|p| (&p.script, packets(&p.sent))).collect();
                    panic!("a wait that cannot end; scripts and unmatched bytes: {left:?}");
                }
            }
        }
    }

    fn ready(&mut self) -> impl Iterator<Item = Ready> {
        std::mem::take(&mut self.0.borrow_mut().ready).into_iter()
    }

    fn take_wake(&mut self) -> Option<u8> {
        self.0.borrow_mut().woken.pop()
    }

    fn put_wake(&mut self, byte: u8) {
        self.0.borrow_mut().woken.push(byte);
    }

    fn poll_fd(&mut self) -> io::Result<i32> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
