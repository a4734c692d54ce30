//! The client's C API, with what its callbacks were told.
//!
//! Every call here is sound for the same reason: the shell is a live client until it
//! is dropped, texts and workloads live until the call returns, and what callbacks
//! are given outlives it.

#![allow(clippy::undocumented_unsafe_blocks, reason = "said once, above")]

use gearman::capi::client::*;
use gearman::capi::client_ask::*;
use gearman::capi::client_options::*;
use gearman::capi::client_servers::*;
use gearman::capi::client_setters::*;
use gearman::capi::client_single::*;
use gearman::capi::client_tasks::*;
use gearman::capi::task::*;
use gearman::capi::task_data::*;
use gearman::capi::types::*;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr;

pub(crate) type Code = gearman_return_t;

/// What one callback of a task was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Created(String),
    Data(Vec<u8>),
    Warning(Vec<u8>),
    Status(u32, u32),
    Complete(Vec<u8>),
    Exception(Vec<u8>),
    Fail,
}

/// What the callbacks of a task were told. Its address is the task's context.
#[derive(Default)]
struct Events(Vec<Event>);

/// A task that was added, and what its callbacks were told.
pub(crate) struct Added {
    pub(crate) task: *mut gearman_task_st,
    events: Box<Events>,
}

impl Added {
    pub(crate) fn events(&self) -> &[Event] {
        &self.events.0
    }

    pub(crate) fn code(&self) -> Code {
        unsafe { gearman_task_return(self.task) }
    }
}

/// A client that is freed at the end.
pub(crate) struct Client {
    shell: Box<gearman_client_st>,
}

impl Client {
    /// A client of the servers on these ports; the last one is tried first.
    pub(crate) fn of(ports: &[u16]) -> Client {
        let shell = Box::new(MaybeUninit::<gearman_client_st>::uninit());
        let shell = Box::into_raw(shell).cast::<gearman_client_st>();
        let mut client = unsafe {
            assert_eq!(gearman_client_create(shell), shell);
            Client { shell: Box::from_raw(shell) }
        };
        for &port in ports {
            let code =
                unsafe { gearman_client_add_server(client.raw(), c"127.0.0.1".as_ptr(), port) };
            assert_eq!(code, Code::SUCCESS);
        }
        unsafe {
            gearman_client_set_created_fn(client.raw(), Some(on_created));
            gearman_client_set_data_fn(client.raw(), Some(on_data));
            gearman_client_set_warning_fn(client.raw(), Some(on_warning));
            gearman_client_set_status_fn(client.raw(), Some(on_status));
            gearman_client_set_complete_fn(client.raw(), Some(on_complete));
            gearman_client_set_exception_fn(client.raw(), Some(on_exception));
            gearman_client_set_fail_fn(client.raw(), Some(on_fail));
        }
        client
    }

    pub(crate) fn raw(&mut self) -> *mut gearman_client_st {
        &raw mut *self.shell
    }

    pub(crate) fn set_timeout(&mut self, milliseconds: c_int) {
        unsafe { gearman_client_set_timeout(self.raw(), milliseconds) }
    }

    pub(crate) fn set_non_blocking(&mut self) {
        unsafe {
            gearman_client_add_options(self.raw(), gearman_client_options_t::NON_BLOCKING);
        }
    }

    pub(crate) fn set_blocking(&mut self) {
        unsafe {
            gearman_client_remove_options(self.raw(), gearman_client_options_t::NON_BLOCKING);
        }
    }

    pub(crate) fn error_code(&mut self) -> Code {
        unsafe { gearman_client_error_code(self.raw()) }
    }

    pub(crate) fn error(&mut self) -> String {
        text(unsafe { gearman_client_error(self.raw()) })
    }

    /// The result of a foreground job, or why there is none.
    pub(crate) fn job(&mut self, workload: &[u8]) -> Result<Vec<u8>, Code> {
        let (mut size, mut code) = (usize::MAX, Code::UNKNOWN_STATE);
        let result = unsafe {
            let (client, (workload, length)) = (self.raw(), lend(workload));
            let (size, code) = (&raw mut size, &raw mut code);
            gearman_client_do(client, c"f".as_ptr(), ptr::null(), workload, length, size, code)
        };
        if code != Code::SUCCESS {
            assert!(result.is_null() && size == 0, "{code:?} with {size} bytes at {result:?}");
            return Err(code);
        }
        let bytes = unsafe { bytes(result, size) };
        unsafe { libc::free(result) };
        Ok(bytes)
    }

