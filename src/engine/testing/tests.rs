//! Tests of the scripted transport, with a bare `Link`.

use super::*;
use crate::link::{ConnState, Fill, Flush, Link, Wait};

#[test]
fn a_script_advances_with_the_engine() {
    let (net, world) = ScriptNet::new();
    let mut link = Link::new(net);
    link.add_server("localhost", 0).expect("a numeric address");
    world.peer(0).expects(b"ping").pauses(50).sends(b"po").sends(b"ng").closes();
    link.open(0, None).expect("connecting starts");
    assert_eq!(link.wait(None), Ok(Wait::Ready));
    assert_eq!(link.finish_connect(0), Ok(true));
    link.conns[0].writable = false;
    assert_eq!(link.flush(0, b"ping", &mut 0), Ok(Flush::Done));
    let before = world.now();
    let mut got = Vec::new();
    while link.conns[0].state == ConnState::Up {
        assert_eq!(link.wait(None), Ok(Wait::Ready));
        link.conns[0].writable = false;
        while link.fill(0) == Ok(Fill::Data) {}
        let inbuf = &mut link.conns[0].inbuf;
        got.extend_from_slice(inbuf.unread());
        inbuf.read(inbuf.unread().len());
    }
    assert_eq!(got, b"pong");
    assert_eq!(world.now() - before, Duration::from_millis(50));
    world.assert_done();
    assert_eq!(world.take_calls(), Calls { send: 1, recv: 3, wait: 4, connect: 1 });
}

#[test]
#[should_panic(expected = "peer 0 expects")]
fn unexpected_bytes_fail_the_test() {
    let (net, world) = ScriptNet::new();
    let mut link = Link::new(net);
    link.add_server("localhost", 0).expect("a numeric address");
    world.peer(0).expects(b"ping");
    link.open(0, None).expect("connecting starts");
    assert_eq!(link.wait(None), Ok(Wait::Ready));
    assert_eq!(link.finish_connect(0), Ok(true));
    link.conns[0].writable = false;
    assert_eq!(link.flush(0, b"pang", &mut 0), Ok(Flush::Done));
    let _ = link.wait(None);
}
