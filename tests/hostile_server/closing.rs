//! Servers that close, reset, or send in pieces.

use crate::client::{Client, Code};
use crate::never_hangs;
use crate::operation::Operation;
use gearman_test_support::scripted::job_server::{Peer, Server};

#[test]
fn an_answer_that_comes_byte_by_byte_is_understood() {
    never_hangs(|| {
        for operation in Operation::ALL {
            let server = Server::new(move |mut peer| {
                if peer.receive().is_some() {
                    peer.send_byte_by_byte(&operation.answer());
                    peer.serve();
                }
            });
            let mut client = Client::of(&[server.port]);
            assert_eq!(operation.run(&mut client), Code::SUCCESS, "{operation:?}");
            client.assert_usable();
        }
    });
}

/// Runs each operation with a server that sends a part of its answer, of every length, and then
/// ends the connection: each time it is lost.
fn assert_each_cut_is_a_lost_connection(end: fn(Peer)) {
    never_hangs(move || {
        for operation in Operation::ALL {
            let answer = operation.answer();
            for cut in 0..answer.len() {
                let part = answer[..cut].to_vec();
                let server = Server::first(move |mut peer| {
                    if peer.receive().is_some() {
                        peer.send(&part);
                        end(peer);
                    }
                });
                let mut client = Client::of(&[server.port]);
                let code = operation.run(&mut client);
                assert_eq!(code, Code::LOST_CONNECTION, "{operation:?} after {cut} bytes");
                client.assert_usable();
            }
        }
    });
}

#[test]
fn a_connection_closed_at_any_byte_of_the_answer_is_lost() {
    assert_each_cut_is_a_lost_connection(drop);
}

#[test]
fn a_connection_reset_at_any_byte_of_the_answer_is_lost() {
    assert_each_cut_is_a_lost_connection(Peer::reset);
}