    /// The handle of a background job, or why there is none.
    pub(crate) fn background(&mut self, workload: &[u8]) -> Result<String, Code> {
        let mut handle: [c_char; 64] = [0; 64];
        let code = unsafe {
            let (client, (workload, length)) = (self.raw(), lend(workload));
            let handle = handle.as_mut_ptr();
            gearman_client_do_background(
                client,
                c"f".as_ptr(),
                ptr::null(),
                workload,
                length,
                handle,
            )
        };
        if code == Code::SUCCESS { Ok(text(handle.as_ptr())) } else { Err(code) }
    }

    /// Adds a foreground task, to be run later.
    pub(crate) fn add(&mut self, workload: &[u8]) -> Added {
        let mut events = Box::new(Events::default());
        let mut code = Code::UNKNOWN_STATE;
        let task = unsafe {
            let (client, (workload, length)) = (self.raw(), lend(workload));
            let (task, context) = (ptr::null_mut(), (&raw mut *events).cast());
            let (function, code) = (c"f".as_ptr(), &raw mut code);
            gearman_client_add_task(
                client,
                task,
                context,
                function,
                ptr::null(),
                workload,
                length,
                code,
            )
        };
        assert_eq!(code, Code::SUCCESS);
        Added { task, events }
    }

    /// Adds a question for the state of a job, to be asked later.
    pub(crate) fn add_status(&mut self, handle: &[u8]) -> Added {
        let mut events = Box::new(Events::default());
        let mut code = Code::UNKNOWN_STATE;
        let handle = CString::new(handle).unwrap();
        let task = unsafe {
            let context = (&raw mut *events).cast();
            let (client, handle, code) = (self.raw(), handle.as_ptr(), &raw mut code);
            gearman_client_add_task_status(client, ptr::null_mut(), context, handle, code)
        };
        assert_eq!(code, Code::SUCCESS);
        Added { task, events }
    }

    pub(crate) fn run_tasks(&mut self) -> Code {
        unsafe { gearman_client_run_tasks(self.raw()) }
    }

    /// The loop of a non-blocking program: run, wait, run again.
    pub(crate) fn run_tasks_and_wait(&mut self) -> Code {
        loop {
            match self.run_tasks() {
                Code::IO_WAIT => {}
                code => return code,
            }
            match unsafe { gearman_client_wait(self.raw()) } {
                // Connections that all failed have another run's error to report.
                Code::SUCCESS | Code::NO_ACTIVE_FDS => {}
                code => return code,
            }
        }
    }

    /// Whether a job is known and running, and how much of it is done.
    pub(crate) fn job_status(&mut self, handle: &[u8]) -> Result<(bool, bool, u32, u32), Code> {
        let handle = CString::new(handle).unwrap();
        let (mut known, mut running, mut done, mut of) = (false, false, 0, 0);
        let code = unsafe {
            let (client, known, running) = (self.raw(), &raw mut known, &raw mut running);
            let (done, of) = (&raw mut done, &raw mut of);
            gearman_client_job_status(client, handle.as_ptr(), known, running, done, of)
        };
        if code == Code::SUCCESS { Ok((known, running, done, of)) } else { Err(code) }
    }

    /// The same by unique id.
    pub(crate) fn unique_status(&mut self, unique: &CStr) -> Result<(bool, bool, u32, u32), Code> {
        use gearman::capi::status::*;
        unsafe {
            let length = unique.count_bytes();
            let status = gearman_client_unique_status(self.raw(), unique.as_ptr(), length);
            match gearman_status_return(status) {
                Code::SUCCESS => Ok((
                    gearman_status_is_known(status),
                    gearman_status_is_running(status),
                    gearman_status_numerator(status),
                    gearman_status_denominator(status),
                )),
                code => Err(code),
            }
        }
    }

    pub(crate) fn echo(&mut self, data: &[u8]) -> Code {
        unsafe { gearman_client_echo(self.raw(), data.as_ptr().cast(), data.len()) }
    }

    /// Whether every server took the option, and otherwise the client's error.
    pub(crate) fn set_server_option(&mut self, name: &[u8]) -> Code {
        let taken = unsafe {
            gearman_client_set_server_option(self.raw(), name.as_ptr().cast(), name.len())
        };
        if taken { Code::SUCCESS } else { self.error_code() }
    }

