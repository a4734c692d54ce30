//! Bytes through record layers: any width, cut anywhere, closed in order.

use super::certificates::Authority;
use super::{Pair, steps};
use std::io::{ErrorKind, IoSlice};

/// Sends `bytes` from the client in calls as a socket's user makes them, and returns what the
/// server has received.
fn carried(pair: &mut Pair, bytes: &[u8]) -> Vec<u8> {
    let (mut sent, mut received) = (0, Vec::new());
    for _ in 0..1_000_000 {
        if received.len() == bytes.len() {
            return received;
        }
        let (layer, mut end) = pair.client();
        let rest = &bytes[sent..];
        let (head, body) = rest.split_at(rest.len().min(20));
        match layer.send(&mut end, &[IoSlice::new(head), IoSlice::new(body)]) {
            Ok(count) => sent += count,
            Err(e) => assert_eq!(e.kind(), ErrorKind::WouldBlock),
        }
        let (layer, mut end) = pair.server();
        let mut space = [0; 7000];
        match layer.receive(&mut end, &mut space) {
            Ok(count) => received.extend_from_slice(&space[..count]),
            Err(e) => assert_eq!(e.kind(), ErrorKind::WouldBlock),
        }
    }
    panic!("{} of {} bytes", received.len(), bytes.len());
}

#[test]
fn bytes_arrive_in_order_over_streams_of_any_width() {
    let authority = Authority::new("width");
    let bytes: Vec<u8> = (0..30_000_u32).flat_map(u32::to_be_bytes).collect();
    for width in [1, 5, 333, 4096, 70_000, usize::MAX] {
        let mut pair = Pair::new(&authority.client(), &authority.server(|_| {}));
        pair.width = width;
        pair.shake().expect("they agree");
        let bytes = if width == 1 { &bytes[..3000] } else { &bytes[..] };
        assert!(carried(&mut pair, bytes) == bytes, "{width} bytes at a time");
    }
}

#[test]
fn a_short_receive_has_emptied_the_stream() {
    let authority = Authority::new("short");
    let mut pair = Pair::new(&authority.client(), &authority.server(|_| {}));
    pair.shake().expect("they agree");
    for length in [1, 4000, 20_000] {
        let (layer, mut end) = pair.client();
        let bytes = vec![b'x'; length];
        assert_eq!(layer.send(&mut end, &[IoSlice::new(&bytes)]).expect("room"), length);
        let (layer, mut end) = pair.server();
        let mut space = vec![0; length + 1];
        assert_eq!(layer.receive(&mut end, &mut space).expect("bytes"), length);
        assert!(pair.to_server.bytes.is_empty());
    }
}

#[test]
fn the_last_byte_counts_as_unsent_until_its_record_has_left() {
    let authority = Authority::new("last");
    let mut pair = Pair::new(&authority.client(), &authority.server(|_| {}));
    pair.shake().expect("they agree");
    pair.width = 10;
    let (layer, mut end) = pair.client();
    assert_eq!(layer.send(&mut end, &[IoSlice::new(b"packet")]).expect("a part"), 5);
    let mut blocked = 0;
    let sent = loop {
        let (layer, mut end) = pair.client();
        match layer.send(&mut end, &[IoSlice::new(b"t")]) {
            Ok(count) => break count,
            Err(e) => assert_eq!(e.kind(), ErrorKind::WouldBlock),
        }
        blocked += 1;
    };
    assert!(sent == 1 && blocked > 0);
    let (layer, mut end) = pair.server();
    let mut space = [0; 100];
    let count = layer.receive(&mut end, &mut space).expect("bytes");
    assert_eq!(&space[..count], b"packet");
}

