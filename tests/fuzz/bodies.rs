//! What must hold for any bytes: the bodies of the fuzz targets, which
//! `tests/fuzz/main.rs` also runs on generated input. Each panics when it does not.

#[path = "handshake.rs"]
mod handshake;

pub use handshake::handshake;

use gearman_access::{
    AccessControl, AdminScope, GroupMembers, ListenerRole, NameLookup, Peer, PeerIdentity,
    Permission, Rules, UnixCredentials,
};

use gearman::protocol::admin::{Framing, Line, ReplyEnd, line, words};
use gearman::protocol::limits::{HEADER_SIZE, MAX_TEXT_LINE};
use gearman::protocol::servers::{HOST_BYTES_MAX, parse_server_list};
use gearman::protocol::{Decoded, Packet, ProtocolError, decode, encode, percent};

/// Longer input is decoded at some of its prefixes only: every one of them would
/// make the work grow with the square of the size.
const EVERY_PREFIX: usize = 512;

/// Bytes decode to the same packet however they were split on their way, and no
/// earlier than they can.
pub fn packets(data: &[u8]) {
    let mut rest = data;
    while let Some(used) = packet(rest) {
        rest = &rest[used..];
    }
}

/// Decodes the first packet at every prefix. Returns its size, if it is whole.
fn packet(data: &[u8]) -> Option<usize> {
    let last = decode(data);
    check(data, &last);

    let step = data.len().div_ceil(EVERY_PREFIX).max(1);
    let mut needed = HEADER_SIZE;
    let mut head_used = None;
    for length in (0..data.len()).step_by(step) {
        let prefix = &data[..length];
        let now = decode(prefix);
        check(prefix, &now);
        match now {
            Ok(Decoded::Incomplete { need }) => {
                assert!(head_used.is_none(), "a head was taken back at {length}");
                assert!(need >= needed, "{need} bytes after {needed} at {length}");
                needed = need;
            }
            Ok(Decoded::Head { packet, used }) => {
                assert!(length >= needed, "a head of {length} bytes, {needed} were needed");
                assert!(head_used.replace(used).is_none_or(|before| before == used));
                assert_agrees(&packet, &last, length);
            }
            Ok(Decoded::Whole { packet, used }) => {
                assert!(length >= needed, "a packet of {length} bytes, {needed} were needed");
                let Ok(Decoded::Whole { packet: whole, used: whole_used }) = &last else {
                    panic!("whole at {length}, then {last:?}");
                };
                assert_eq!(used, *whole_used);
                assert_eq!(parts(&packet), parts(whole));
            }
            // A packet that is invalid stays so, whatever arrives later. (An error about
            // the magic names the bytes of it that have arrived.)
            Err(ProtocolError::Magic(_)) => {
                assert!(matches!(last, Err(ProtocolError::Magic(_))), "{last:?}");
            }
            Err(error) => assert_eq!(Some(&error), last.as_ref().err(), "at {length}"),
        }
    }
    match last {
        Ok(Decoded::Whole { packet, used }) => {
            round_trip(&packet, &data[..used]);
            Some(used)
        }
        _ => None,
    }
}

/// What must hold for one answer.
fn check(data: &[u8], decoded: &Result<Decoded<'_>, ProtocolError>) {
    match decoded {
        Ok(Decoded::Incomplete { need }) => assert!(*need > data.len()),
        Ok(Decoded::Head { packet, used }) => {
            assert!(*used <= data.len());
            let total = HEADER_SIZE + packet.header.length as usize;
            assert!(total > data.len(), "not whole, with all its bytes here");
            assert_eq!(used + packet.body_size(), total);
            assert_eq!(packet.body().len(), data.len() - used);
        }
        Ok(Decoded::Whole { packet, used }) => {
            assert!(*used <= data.len());
            assert_eq!(*used, HEADER_SIZE + packet.header.length as usize);
            assert_eq!(packet.body().len(), packet.body_size());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A head knows what the whole packet will say, but for the rest of its body.
fn assert_agrees(head: &Packet<'_>, last: &Result<Decoded<'_>, ProtocolError>, length: usize) {
    let (Ok(Decoded::Head { packet, .. }) | Ok(Decoded::Whole { packet, .. })) = last else {
        panic!("a head at {length}, then {last:?}");
    };
    assert_eq!(head.header, packet.header);
    assert_eq!(args(head), args(packet));
    assert_eq!(head.body_size(), packet.body_size());
    assert!(packet.body().starts_with(head.body()));
}

fn args<'a>(packet: &Packet<'a>) -> Vec<&'a [u8]> {
    (0..packet.command().spec().args).map(|index| packet.arg(index)).collect()
}

fn parts<'a>(packet: &Packet<'a>) -> (gearman::protocol::Header, Vec<&'a [u8]>, &'a [u8]) {
    (packet.header, args(packet), packet.body())
}

/// Encoding what was decoded gives the same bytes.
fn round_trip(packet: &Packet<'_>, bytes: &[u8]) {
    let args = args(packet);
    let spec = packet.command().spec();
    let separators = if spec.body { args.len() } else { args.len().saturating_sub(1) };
    let payload = args.iter().map(|arg| arg.len()).sum::<usize>() + separators + packet.body_size();
    if payload != packet.header.length as usize {
        // Bytes after the last argument of a command that has none, or an
        // argument that is missing where that is forgiven.
        return;
    }
    let mut again = Vec::new();
    encode(&mut again, packet.header.magic, packet.command(), &args, packet.body());
    assert_eq!(again, bytes);
}

