//! [`InBuf`] and [`OutBuf`]: received bytes that are not read yet, and bytes to send.
//!
//! Must not: keep the memory of a burst after the burst.

/// Largest packet body, in bytes, that is awaited in the receive buffer. A larger body is
/// received directly into the memory that will hold it.
pub(crate) const BUFFERED_BODY_BYTES_MAX: usize = 16 * 1024;

/// Initial size of a receive buffer, in bytes.
const IN_BUF_BYTES_INITIAL: usize = 16 * 1024;
/// Size, in bytes, up to which a receive buffer grows while the peer fills it, and above
/// which a sent buffer is freed.
const BUFFER_BYTES_MAX: usize = 256 * 1024;

/// Received bytes that are not read yet.
#[derive(Debug, Default)]
pub struct InBuf {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl InBuf {
    /// The unread bytes.
    #[inline]
    pub fn unread(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Whether all received bytes are read.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Marks `n` unread bytes as read.
    #[inline]
    pub fn read(&mut self, n: usize) {
        self.start += n;
        debug_assert!(self.start <= self.end);
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Free space to receive into; never empty.
    #[inline]
    pub(super) fn space(&mut self) -> &mut [u8] {
        if self.end == self.bytes.len() {
            self.make_room();
        }
        &mut self.bytes[self.end..]
    }

    #[cold]
    #[inline(never)]
    fn make_room(&mut self) {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        // Full after moving: the peer is faster than the reader, or one packet's arguments
        // are long.
        if self.bytes.len() - self.end < IN_BUF_BYTES_INITIAL / 2 {
            let size = (self.bytes.len() * 2)
                .clamp(IN_BUF_BYTES_INITIAL, BUFFER_BYTES_MAX.max(self.end + IN_BUF_BYTES_INITIAL));
            self.bytes.resize(size, 0);
        }
    }

    /// Marks `n` bytes of the free space as received.
    #[inline]
    pub(super) fn filled(&mut self, n: usize) {
        self.end += n;
        debug_assert!(self.end <= self.bytes.len());
    }

    /// Drops all bytes and their memory.
    pub(super) fn clear(&mut self) {
        *self = InBuf::default();
    }
}

/// Bytes to send.
#[derive(Debug, Default)]
pub struct OutBuf {
    bytes: Vec<u8>,
    start: usize,
}

impl OutBuf {
    /// The buffer to which packets are appended.
    pub fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// The unsent bytes.
    #[inline]
    pub fn unsent(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Whether all bytes are sent.
    pub fn is_empty(&self) -> bool {
        self.start == self.bytes.len()
    }

    /// Marks `n` bytes as sent.
    pub(super) fn sent(&mut self, n: usize) {
        self.start += n;
        if self.is_empty() {
            self.sent_all();
        }
    }

    /// Marks all bytes as sent.
    #[inline]
    pub(super) fn sent_all(&mut self) {
        self.start = 0;
        self.bytes.clear();
        if self.bytes.capacity() > BUFFER_BYTES_MAX {
            self.bytes = Vec::new();
        }
    }

    /// Drops all bytes and their memory.
    pub(super) fn clear(&mut self) {
        *self = OutBuf::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(buffer: &mut InBuf, bytes: &[u8]) {
        let mut bytes = bytes;
        while !bytes.is_empty() {
            let space = buffer.space();
            let n = space.len().min(bytes.len());
            space[..n].copy_from_slice(&bytes[..n]);
            buffer.filled(n);
            bytes = &bytes[n..];
        }
    }

    #[test]
    fn a_receive_buffer_returns_the_bytes_that_were_received() {
        let mut buffer = InBuf::default();
        let all: Vec<u8> = (0..100_000u32).flat_map(u32::to_be_bytes).collect();
        let mut out = Vec::new();
        for (n, part) in all.chunks(7777).enumerate() {
            put(&mut buffer, part);
            let take = buffer.unread().len() * (n % 3) / 2;
            out.extend_from_slice(&buffer.unread()[..take]);
            buffer.read(take);
        }
        out.extend_from_slice(buffer.unread());
        assert!(out == all);
    }

    #[test]
    fn a_send_buffer_is_reset_when_all_is_sent() {
        let mut buffer = OutBuf::default();
        buffer.bytes().extend_from_slice(b"abcdef");
        buffer.sent(2);
        assert_eq!(buffer.unsent(), b"cdef");
        buffer.bytes().extend_from_slice(b"g");
        buffer.sent(5);
        assert!(buffer.is_empty());
        assert_eq!(buffer.bytes().len(), 0);
    }
}
