//! Reading of the metrics by several peers at once.
//!
//! The text is made part by part, as it is read, one part at a time for all readers: neither many
//! functions nor many readers, nor slow ones, cost memory or delay other HTTP connections.
//!
//! Must not: know what is in a part.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::spawn_blocking;

/// Most readers at once.
const READERS_MAX: usize = 32;

/// What limits the readers of the metrics.
pub(super) struct Scrapes {
    readers: Arc<Semaphore>,
    /// One permit: a part is made at a time.
    making: Arc<Semaphore>,
}

/// A reader of the metrics.
pub(super) struct Scrape {
    making: Arc<Semaphore>,
    /// Ends with the last part.
    slot: OwnedSemaphorePermit,
}

impl Scrapes {
    /// No readers.
    pub(super) fn new() -> Scrapes {
        let [readers, making] = [READERS_MAX, 1].map(|permits| Arc::new(Semaphore::new(permits)));
        Scrapes { readers, making }
    }

    /// A new reader, unless there are too many.
    pub(super) fn begin(&self) -> Option<Scrape> {
        let slot = Arc::clone(&self.readers).try_acquire_owned().ok()?;
        Some(Scrape { making: Arc::clone(&self.making), slot })
    }
}

impl Scrape {
    /// The body of a response that consists of these parts.
    pub(super) fn stream<E: ToString + Send + 'static>(
        self,
        parts: impl Iterator<Item = Result<Vec<u8>, E>> + Send + 'static,
    ) -> MetricsBody {
        // A part waits until the one before it was taken.
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(self.make(parts, sender));
        MetricsBody { parts: receiver }
    }

    async fn make<E: ToString + Send + 'static>(
        self,
        mut parts: impl Iterator<Item = Result<Vec<u8>, E>> + Send + 'static,
        to: mpsc::Sender<io::Result<Bytes>>,
    ) {
        loop {
            let Ok(turn) = self.making.acquire().await else { break };
            // With thousands of functions it takes long enough to delay other connections.
            let made = spawn_blocking(move || {
                let part = parts.next();
                (parts, part)
            });
            let Ok((rest, part)) = made.await else {
                // A panic is reported by its thread.
                let _ = to.send(Err(io::Error::other("the metrics cannot be made"))).await;
                break;
            };
            drop(turn);
            parts = rest;
            let Some(part) = part else { break };
            let part = part.map(Bytes::from).map_err(|error| io::Error::other(error.to_string()));
            // A reader that is gone needs no more.
            if part.is_err() | to.send(part).await.is_err() {
                break;
            }
        }
        drop(self.slot);
    }
}

/// Metrics that are streamed.
pub(super) struct MetricsBody {
    parts: mpsc::Receiver<io::Result<Bytes>>,
}

impl Body for MetricsBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.parts.poll_recv(context).map(|part| part.map(|part| part.map(Frame::data)))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use http_body_util::BodyExt;

    use super::*;

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(test);
    }

    /// So many parts of one byte, and the count of those that were made.
    fn parts(
        count: u8,
    ) -> (impl Iterator<Item = Result<Vec<u8>, Infallible>> + Send, Arc<AtomicUsize>) {
        let made = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&made);
        let parts = (0..count).map(move |number| {
            counted.fetch_add(1, Ordering::SeqCst);
            Ok(vec![number])
        });
        (parts, made)
    }

    #[test]
    fn parts_are_made_as_they_are_read() {
        run(async {
            let (parts, made) = parts(100);
            let mut body = Scrapes::new().begin().expect("a slot").stream(parts);
            for number in 0..100 {
                let frame = body.frame().await.expect("a part").expect("no error");
                assert_eq!(frame.into_data().expect("data"), &[number][..]);
                // One waits in the channel, and one for its place there.
                assert!(made.load(Ordering::SeqCst) <= usize::from(number) + 3);
            }
            assert!(body.frame().await.is_none());
        });
    }

    #[test]
    fn a_reader_that_takes_nothing_stops_no_other_one() {
        run(async {
            let scrapes = Scrapes::new();
            let mut slow: Vec<_> = (1..READERS_MAX)
                .map(|_| scrapes.begin().expect("a slot").stream(parts(100).0))
                .collect();
            for _ in 0..3 {
                let body = scrapes.begin().expect("a slot").stream(parts(50).0);
                assert_eq!(body.collect().await.expect("no error").to_bytes().len(), 50);
                // The slot is free a moment after the last part was read.
                while scrapes.readers.available_permits() == 0 {
                    tokio::task::yield_now().await;
                }
            }
            let last = scrapes.begin().expect("a slot");
            assert!(scrapes.begin().is_none(), "there are too many");
            // One that gives up makes room.
            drop(slow.pop());
            while scrapes.readers.available_permits() == 0 {
                tokio::task::yield_now().await;
            }
            drop(last);
        });
    }

    #[test]
    fn an_error_cuts_the_body_off() {
        run(async {
            let parts = [Ok(vec![1]), Err("no"), Ok(vec![2])];
            let body = Scrapes::new().begin().expect("a slot").stream(parts.into_iter());
            assert_eq!(body.collect().await.expect_err("cut off").to_string(), "no");
        });
    }
}
