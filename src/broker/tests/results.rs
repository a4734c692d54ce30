//! WORK_*: who receives a report, and when a job ends.

use super::*;

/// A client, a worker, and the job `H:1` that it runs for the client.
fn running() -> (World, ConnectionKey, ConnectionKey) {
    let mut world = World::new();
    let (client, worker) = (world.connect(), world.worker(&["f"]));
    world.send(client, Command::SubmitJob, &["f", "u", "x"]);
    world.send(worker, Command::GrabJob, &[]);
    world.mail(client);
    world.mail(worker);
    (world, client, worker)
}

#[test]
fn a_workers_reports_reach_the_client_unchanged() {
    let (mut world, client, worker) = running();
    world.send(worker, Command::WorkStatus, &["H:1", "abc", "-7"]);
    world.send(worker, Command::WorkData, &["H:1", "a\0b"]);
    world.send(worker, Command::WorkWarning, &["H:1", "w"]);
    world.send(worker, Command::WorkComplete, &["H:1", ""]);
    assert_eq!(
        world.mail(client),
        [
            "WORK_STATUS H:1 abc -7",
            "WORK_DATA H:1 a\\x00b",
            "WORK_WARNING H:1 w",
            "WORK_COMPLETE H:1 ",
        ]
    );
    assert_eq!(world.mail(worker), [""; 0]);
}

#[test]
fn a_work_fail_keeps_the_nul_that_the_worker_sent() {
    let (mut world, client, worker) = running();
    world.send(worker, Command::WorkFail, &["H:1\0"]);
    assert_eq!(world.mail(client), ["WORK_FAIL H:1\\x00"]);
    assert_eq!(world.status("f"), Some((0, 0, 1)));
}

#[test]
fn an_exception_reaches_clients_without_the_option_as_work_fail() {
    let (mut world, client, worker) = running();
    world.send(worker, Command::WorkException, &["H:1", "boo"]);
    assert_eq!(world.mail(client), ["WORK_FAIL H:1\\x00"]);
}

#[test]
fn an_exception_reaches_clients_that_set_the_option_in_any_case() {
    for option in ["exceptions", "EXceptions", "exceptions\0"] {
        let (mut world, client, worker) = running();
        let answer = world.ask(client, Command::OptionReq, &[option]);
        assert_eq!(
            answer,
            [format!("OPTION_RES {}", option.escape_default()).replace("\\u{0}", "\\x00")]
        );
        world.send(worker, Command::WorkException, &["H:1", "boo"]);
        assert_eq!(world.mail(client), ["WORK_EXCEPTION H:1 boo"]);
    }
}

#[test]
fn exceptions_can_be_enabled_for_all_connections() {
    let mut world = World::with(|config| config.exceptions = true);
    let (client, worker) = (world.connect(), world.worker(&["f"]));
    world.send(client, Command::SubmitJob, &["f", "u", "x"]);
    world.send(worker, Command::GrabJob, &[]);
    world.send(worker, Command::WorkException, &["H:1", "boo"]);
    assert_eq!(world.mail(client), ["JOB_CREATED H:1", "WORK_EXCEPTION H:1 boo"]);
}

#[test]
fn other_options_are_refused() {
    let (mut world, client, _) = running();
    for option in ["", "exceptionsx", "foo"] {
        assert_eq!(
            world.ask(client, Command::OptionReq, &[option]),
            ["ERROR UNKNOWN_OPTION Server does not recognize given option"]
        );
    }
}

#[test]
fn an_exception_ends_the_job_so_a_later_work_fail_is_refused() {
    let (mut world, client, worker) = running();
    world.send(worker, Command::WorkException, &["H:1", "boo"]);
    world.send(worker, Command::WorkFail, &["H:1"]);
    assert_eq!(world.mail(worker), ["ERROR JOB_NOT_FOUND Job given in work result not found"]);
    assert_eq!(world.mail(client).len(), 1);
}

#[test]
fn a_report_on_a_job_that_the_worker_does_not_run_is_refused() {
    let (mut world, client, _) = running();
    let other = world.worker(&["f"]);
    for handle in ["H:1", "H:2", ""] {
        for command in [Command::WorkComplete, Command::WorkData, Command::WorkWarning] {
            world.send(other, command, &[handle, "x"]);
        }
        world.send(other, Command::WorkException, &[handle, "x"]);
        world.send(other, Command::WorkFail, &[handle]);
        world.send(other, Command::WorkStatus, &[handle, "1", "2"]);
        assert_eq!(
            world.mail(other),
            [
                "ERROR JOB_NOT_FOUND Job given in work result not found",
                "ERROR JOB_NOT_FOUND Job does not exist on server",
                "ERROR JOB_NOT_FOUND Job does not exist on server",
                "ERROR JOB_NOT_FOUND An exception was received for a job that does not exist",
                "ERROR JOB_NOT_FOUND Job given in work result not found",
                "ERROR JOB_NOT_FOUND Job given in work result not found",
            ]
        );
    }
    assert_eq!(world.mail(client), [""; 0]);
}

#[test]
fn an_echo_returns_its_body_unchanged() {
    let (mut world, client, _) = running();
    assert_eq!(world.ask(client, Command::EchoReq, &["a\0b"]), ["ECHO_RES a\\x00b"]);
    assert_eq!(world.ask(client, Command::EchoReq, &[""]), ["ECHO_RES "]);
}

#[test]
fn a_progress_that_does_not_fit_into_64_bits_is_shown_as_the_largest_32_bit_number() {
    let (mut world, client, worker) = running();
    world.send(worker, Command::WorkStatus, &["H:1", "9223372036854775808", "7"]);
    world.mail(client);
    let status = world.ask(client, Command::GetStatus, &["H:1"]);
    assert_eq!(status, ["STATUS_RES H:1 1 1 4294967295 7"]);
}

#[test]
fn an_oversized_result_fails_its_job_and_another_oversized_packet_fails_none() {
    let (mut world, client, worker) = running();
    let other = world.connect();
    for (from, command, received) in [
        (other, Command::WorkComplete, &[][..]),
        (worker, Command::EchoReq, &[]),
        (worker, Command::WorkData, &["WORK_FAIL H:1"]),
        (worker, Command::WorkData, &[]),
    ] {
        let args: &[&[u8]] = if command == Command::EchoReq { &[] } else { &[b"H:1"] };
        let mut bytes = Vec::new();
        encode(&mut bytes, Magic::Request, command, args, b"large");
        let Ok(Decoded::Whole { packet, .. }) = decode(&bytes) else { panic!("no packet") };
        world.broker.oversized_packet(from, &packet, &mut world.mailbox);
        assert_eq!(world.mail(client), received);
    }
}
