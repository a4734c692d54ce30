//! Callbacks of tasks that record their events.
//!
//! Every call here is sound for the same reason: the library calls them with a live task, whose
//! context is the live list of events that was set when the task was added.
//!
//! Must not: assert what a test expects.

#![allow(clippy::undocumented_unsafe_blocks, reason = "said once, above")]

use super::client::{Code, Event, Events, bytes, text};
use gearman::capi::task::*;
use gearman::capi::task_data::*;
use gearman::capi::types::*;

/// Records an event for the task, in the list that its context points at.
unsafe fn push(task: *mut gearman_task_st, event: Event) -> Code {
    unsafe {
        if let Some(events) = gearman_task_context(task).cast::<Events>().as_mut() {
            events.list.push(event);
        }
    }
    Code::SUCCESS
}

/// Records an event with the data that came with it.
unsafe fn record(task: *mut gearman_task_st, event: impl FnOnce(Vec<u8>) -> Event) -> Code {
    unsafe { push(task, event(bytes(gearman_task_data(task), gearman_task_data_size(task)))) }
}

pub(super) unsafe extern "C-unwind" fn on_created(task: *mut gearman_task_st) -> Code {
    unsafe { record(task, |_| Event::Created(text(gearman_task_job_handle(task)))) }
}

pub(super) unsafe extern "C-unwind" fn on_data(task: *mut gearman_task_st) -> Code {
    unsafe { record(task, Event::Data) }
}

pub(super) unsafe extern "C-unwind" fn on_warning(task: *mut gearman_task_st) -> Code {
    unsafe { record(task, Event::Warning) }
}

pub(super) unsafe extern "C-unwind" fn on_status(task: *mut gearman_task_st) -> Code {
    unsafe {
        let (done, of) = (gearman_task_numerator(task), gearman_task_denominator(task));
        record(task, |_| Event::Status(done, of))
    }
}

pub(super) unsafe extern "C-unwind" fn on_complete(task: *mut gearman_task_st) -> Code {
    unsafe { record(task, Event::Complete) }
}

pub(super) unsafe extern "C-unwind" fn on_exception(task: *mut gearman_task_st) -> Code {
    unsafe { record(task, Event::Exception) }
}

pub(super) unsafe extern "C-unwind" fn on_fail(task: *mut gearman_task_st) -> Code {
    unsafe { record(task, |_| Event::Fail) }
}

/// Sends what is left of the workload, byte by byte.
pub(super) unsafe extern "C-unwind" fn on_workload(task: *mut gearman_task_st) -> Code {
    unsafe {
        let events = &mut *gearman_task_context(task).cast::<Events>();
        while let Some(&byte) = events.unsent.first() {
            let mut code = Code::UNKNOWN_STATE;
            let bytes = (&raw const byte).cast();
            let sent = gearman_task_send_workload(task, bytes, 1, &raw mut code);
            if code != Code::SUCCESS {
                assert_eq!(sent, 0);
                return code;
            }
            events.unsent.drain(..sent);
        }
        Code::SUCCESS
    }
}

/// Receives a body, three bytes at a time, and records it.
unsafe fn receive(task: *mut gearman_task_st, event: impl FnOnce(Vec<u8>) -> Event) -> Code {
    let mut body = Vec::new();
    loop {
        let (mut piece, mut code) = ([0u8; 3], Code::UNKNOWN_STATE);
        let got = unsafe {
            let space = piece.as_mut_ptr().cast();
            gearman_task_recv_data(task, space, piece.len(), &raw mut code)
        };
        if code != Code::SUCCESS {
            assert_eq!(got, 0);
            return code;
        }
        if got == 0 {
            return unsafe { push(task, event(body)) };
        }
        body.extend_from_slice(&piece[..got]);
    }
}

pub(super) unsafe extern "C-unwind" fn on_data_to_receive(task: *mut gearman_task_st) -> Code {
    unsafe { receive(task, Event::Data) }
}

pub(super) unsafe extern "C-unwind" fn on_warning_to_receive(task: *mut gearman_task_st) -> Code {
    unsafe { receive(task, Event::Warning) }
}

pub(super) unsafe extern "C-unwind" fn on_complete_to_receive(task: *mut gearman_task_st) -> Code {
    unsafe { receive(task, Event::Complete) }
}
