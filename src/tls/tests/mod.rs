//! Both sides of connections in memory, with certificates made here.

mod certificates;
mod connections;
mod files;

use crate::{
    ClientContext, ClientRecords, ClientSettings, HandshakeStep, RecordLayer, ServerContext,
    ServerRecords, ServerSettings,
};
use rustls::{ConnectionCommon, SideData};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::ops::DerefMut;
use std::path::PathBuf;

/// A directory of files, removed on drop.
pub(super) struct Directory(PathBuf);

impl Directory {
    pub(super) fn new(name: &str) -> Directory {
        let path = std::env::temp_dir().join(format!("gearman-tls-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory");
        Directory(path)
    }

    /// Writes a file, and returns its path.
    pub(super) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("written");
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Bytes on their way to one side.
#[derive(Default)]
pub(super) struct Pipe {
    pub(super) bytes: VecDeque<u8>,
    /// Bytes that may be written before the stream is full.
    pub(super) room: usize,
    pub(super) closed: bool,
}

/// One side's view of two pipes.
pub(super) struct End<'a> {
    pub(super) from: &'a mut Pipe,
    pub(super) to: &'a mut Pipe,
}

impl Read for End<'_> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        match self.from.bytes.read(space)? {
            0 if self.from.closed => Ok(0),
            0 => Err(ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }
}

impl Write for End<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.to.room);
        if count == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.to.room -= count;
        self.to.bytes.extend(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A client and a server, joined by pipes that take `width` bytes at a time.
pub(super) struct Pair {
    pub(super) client: ClientRecords,
    pub(super) server: ServerRecords,
    pub(super) to_client: Pipe,
    pub(super) to_server: Pipe,
    pub(super) width: usize,
}

impl Pair {
    pub(super) fn new(client: &ClientSettings, server: &ServerSettings) -> Pair {
        Pair {
            client: ClientContext::default().connect(client, "localhost").expect("a client"),
            server: ServerContext::load(server).expect("a server").accept().expect("a connection"),
            to_client: Pipe::default(),
            to_server: Pipe::default(),
            width: usize::MAX,
        }
    }

    /// The client's layer and stream.
    pub(super) fn client(&mut self) -> (&mut ClientRecords, End<'_>) {
        self.to_server.room = self.width;
        let end = End { from: &mut self.to_client, to: &mut self.to_server };
        (&mut self.client, end)
    }

    /// The server's layer and stream.
    pub(super) fn server(&mut self) -> (&mut ServerRecords, End<'_>) {
        self.to_client.room = self.width;
        let end = End { from: &mut self.to_server, to: &mut self.to_client };
        (&mut self.server, end)
    }

    /// Shakes hands. The errors are those of the client and of the server.
    pub(super) fn shake(&mut self) -> Result<(), (Option<String>, Option<String>)> {
        for _ in 0..100_000 {
            let (layer, mut end) = self.client();
            let client = steps(layer, &mut end);
            let (layer, mut end) = self.server();
            let server = steps(layer, &mut end);
            match (client, server) {
                (Ok(true), Ok(true)) => return Ok(()),
                (Ok(_), Ok(_)) => {}
                (client, server) => return Err((client.err(), server.err())),
            }
        }
        panic!("the hand-shake does not end");
    }
}

/// Takes steps while they are possible. Returns whether the hand-shake is complete.
fn steps<C, S>(layer: &mut RecordLayer<C>, end: &mut End<'_>) -> Result<bool, String>
where
    C: DerefMut<Target = ConnectionCommon<S>>,
    S: SideData,
{
    loop {
        match layer.step(end).map_err(|error| error.to_string())? {
            HandshakeStep::Complete => return Ok(true),
            HandshakeStep::Again => {}
            HandshakeStep::NeedsRead | HandshakeStep::NeedsWrite => return Ok(false),
        }
    }
}