    pub(crate) fn cancel_job(&mut self, handle: &[u8]) -> Code {
        let mut padded: [c_char; 64] = [0; 64];
        for (to, from) in padded.iter_mut().zip(handle) {
            *to = *from as c_char;
        }
        unsafe { gearman::capi::cancel::gearman_client_cancel_job(self.raw(), padded.as_mut_ptr()) }
    }

    /// The result of a task run by gearman_execute, or the client's error.
    pub(crate) fn execute(&mut self, workload: &[u8]) -> Result<Vec<u8>, Code> {
        use gearman::capi::{execute::gearman_execute, result::*};
        let value = gearman_string_t { c_str: workload.as_ptr().cast(), size: workload.len() };
        let name = gearman_string_t { c_str: ptr::null(), size: 0 };
        let mut argument = gearman_argument_t { name, value };
        unsafe {
            let (client, argument) = (self.raw(), &raw mut argument);
            let (none, nothing) = (ptr::null(), ptr::null_mut());
            let task = gearman_execute(
                client,
                c"f".as_ptr(),
                1,
                none,
                0,
                ptr::null_mut(),
                argument,
                nothing,
            );
            assert!(!task.is_null());
            let outcome = match gearman_client_error_code(client) {
                _ if gearman_task_return(task) == Code::SUCCESS => {
                    let result = gearman_task_result(task);
                    Ok(bytes(gearman_result_value(result).cast(), gearman_result_size(result)))
                }
                Code::SUCCESS => Err(gearman_task_return(task)),
                code => Err(code),
            };
            gearman_task_free(task);
            outcome
        }
    }

    /// Asserts that the client still works: a server answers its next job rightly.
    #[track_caller]
    pub(crate) fn assert_usable(&mut self) {
        self.set_timeout(30_000);
        assert_eq!(self.job(b"still here"), Ok(b"still here".to_vec()), "{}", self.error());
        assert_eq!(self.job(b"and again"), Ok(b"and again".to_vec()), "{}", self.error());
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        unsafe { gearman_client_free(self.raw()) }
    }
}

fn lend(bytes: &[u8]) -> (*const c_void, usize) {
    if bytes.is_empty() { (ptr::null(), 0) } else { (bytes.as_ptr().cast(), bytes.len()) }
}

/// A copy of what C points at.
unsafe fn bytes(start: *const c_void, size: usize) -> Vec<u8> {
    if start.is_null() {
        assert_eq!(size, 0);
        return Vec::new();
    }
    unsafe { std::slice::from_raw_parts(start.cast::<u8>(), size) }.to_vec()
}

fn text(start: *const c_char) -> String {
    if start.is_null() {
        return String::new();
    }
    unsafe { CStr::from_ptr(start) }.to_string_lossy().into_owned()
}

/// Notes an event for the task, in the vector that its context points at.
unsafe fn note(task: *mut gearman_task_st, event: impl FnOnce(Vec<u8>) -> Event) -> Code {
    unsafe {
        let data = bytes(gearman_task_data(task), gearman_task_data_size(task));
        let events = gearman_task_context(task).cast::<Events>();
        if let Some(events) = events.as_mut() {
            events.0.push(event(data));
        }
    }
    Code::SUCCESS
}

unsafe extern "C-unwind" fn on_created(task: *mut gearman_task_st) -> Code {
    unsafe { note(task, |_| Event::Created(text(gearman_task_job_handle(task)))) }
}

unsafe extern "C-unwind" fn on_data(task: *mut gearman_task_st) -> Code {
    unsafe { note(task, Event::Data) }
}

unsafe extern "C-unwind" fn on_warning(task: *mut gearman_task_st) -> Code {
    unsafe { note(task, Event::Warning) }
}

unsafe extern "C-unwind" fn on_status(task: *mut gearman_task_st) -> Code {
    unsafe {
        let (done, of) = (gearman_task_numerator(task), gearman_task_denominator(task));
        note(task, |_| Event::Status(done, of))
    }
}

unsafe extern "C-unwind" fn on_complete(task: *mut gearman_task_st) -> Code {
    unsafe { note(task, Event::Complete) }
}

unsafe extern "C-unwind" fn on_exception(task: *mut gearman_task_st) -> Code {
    unsafe { note(task, Event::Exception) }
}

unsafe extern "C-unwind" fn on_fail(task: *mut gearman_task_st) -> Code {
    unsafe { note(task, |_| Event::Fail) }
}