#[test]
fn a_connection_that_is_cut_anywhere_is_told_from_one_that_was_closed() {
    let authority = Authority::new("cut");
    let server = authority.server(|_| {});
    let record = |closes: bool| {
        let mut pair = Pair::new(&authority.client(), &server);
        pair.shake().expect("they agree");
        let (layer, mut end) = pair.server();
        steps(layer, &mut end).expect("tickets are sent");
        let tickets = pair.to_client.bytes.len();
        let (layer, mut end) = pair.server();
        layer.send(&mut end, &[IoSlice::new(b"answer")]).expect("room");
        let whole = pair.to_client.bytes.len();
        if closes {
            let (layer, mut end) = pair.server();
            layer.close(&mut end);
        }
        (pair, tickets, whole)
    };
    let (_, tickets, whole) = record(false);
    for cut in (0..=whole).chain([usize::MAX]) {
        let (mut pair, _, _) = record(cut == usize::MAX);
        pair.to_client.bytes.truncate(cut);
        pair.to_client.closed = true;
        let mut received = Vec::new();
        let end = loop {
            let (layer, mut end) = pair.client();
            let mut space = [0; 100];
            match layer.receive(&mut end, &mut space) {
                Ok(0) => break None,
                Ok(count) => received.extend_from_slice(&space[..count]),
                Err(e) => break Some(e),
            }
        };
        assert_eq!(received == b"answer", cut >= whole, "{cut} of {whole}, tickets {tickets}");
        match end {
            None => assert_eq!(cut, usize::MAX),
            Some(e) => {
                assert_eq!(e.kind(), ErrorKind::UnexpectedEof);
                assert!(e.to_string().contains("ended without close_notify"), "{e}");
            }
        }
    }
}

#[test]
fn a_hand_shake_that_is_cut_at_any_byte_fails_on_both_sides() {
    let authority = Authority::new("cut-hello");
    let server = authority.server(|_| {});
    let mut pair = Pair::new(&authority.client(), &server);
    let (layer, mut end) = pair.client();
    assert_eq!(steps(layer, &mut end), Ok(false));
    let hello: Vec<u8> = pair.to_server.bytes.iter().copied().collect();
    for cut in 0..hello.len() {
        let mut pair = Pair::new(&authority.client(), &server);
        pair.to_server.bytes = hello[..cut].iter().copied().collect();
        pair.to_server.closed = true;
        let (layer, mut end) = pair.server();
        let error = steps(layer, &mut end).expect_err("half a hello");
        assert!(error.contains("closed the connection in the hand-shake"), "{error}");
    }
}

#[test]
fn plain_text_and_garbage_are_no_hand_shake() {
    let authority = Authority::new("garbage");
    let server = authority.server(|_| {});
    for bytes in [&b"status\r\n"[..], b"\0REQ\0\0\0\x10\0\0\0\x01x", b"\x16\x03\x01\0\x05hello"] {
        let mut pair = Pair::new(&authority.client(), &server);
        pair.to_server.bytes = bytes.iter().copied().collect();
        let (layer, mut end) = pair.server();
        let error = steps(layer, &mut end).expect_err("no hello");
        assert!(error.starts_with("TLS: "), "{error}");
        let mut pair = Pair::new(&authority.client(), &server);
        pair.to_client.bytes = b"ERR UNKNOWN_COMMAND x\r\n".iter().copied().collect();
        let (layer, mut end) = pair.client();
        let error = steps(layer, &mut end).expect_err("plain text");
        assert!(error.contains("does not speak TLS"), "{error}");
    }
}

#[test]
fn a_changed_record_is_an_error() {
    let authority = Authority::new("changed");
    let mut pair = Pair::new(&authority.client(), &authority.server(|_| {}));
    pair.shake().expect("they agree");
    let (layer, mut end) = pair.client();
    layer.send(&mut end, &[IoSlice::new(b"packet")]).expect("room");
    let last = pair.to_server.bytes.len() - 1;
    pair.to_server.bytes[last] ^= 1;
    for _ in 0..2 {
        let (layer, mut end) = pair.server();
        let error = layer.receive(&mut end, &mut [0; 10]).expect_err("changed");
        assert_eq!(error.to_string(), "TLS: a record is damaged");
    }
}
