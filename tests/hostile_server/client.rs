//! The client's C API, with what its callbacks were told.
//!
//! Every call here is sound for the same reason: the shell is a live client until it
//! is dropped, texts and workloads live until the call returns, and what callbacks
//! are given outlives it.

#![allow(clippy::undocumented_unsafe_blocks, reason = "said once, above")]

use super::callbacks::*;
use gearman::capi::client::*;
use gearman::capi::client_ask::*;
use gearman::capi::client_background::*;
use gearman::capi::client_options::*;
use gearman::capi::client_resubmission::*;
use gearman::capi::client_run::*;
use gearman::capi::client_servers::*;
use gearman::capi::client_setters::*;
use gearman::capi::client_single::*;
use gearman::capi::client_tasks::*;
use gearman::capi::task::*;
use gearman::capi::task_data::*;
use gearman::capi::tls::*;
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
pub(super) struct Events {
    pub(super) list: Vec<Event>,
    /// What is left of a workload that a callback sends.
    pub(super) unsent: Vec<u8>,
}

/// A task that was added, and what its callbacks were told.
pub(crate) struct Added {
    pub(crate) task: *mut gearman_task_st,
    events: Box<Events>,
}

impl Added {
    pub(crate) fn events(&self) -> &[Event] {
        &self.events.list
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
        let mut client = Client::new();
        for &port in ports {
            client.add_server(c"127.0.0.1", port);
        }
        client
    }

    /// A client of a server that listens anywhere.
    pub(crate) fn at(host: &CStr, port: u16) -> Client {
        let mut client = Client::new();
        client.add_server(host, port);
        client
    }

    fn add_server(&mut self, host: &CStr, port: u16) {
        let code = unsafe { gearman_client_add_server(self.raw(), host.as_ptr(), port) };
        assert_eq!(code, Code::SUCCESS);
    }

    fn new() -> Client {
        let shell = Box::new(MaybeUninit::<gearman_client_st>::uninit());
        let shell = Box::into_raw(shell).cast::<gearman_client_st>();
        let mut client = unsafe {
            assert_eq!(gearman_client_create(shell), shell);
            Client { shell: Box::from_raw(shell) }
        };
        unsafe {
            gearman_client_set_workload_fn(client.raw(), Some(on_workload));
            gearman_client_set_created_fn(client.raw(), Some(on_created));
            gearman_client_set_status_fn(client.raw(), Some(on_status));
            gearman_client_set_exception_fn(client.raw(), Some(on_exception));
            gearman_client_set_fail_fn(client.raw(), Some(on_fail));
        }
        client.set_buffered();
        client
    }

    /// Callbacks get their data as a whole.
    pub(crate) fn set_buffered(&mut self) {
        unsafe {
            let unbuffered = gearman_client_options_t::UNBUFFERED_RESULT;
            gearman_client_remove_options(self.raw(), unbuffered);
            gearman_client_set_data_fn(self.raw(), Some(on_data));
            gearman_client_set_warning_fn(self.raw(), Some(on_warning));
            gearman_client_set_complete_fn(self.raw(), Some(on_complete));
        }
    }

