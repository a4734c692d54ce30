//! Workers at a server on a Unix socket.

use crate::never_hangs;
use crate::worker::{Code, Worker};
use gearman_test_support::scripted::job_server::Server;
use gearman_test_support::scripted::packets::*;

fn job() -> Vec<u8> {
    assign_uniq(HANDLE, b"f", b"unique", b"workload")
}

#[test]
fn a_job_that_comes_byte_by_byte_is_done() {
    never_hangs(|| {
        let server = Server::on_unix(|mut peer| {
            if peer.next_grab().is_some() {
                peer.send_byte_by_byte(&job());
                peer.serve();
            }
        });
        let mut worker = Worker::at(&server.host, server.port);
        assert_eq!(worker.work(), Code::SUCCESS, "{}", worker.error());
        worker.assert_usable();
        assert_eq!(server.results()[0], (HANDLE.to_vec(), b"workload".to_vec()));
    });
}

#[test]
fn a_job_whose_connection_ends_in_the_middle_of_it_is_not_begun() {
    never_hangs(|| {
        for cut in [0, 1, 12, job().len() - 1] {
            let server = Server::on_unix(move |mut peer| {
                if peer.number > 0 {
                    peer.serve();
                } else if peer.next_grab().is_some() {
                    peer.send(&job()[..cut]);
                }
            });
            let mut worker = Worker::at(&server.host, server.port);
            worker.set_timeout(30_000);
            assert_eq!(worker.work(), Code::SUCCESS, "after {cut} bytes: {}", worker.error());
            assert_eq!(worker.times_seen(HANDLE), 0, "after {cut} bytes");
            worker.assert_usable();
        }
    });
}

#[test]
fn a_server_that_says_nothing_is_a_timeout() {
    never_hangs(|| {
        let server = Server::on_unix(|mut peer| peer.wait_for_disconnect());
        let mut worker = Worker::at(&server.host, server.port);
        worker.set_timeout(200);
        assert_eq!(worker.work(), Code::TIMEOUT);
    });
}
