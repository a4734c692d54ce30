//! Packets as a job server sends them, right ones and wrong ones.

use gearman_protocol::packet::{Magic, encode};

pub use gearman_protocol::Command;

/// The handle that scripts give to jobs when they need only one.
pub const HANDLE: &[u8] = b"H:scripted:1";

/// A right packet.
pub fn packet(command: Command, args: &[&[u8]], body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(&mut bytes, Magic::Response, command, args, body);
    bytes
}

/// A packet of any command number and any declared length.
pub fn raw(number: u32, length: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = b"\0RES".to_vec();
    bytes.extend_from_slice(&number.to_be_bytes());
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// A packet whose payload need not fit its command.
pub fn misfit(command: Command, payload: &[u8]) -> Vec<u8> {
    raw(command.number(), payload.len() as u32, payload)
}

/// JOB_CREATED.
pub fn created(handle: &[u8]) -> Vec<u8> {
    packet(Command::JobCreated, &[handle], b"")
}

/// WORK_DATA.
pub fn data(handle: &[u8], body: &[u8]) -> Vec<u8> {
    packet(Command::WorkData, &[handle], body)
}

/// WORK_WARNING.
pub fn warning(handle: &[u8], body: &[u8]) -> Vec<u8> {
    packet(Command::WorkWarning, &[handle], body)
}

/// WORK_STATUS.
pub fn work_status(handle: &[u8], numerator: &[u8], denominator: &[u8]) -> Vec<u8> {
    packet(Command::WorkStatus, &[handle, numerator, denominator], b"")
}

/// WORK_COMPLETE.
pub fn complete(handle: &[u8], result: &[u8]) -> Vec<u8> {
    packet(Command::WorkComplete, &[handle], result)
}

/// WORK_EXCEPTION.
pub fn exception(handle: &[u8], text: &[u8]) -> Vec<u8> {
    packet(Command::WorkException, &[handle], text)
}

/// WORK_FAIL.
pub fn fail(handle: &[u8]) -> Vec<u8> {
    packet(Command::WorkFail, &[handle], b"")
}

/// ERROR.
pub fn error(code: &[u8], text: &[u8]) -> Vec<u8> {
    packet(Command::Error, &[code, text], b"")
}

/// STATUS_RES for a job that is running, 3 of 7 done.
pub fn status(handle: &[u8]) -> Vec<u8> {
    packet(Command::StatusRes, &[handle, b"1", b"1", b"3", b"7"], b"")
}

/// STATUS_RES_UNIQUE for the same.
pub fn unique_status(unique: &[u8]) -> Vec<u8> {
    packet(Command::StatusResUnique, &[unique, b"1", b"1", b"3", b"7", b"2"], b"")
}

/// ECHO_RES.
pub fn echo(body: &[u8]) -> Vec<u8> {
    packet(Command::EchoRes, &[], body)
}

/// OPTION_RES.
pub fn option(name: &[u8]) -> Vec<u8> {
    packet(Command::OptionRes, &[name], b"")
}

/// JOB_ASSIGN.
pub fn assign(handle: &[u8], function: &[u8], workload: &[u8]) -> Vec<u8> {
    packet(Command::JobAssign, &[handle, function], workload)
}

/// JOB_ASSIGN_UNIQ.
pub fn assign_uniq(handle: &[u8], function: &[u8], unique: &[u8], body: &[u8]) -> Vec<u8> {
    packet(Command::JobAssignUniq, &[handle, function, unique], body)
}

/// NO_JOB.
pub fn no_job() -> Vec<u8> {
    packet(Command::NoJob, &[], b"")
}

/// NOOP.
pub fn noop() -> Vec<u8> {
    packet(Command::Noop, &[], b"")
}

/// One after the other.
pub fn all(packets: &[Vec<u8>]) -> Vec<u8> {
    packets.concat()
}
