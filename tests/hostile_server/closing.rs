//! Servers that close, reset, or send in pieces.

use crate::client::{Client, Code};
use crate::never_hangs;
use crate::operation::Operation;
use gearman_test_support::scripted::job_server::Server;

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

#[test]
fn a_connection_closed_at_any_byte_of_the_answer_is_lost() {
    never_hangs(|| {
        for operation in Operation::ALL {
            let answer = operation.answer();
            for cut in 0..answer.len() {
                let part = answer[..cut].to_vec();
                let server = Server::first(move |mut peer| {
                    if peer.receive().is_some() {
                        peer.send(&part);
                    }
                });
                let mut client = Client::of(&[server.port]);
                let code = operation.run(&mut client);
                assert_eq!(code, Code::LOST_CONNECTION, "{operation:?} closed after {cut} bytes");
                client.assert_usable();
            }
        }
    });
}

#[test]
fn a_connection_reset_at_any_byte_of_the_answer_is_lost() {
    never_hangs(|| {
        for operation in Operation::ALL {
            let answer = operation.answer();
            for cut in 0..answer.len() {
                let part = answer[..cut].to_vec();
                let server = Server::first(move |mut peer| {
                    if peer.receive().is_some() {
                        peer.send(&part);
                        peer.reset();
                    }
                });
                let mut client = Client::of(&[server.port]);
                let code = operation.run(&mut client);
                assert_eq!(code, Code::LOST_CONNECTION, "{operation:?} reset after {cut} bytes");
                client.assert_usable();
            }
        }
    });
}