/// Text splits into the same lines and words however it was split on its way.
pub fn admin(data: &[u8]) {
    let mut rest = data;
    while let Line::Whole(text, used) = line(rest) {
        assert!((1..=rest.len()).contains(&used));
        assert_eq!(rest[used - 1], b'\n');
        assert!(!text.contains(&b'\n') && rest.starts_with(text));
        for prefix in used.saturating_sub(3)..used {
            match line(&rest[..prefix]) {
                Line::Incomplete => assert!(prefix < MAX_TEXT_LINE),
                Line::TooLong => assert!(prefix >= MAX_TEXT_LINE),
                Line::Whole(..) => panic!("a line without its end"),
            }
        }
        let joined: usize = words(text)
            .inspect(|word| assert!(!word.is_empty() && !word.contains(&b' ')))
            .inspect(|word| assert!(!word.contains(&b'\t')))
            .map(<[u8]>::len)
            .sum();
        let blanks = text.iter().filter(|&&byte| matches!(byte, b' ' | b'\t')).count();
        assert_eq!(joined + blanks, text.len(), "a byte of the line is in no word");
        rest = &rest[used..];
    }
    assert_eq!(matches!(line(rest), Line::TooLong), rest.len() >= MAX_TEXT_LINE);
    replies(data);
    let mut text = Vec::new();
    percent::escape(data, &mut text);
    assert!(std::str::from_utf8(&text).is_ok() && !text.contains(&b' '));
    assert_eq!(percent::unescape(&text).as_deref(), Ok(data));
}

/// A reply ends at the same byte however it was split on its way.
fn replies(data: &[u8]) {
    for framing in [Framing::Line, Framing::List] {
        let whole = ReplyEnd::new(framing).find(data);
        let end = whole.as_ref().map_or(data.len().min(EVERY_PREFIX), |(_, used)| *used);
        let mut bit_by_bit = ReplyEnd::new(framing);
        for prefix in end.saturating_sub(EVERY_PREFIX)..end {
            assert_eq!(bit_by_bit.find(&data[..prefix]), None);
        }
        if let Some((reply, used)) = whole {
            assert_eq!(data[used - 1], b'\n');
            let fields: usize = reply.rows().map(|row| row.len()).sum();
            assert!(fields <= used);
            assert_eq!(bit_by_bit.find(data), Some((reply, used)));
        }
    }
}

/// A list has the entries between its commas that are not blank, or one of the default host; hosts
/// are parts of the list.
pub fn servers(data: &[u8]) {
    let written = data.split(|&byte| byte == b',').filter(|entry| !entry.trim_ascii().is_empty());
    let wanted = written.count().max(1);
    let mut entries = 0;
    let range = data.as_ptr_range();
    for (host, _port) in parse_server_list(data) {
        entries += 1;
        let part = host.as_ptr_range();
        assert!(host.is_empty() || (range.start <= part.start && part.end <= range.end));
        assert!(host.starts_with(b"tls://") || host.len() <= HOST_BYTES_MAX);
        assert!(!host.contains(&b','));
    }
    assert_eq!(entries, wanted);
}

/// A system with one user and one group.
struct OneAccount;

impl NameLookup for OneAccount {
    fn user(&self, name: &str) -> Result<Option<u32>, String> {
        Ok((name == "root").then_some(0))
    }

    fn group(&self, name: &str) -> Result<Option<GroupMembers>, String> {
        Ok((name == "root").then(|| GroupMembers { gid: 0, uids: vec![7] }))
    }
}

/// Any bytes are access rules or have wrong lines, which exist. Decisions are the same each time,
/// a permission on every function includes each, and a permission on one needs some.
pub fn access(data: &[u8]) {
    let lines = data.split(|&byte| byte == b'\n').count();
    let rules = match Rules::parse(data, &OneAccount) {
        Ok(rules) => rules,
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                assert!((1..=lines).contains(&(error.line as usize)), "{error}");
                assert!(!error.text.is_empty() && !error.text.contains('\n'), "{error}");
            }
            return;
        }
    };
    assert!(rules.len() <= lines);
    let identity = PeerIdentity {
        common_name: Some("Web".into()),
        alternative_names: vec!["web.example.org".into()],
    };
    let at = |address: &str| address.parse().ok();
    let peers = [
        Peer { address: at("10.0.0.1"), credentials: None, identity: None },
        Peer { address: at("::ffff:127.0.0.1"), credentials: None, identity: Some(&identity) },
        Peer { address: at("fd00::1"), credentials: None, identity: Some(&identity) },
        Peer {
            address: None,
            credentials: Some(UnixCredentials { uid: 7, gid: 9 }),
            identity: None,
        },
        Peer { address: None, credentials: None, identity: None },
    ];
    let mut control = AccessControl::new(Some(rules), AdminScope::All);
    for peer in &peers {
        let profile = control.profile(ListenerRole::Jobs, peer);
        assert_eq!(profile, control.profile(ListenerRole::Jobs, peer));
        for permission in Permission::ALL {
            let on_all = control.check_all(profile, permission);
            for function in [&b"f"[..], b"mail.send", b"", b"\xff*"] {
                let decision = control.check(profile, permission, function);
                assert_eq!(decision, control.check(profile, permission, function));
                assert!(decision.is_ok() || on_all.is_err(), "all, and not {function:?}");
                let is_some = control.allows_some(profile, permission).is_ok();
                assert!(decision.is_err() || is_some, "{function:?}, and not some");
            }
        }
        if let Some(viewer) = control.viewer(profile) {
            let sees = control.decide(profile, Permission::View, b"f").is_ok();
            assert_eq!(viewer.sees(b"f"), sees);
        }
    }
}