    /// Callbacks are called before their data has come, and receive it in small
    /// pieces.
    pub(crate) fn set_unbuffered(&mut self) {
        unsafe {
            gearman_client_add_options(self.raw(), gearman_client_options_t::UNBUFFERED_RESULT);
            gearman_client_set_data_fn(self.raw(), Some(on_data_to_receive));
            gearman_client_set_warning_fn(self.raw(), Some(on_warning_to_receive));
            gearman_client_set_complete_fn(self.raw(), Some(on_complete_to_receive));
        }
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

    /// Connections have TLS, with servers of this authority.
    pub(crate) fn set_tls(&mut self, ca_file: &str) {
        let ca_file = CString::new(ca_file).unwrap();
        let none = ptr::null();
        let code =
            unsafe { gearman_client_set_tls(self.raw(), ca_file.as_ptr(), none, none, none, none) };
        assert_eq!(code, Code::SUCCESS);
    }

    /// How often a lost job is submitted again.
    pub(crate) fn set_resubmissions(&mut self, most: u32) {
        unsafe { gearman_client_set_resubmissions(self.raw(), most) }
    }

    pub(crate) fn error_code(&mut self) -> Code {
        unsafe { gearman_client_error_code(self.raw()) }
    }

    pub(crate) fn error(&mut self) -> String {
        text(unsafe { gearman_client_error(self.raw()) })
    }

    /// The result of a foreground job, or the code of the error.
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

    /// The handle of a background job, or the code of the error.
    pub(crate) fn background(&mut self, workload: &[u8]) -> Result<String, Code> {
        self.background_of(ptr::null(), workload)
    }

    /// The same with a unique id.
    pub(crate) fn background_with_unique(
        &mut self,
        unique: &CStr,
        workload: &[u8],
    ) -> Result<String, Code> {
        self.background_of(unique.as_ptr(), workload)
    }

    fn background_of(&mut self, unique: *const c_char, workload: &[u8]) -> Result<String, Code> {
        let mut handle: [c_char; 64] = [0; 64];
        let code = unsafe {
            let (client, (workload, length)) = (self.raw(), lend(workload));
            let handle = handle.as_mut_ptr();
            gearman_client_do_background(client, c"f".as_ptr(), unique, workload, length, handle)
        };
        if code == Code::SUCCESS { Ok(text(handle.as_ptr())) } else { Err(code) }
    }

    /// Adds a foreground task, for a later run.
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

    /// The same, with a workload that a callback sends.
    pub(crate) fn add_streamed(&mut self, workload: &[u8]) -> Added {
        let mut events = Box::new(Events { unsent: workload.to_vec(), ..Events::default() });
        let mut code = Code::UNKNOWN_STATE;
        let task = unsafe {
            let (task, context) = (ptr::null_mut(), (&raw mut *events).cast());
            let (client, function, code) = (self.raw(), c"f".as_ptr(), &raw mut code);
            let (unique, none, size) = (ptr::null(), ptr::null(), workload.len());
            gearman_client_add_task(client, task, context, function, unique, none, size, code)
        };
        assert_eq!(code, Code::SUCCESS);
        Added { task, events }
    }

    /// Adds a request for the state of a job, to be run later.
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
        use gearman::capi::execute::gearman_execute;
        let mut argument = argument(workload);
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
            self.outcome(task)
        }
    }

    /// The same by gearman_execute_by_partition.
    pub(crate) fn partition(&mut self, workload: &[u8]) -> Result<Vec<u8>, Code> {
        use gearman::capi::execute::gearman_execute_by_partition;
        let mut argument = argument(workload);
        unsafe {
            let (client, argument) = (self.raw(), &raw mut argument);
            let (none, nothing) = (ptr::null(), ptr::null_mut());
            let task = gearman_execute_by_partition(
                client,
                c"split".as_ptr(),
                5,
                c"f".as_ptr(),
                1,
                none,
                0,
                ptr::null_mut(),
                argument,
                nothing,
            );
            // A run that fails gives no task here.
            if task.is_null() {
                return Err(gearman_client_error_code(client));
            }
            self.outcome(task)
        }
    }

    /// The outcome of an executed task, which is freed.
    unsafe fn outcome(&mut self, task: *mut gearman_task_st) -> Result<Vec<u8>, Code> {
        use gearman::capi::result::*;
        assert!(!task.is_null());
        unsafe {
            let outcome = match gearman_client_error_code(self.raw()) {
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

    /// Asserts that the client still works: a server answers its next jobs correctly.
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

fn argument(value: &[u8]) -> gearman_argument_t {
    gearman_argument_t {
        name: gearman_string_t { c_str: ptr::null(), size: 0 },
        value: gearman_string_t { c_str: value.as_ptr().cast(), size: value.len() },
    }
}

fn lend(bytes: &[u8]) -> (*const c_void, usize) {
    if bytes.is_empty() { (ptr::null(), 0) } else { (bytes.as_ptr().cast(), bytes.len()) }
}

/// A copy of what C points at.
pub(super) unsafe fn bytes(start: *const c_void, size: usize) -> Vec<u8> {
    if start.is_null() {
        assert_eq!(size, 0);
        return Vec::new();
    }
    unsafe { std::slice::from_raw_parts(start.cast::<u8>(), size) }.to_vec()
}

pub(super) fn text(start: *const c_char) -> String {
    if start.is_null() {
        return String::new();
    }
    unsafe { CStr::from_ptr(start) }.to_string_lossy().into_owned()
}
