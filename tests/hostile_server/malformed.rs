//! Servers that send invalid packets: the client closes the connection with the code of the
//! error.

use crate::client::{Client, Code};
use crate::never_hangs;
use crate::operation::Operation;
use gearman_test_support::scripted::job_server::Server;
use gearman_test_support::scripted::packets::{Command, HANDLE, all, created, misfit, raw};
use gearman_test_support::wire::UNKNOWN_COMMANDS;

/// Answers the first request of every operation with `bytes`, on a connection
/// that stays open, and expects `code` of all of them.
#[track_caller]
fn assert_all_end(bytes: &[u8], code: Code) {
    assert_end(&Operation::ALL, bytes, code);
}

#[track_caller]
fn assert_end(operations: &[Operation], bytes: &[u8], code: Code) {
    let (operations, bytes) = (operations.to_vec(), bytes.to_vec());
    never_hangs(move || {
        for operation in operations {
            let bytes = bytes.clone();
            let server = Server::first(move |mut peer| {
                if peer.receive().is_some() {
                    peer.send(&bytes);
                    peer.wait_for_disconnect();
                }
            });
            let mut client = Client::of(&[server.port]);
            assert_eq!(operation.run(&mut client), code, "{operation:?}");
            client.assert_usable();
        }
    });
}

fn foreground_after_created(bytes: &[u8], code: Code) {
    assert_end(&Operation::FOREGROUND, &all(&[created(HANDLE), bytes.to_vec()]), code);
}

#[test]
fn a_wrong_magic_is_an_invalid_magic() {
    assert_all_end(b"\0RSE\0\0\0\x08\0\0\0\x03H:1", Code::INVALID_MAGIC);
}

#[test]
fn zeros_are_an_invalid_magic() {
    assert_all_end(&[0; 64], Code::INVALID_MAGIC);
}

#[test]
fn a_wrong_magic_is_noticed_without_a_whole_header() {
    assert_all_end(b"\0REX", Code::INVALID_MAGIC);
}

/// All but the one that is answered in text.
fn binary() -> Vec<Operation> {
    Operation::ALL.into_iter().filter(|&operation| operation != Operation::CancelJob).collect()
}

#[test]
fn an_unrequested_line_of_text_is_an_invalid_magic() {
    assert_end(&binary(), b"ERR UNKNOWN_COMMAND Unknown+server+command\r\n", Code::INVALID_MAGIC);
}

#[test]
fn a_line_of_text_shorter_than_a_header_is_an_invalid_magic() {
    assert_end(&binary(), b"OK\r\n", Code::INVALID_MAGIC);
}

#[test]
fn a_line_of_text_between_two_packets_is_an_invalid_magic() {
    foreground_after_created(b"OK\n", Code::INVALID_MAGIC);
}

#[test]
fn a_line_of_text_without_end_is_an_invalid_packet() {
    assert_end(&[Operation::CancelJob], &[b'a'; 100_000], Code::INVALID_PACKET);
}

#[test]
fn a_command_number_beyond_the_last_is_an_invalid_command() {
    for number in UNKNOWN_COMMANDS {
        assert_all_end(&raw(number, 0, b""), Code::INVALID_COMMAND);
    }
}

#[test]
fn the_command_number_of_text_is_an_invalid_command() {
    assert_all_end(&raw(0, 0, b""), Code::INVALID_COMMAND);
}

#[test]
fn a_payload_of_4_gib_less_1_is_an_invalid_packet() {
    for command in [Command::WorkComplete, Command::JobCreated, Command::EchoRes] {
        assert_all_end(&raw(command.number(), u32::MAX, b"H:1\0"), Code::INVALID_PACKET);
    }
}

#[test]
fn arguments_of_gigabytes_are_an_invalid_packet() {
    let bodiless = [
        Command::JobCreated,
        Command::StatusRes,
        Command::WorkStatus,
        Command::WorkFail,
        Command::OptionRes,
        Command::Error,
        Command::Noop,
    ];
    for command in bodiless {
        assert_all_end(&raw(command.number(), u32::MAX - 1, b"H:1"), Code::INVALID_PACKET);
    }
}

#[test]
fn a_handle_that_does_not_end_is_an_invalid_packet() {
    let endless = raw(Command::WorkData.number(), 1 << 20, &[b'h'; 10_000]);
    assert_all_end(&endless, Code::INVALID_PACKET);
}

#[test]
fn missing_arguments_are_an_invalid_packet() {
    let lacking = [
        (Command::StatusRes, &b"H:1"[..]),
        (Command::StatusRes, b"H:1\x001\x001\x003"),
        (Command::StatusResUnique, b"u\x001\x001\x003\x007"),
        (Command::WorkStatus, b"H:1\x003"),
        (Command::WorkData, b"H:1"),
        (Command::WorkWarning, b"H:1"),
        (Command::WorkException, b"H:1"),
        (Command::WorkComplete, b"H:1"),
        (Command::JobAssign, b"H:1\0function"),
        (Command::JobAssignUniq, b"H:1\0function\0unique"),
    ];
    for (command, payload) in lacking {
        assert_all_end(&misfit(command, payload), Code::INVALID_PACKET);
    }
}

#[test]
fn missing_payloads_are_an_invalid_packet() {
    let empty = [
        Command::StatusRes,
        Command::StatusResUnique,
        Command::WorkStatus,
        Command::WorkData,
        Command::WorkWarning,
        Command::WorkException,
        Command::WorkComplete,
    ];
    for command in empty {
        assert_all_end(&misfit(command, b""), Code::INVALID_PACKET);
    }
}

#[test]
fn a_completion_whose_handle_has_no_nul_is_an_invalid_packet() {
    for command in [Command::WorkComplete, Command::WorkException, Command::WorkData] {
        foreground_after_created(&misfit(command, HANDLE), Code::INVALID_PACKET);
    }
}

/// Peak resident memory of this process, in bytes.
fn peak_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

#[test]
fn a_declared_result_of_4_gib_costs_no_memory_until_it_comes() {
    never_hangs(|| {
        let before = peak_memory();
        for operation in Operation::FOREGROUND {
            for command in [Command::WorkComplete, Command::WorkData, Command::WorkException] {
                let mut payload = HANDLE.to_vec();
                payload.extend_from_slice(b"\0and no more");
                let huge = raw(command.number(), u32::MAX - 1, &payload);
                let server = Server::first(move |mut peer| {
                    if peer.receive().is_some() {
                        peer.send(&all(&[created(HANDLE), huge.clone()]));
                    }
                });
                let mut client = Client::of(&[server.port]);
                let code = operation.run(&mut client);
                assert_eq!(code, Code::LOST_CONNECTION, "{operation:?}, {command:?}");
                client.assert_usable();
            }
        }
        assert!(peak_memory().saturating_sub(before) < 256 << 20);
    });
}

#[test]
fn a_declared_body_of_4_gib_for_an_unknown_job_is_not_kept() {
    never_hangs(|| {
        for command in [Command::EchoRes, Command::WorkData, Command::JobAssign] {
            let huge = raw(command.number(), u32::MAX - 1, b"H:1\0f\0and no more");
            for operation in Operation::ALL {
                let huge = huge.clone();
                let server = Server::first(move |mut peer| {
                    if peer.receive().is_some() {
                        peer.send(&huge);
                    }
                });
                let mut client = Client::of(&[server.port]);
                let code = operation.run(&mut client);
                assert_eq!(code, Code::LOST_CONNECTION, "{operation:?}, {command:?}");
                client.assert_usable();
            }
        }
    });
}
