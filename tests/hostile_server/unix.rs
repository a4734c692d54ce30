//! Servers on a Unix socket: the same ways to misbehave end in the same codes.

use crate::client::{Client, Code};
use crate::never_hangs;
use crate::operation::Operation;
use gearman_test_support::scripted::job_server::{Peer, Server, fresh_path};

/// Makes every call at a server whose first connection follows `script`, which gets
/// the right answer.
#[track_caller]
fn assert_all_end(limit: i32, wanted: Code, script: impl Fn(Peer, &[u8]) + Copy + Send + 'static) {
    never_hangs(move || {
        for operation in Operation::ALL {
            let server = Server::on_unix(move |mut peer| {
                if peer.number > 0 {
                    peer.serve();
                } else if peer.receive().is_some() {
                    script(peer, &operation.answer());
                }
            });
            let mut client = Client::at(&server.host, server.port);
            client.set_timeout(limit);
            assert_eq!(operation.run(&mut client), wanted, "{operation:?}: {}", client.error());
            client.assert_usable();
        }
    });
}

#[test]
fn an_answer_that_comes_byte_by_byte_is_understood() {
    assert_all_end(30_000, Code::SUCCESS, |mut peer, answer| {
        peer.send_byte_by_byte(answer);
        peer.serve();
    });
}

#[test]
fn a_connection_closed_in_the_middle_of_the_answer_is_lost() {
    assert_all_end(30_000, Code::LOST_CONNECTION, |mut peer, answer| {
        peer.send(&answer[..answer.len() / 2]);
    });
}

#[test]
fn a_connection_closed_without_an_answer_is_lost() {
    assert_all_end(30_000, Code::LOST_CONNECTION, |peer, _| drop(peer));
}

#[test]
fn zeros_are_an_invalid_magic() {
    assert_all_end(30_000, Code::INVALID_MAGIC, |mut peer, _| {
        peer.send(&[0; 64]);
        peer.wait_for_disconnect();
    });
}

#[test]
fn a_server_that_does_not_answer_is_a_timeout() {
    assert_all_end(200, Code::TIMEOUT, |mut peer, answer| {
        if let Some(second) = peer.receive() {
            let right = peer.correct_answer(&second);
            peer.send(&[answer, &right].concat());
            peer.serve();
        }
    });
}

#[test]
fn a_path_without_a_listener_is_could_not_connect() {
    never_hangs(|| {
        let path = fresh_path();
        for operation in Operation::ALL {
            let mut client = Client::at(&path, 0);
            assert_eq!(operation.run(&mut client), Code::COULD_NOT_CONNECT, "{operation:?}");
        }
    });
}

#[test]
fn a_large_workload_and_a_large_result_pass() {
    never_hangs(|| {
        let server = Server::on_unix(|mut peer| peer.serve());
        let mut client = Client::at(&server.host, server.port);
        let workload = vec![b'w'; 4 << 20];
        assert!(client.job(&workload) == Ok(workload));
    });
}
