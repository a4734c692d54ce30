//! Packets as a job server sends them, right ones and wrong ones.

use gearman::protocol::packet::{Magic, encode};

pub(crate) use gearman::protocol::Command;

/// The handle that scripts give to jobs when they need only one.
pub(crate) const HANDLE: &[u8] = b"H:scripted:1";

/// A right packet.
pub(crate) fn packet(command: Command, args: &[&[u8]], body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(&mut bytes, Magic::Response, command, args, body);
    bytes
}

/// A packet of any command number and any declared length.
pub(crate) fn raw(number: u32, length: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = b"\0RES".to_vec();
    bytes.extend_from_slice(&number.to_be_bytes());
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// A packet whose payload need not fit its command.
pub(crate) fn misfit(command: Command, payload: &[u8]) -> Vec<u8> {
    raw(command.number(), payload.len() as u32, payload)
}

pub(crate) fn created(handle: &[u8]) -> Vec<u8> {
    packet(Command::JobCreated, &[handle], b"")
}

pub(crate) fn data(handle: &[u8], body: &[u8]) -> Vec<u8> {
    packet(Command::WorkData, &[handle], body)
}

pub(crate) fn warning(handle: &[u8], body: &[u8]) -> Vec<u8> {
    packet(Command::WorkWarning, &[handle], body)
}

pub(crate) fn work_status(handle: &[u8], numerator: &[u8], denominator: &[u8]) -> Vec<u8> {
    packet(Command::WorkStatus, &[handle, numerator, denominator], b"")
}

pub(crate) fn complete(handle: &[u8], result: &[u8]) -> Vec<u8> {
    packet(Command::WorkComplete, &[handle], result)
}

pub(crate) fn exception(handle: &[u8], text: &[u8]) -> Vec<u8> {
    packet(Command::WorkException, &[handle], text)
}

pub(crate) fn fail(handle: &[u8]) -> Vec<u8> {
    packet(Command::WorkFail, &[handle], b"")
}

pub(crate) fn error(code: &[u8], text: &[u8]) -> Vec<u8> {
    packet(Command::Error, &[code, text], b"")
}

/// STATUS_RES for a job that is running, 3 of 7 done.
pub(crate) fn status(handle: &[u8]) -> Vec<u8> {
    packet(Command::StatusRes, &[handle, b"1", b"1", b"3", b"7"], b"")
}

/// STATUS_RES_UNIQUE for the same.
pub(crate) fn unique_status(unique: &[u8]) -> Vec<u8> {
    packet(Command::StatusResUnique, &[unique, b"1", b"1", b"3", b"7", b"2"], b"")
}

pub(crate) fn echo(body: &[u8]) -> Vec<u8> {
    packet(Command::EchoRes, &[], body)
}

pub(crate) fn option(name: &[u8]) -> Vec<u8> {
    packet(Command::OptionRes, &[name], b"")
}

pub(crate) fn assign(handle: &[u8], function: &[u8], workload: &[u8]) -> Vec<u8> {
    packet(Command::JobAssign, &[handle, function], workload)
}

pub(crate) fn assign_uniq(handle: &[u8], function: &[u8], unique: &[u8], body: &[u8]) -> Vec<u8> {
    packet(Command::JobAssignUniq, &[handle, function, unique], body)
}

pub(crate) fn no_job() -> Vec<u8> {
    packet(Command::NoJob, &[], b"")
}

pub(crate) fn noop() -> Vec<u8> {
    packet(Command::Noop, &[], b"")
}

/// One after the other.
pub(crate) fn all(packets: &[Vec<u8>]) -> Vec<u8> {
    packets.concat()
}
