//! Servers that leave the parts of a partitioned job unanswered.

use crate::never_hangs;
use crate::worker::{Code, Worker};
use gearman_test_support::scripted::job_server::Server;
use gearman_test_support::scripted::packets::*;

/// A job of the function "split", whose parts are for the function "reduce".
fn partitioned_job() -> Vec<u8> {
    packet(Command::JobAssignAll, &[HANDLE, b"split", b"unique", b"reduce"], b"workload")
}

/// Gives the worker a job and the client of its parts no answer.
fn silent_about_parts(acknowledges: bool) -> Server {
    Server::new(move |mut peer| {
        while let Some(request) = peer.receive() {
            if request.is_grab() {
                peer.send(&partitioned_job());
            } else if request.command == Command::SubmitJob && acknowledges {
                peer.send(&created(b"H:part:1"));
            }
        }
    })
}

#[test]
fn a_worker_with_a_time_limit_fails_a_job_whose_parts_are_never_answered() {
    for acknowledges in [false, true] {
        never_hangs(move || {
            let server = silent_about_parts(acknowledges);
            let mut worker = Worker::of(&[server.port]);
            worker.add_splitting_function();
            worker.set_timeout(200);
            // The job may arrive after the limit.
            let failed = || {
                let asked = server.asked();
                asked.iter().any(|request| request.command == Command::WorkFail)
            };
            while !failed() {
                let code = worker.work();
                assert!([Code::TIMEOUT, Code::SUCCESS].contains(&code), "{code:?}");
            }
        });
    }
}
