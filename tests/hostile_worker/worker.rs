//! The worker's C API, with the jobs that its function was called for.
//!
//! Every call here is sound for the same reason: the shell is a live worker until it
//! is dropped, texts and workloads live until the call returns, and what callbacks
//! are given outlives it.

#![allow(clippy::undocumented_unsafe_blocks, reason = "said once, above")]

use gearman::capi::aggregator::gearman_aggregator_st;
use gearman::capi::function::*;
use gearman::capi::job::*;
use gearman::capi::result::gearman_result_st;
use gearman::capi::types::*;
use gearman::capi::worker::*;
use gearman::capi::worker_ask::*;
use gearman::capi::worker_functions::*;
use gearman::capi::worker_options::*;
use gearman::capi::worker_run::*;
use gearman::capi::worker_servers::*;
use std::ffi::{CStr, c_int, c_void};
use std::mem::MaybeUninit;
use std::sync::{Arc, Barrier};

pub(crate) type Code = gearman_return_t;

/// A job, as its function saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) handle: String,
    pub(crate) unique: String,
    pub(crate) workload: Vec<u8>,
}

/// What the function is given, and what it has seen.
struct Context {
    seen: Vec<Seen>,
    /// Its result; None for the workload.
    result: Option<Vec<u8>>,
    /// It waits here when it begins, and again before it returns.
    gate: Option<Arc<Barrier>>,
}

/// A worker that is freed at the end. It offers the function "f".
pub(crate) struct Worker {
    shell: Box<gearman_worker_st>,
    context: Box<Context>,
}

impl Worker {
    /// A worker for the servers on these ports; the last one is asked first.
    pub(crate) fn of(ports: &[u16]) -> Worker {
        Worker::for_all(ports.iter().map(|&port| (c"127.0.0.1", port)))
    }

    /// A worker for a server that listens anywhere.
    pub(crate) fn at(host: &CStr, port: u16) -> Worker {
        Worker::for_all([(host, port)])
    }

    fn for_all<'a>(servers: impl IntoIterator<Item = (&'a CStr, u16)>) -> Worker {
        let shell = Box::new(MaybeUninit::<gearman_worker_st>::uninit());
        let shell = Box::into_raw(shell).cast::<gearman_worker_st>();
        let context = Box::new(Context { seen: Vec::new(), result: None, gate: None });
        let mut worker = unsafe {
            assert_eq!(gearman_worker_create(shell), shell);
            Worker { shell: Box::from_raw(shell), context }
        };
        for (host, port) in servers {
            let code = unsafe { gearman_worker_add_server(worker.raw(), host.as_ptr(), port) };
            assert_eq!(code, Code::SUCCESS);
        }
        let context = (&raw mut *worker.context).cast();
        let code = unsafe {
            gearman_worker_add_function(worker.raw(), c"f".as_ptr(), 0, Some(function), context)
        };
        assert_eq!(code, Code::SUCCESS);
        worker
    }

    /// Offers the function "split" too, whose jobs have one part.
    pub(crate) fn add_splitting_function(&mut self) {
        let none = std::ptr::null_mut();
        let code = unsafe {
            let split = gearman_function_create_partition(Some(split), Some(aggregate));
            gearman_worker_define_function(self.raw(), c"split".as_ptr(), 5, split, 0, none)
        };
        assert_eq!(code, Code::SUCCESS);
    }

    fn raw(&mut self) -> *mut gearman_worker_st {
        &raw mut *self.shell
    }

    /// The result of later jobs, instead of their workload.
    pub(crate) fn set_result(&mut self, result: Vec<u8>) {
        self.context.result = Some(result);
    }

    /// Makes the next job wait at the gate when it begins, and again before it returns.
    pub(crate) fn set_gate(&mut self, gate: &Arc<Barrier>) {
        self.context.gate = Some(gate.clone());
    }

    pub(crate) fn set_timeout(&mut self, milliseconds: c_int) {
        unsafe { gearman_worker_set_timeout(self.raw(), milliseconds) }
    }

    pub(crate) fn set_non_blocking(&mut self) {
        let option = gearman_worker_options_t::NON_BLOCKING;
        unsafe { gearman_worker_add_options(self.raw(), option) }
    }

    pub(crate) fn work(&mut self) -> Code {
        unsafe { gearman_worker_work(self.raw()) }
    }

    /// The loop of a non-blocking program: work, wait, work again.
    pub(crate) fn work_and_wait(&mut self) -> Code {
        loop {
            match self.work() {
                Code::IO_WAIT | Code::NO_JOBS => {}
                code => return code,
            }
            match unsafe { gearman_worker_wait(self.raw()) } {
                Code::SUCCESS => {}
                code => return code,
            }
        }
    }

    /// The next job's handle and workload, or the code of the error.
    pub(crate) fn grab(&mut self) -> Result<(String, Vec<u8>), Code> {
        let mut code = Code::UNKNOWN_STATE;
        unsafe {
            let job = gearman_worker_grab_job(self.raw(), std::ptr::null_mut(), &raw mut code);
            if job.is_null() {
                return Err(code);
            }
            assert_eq!(code, Code::SUCCESS);
            let seen = look(job);
            gearman_job_free(job);
            Ok((seen.handle, seen.workload))
        }
    }

    pub(crate) fn echo(&mut self, data: &[u8]) -> Code {
        unsafe { gearman_worker_echo(self.raw(), data.as_ptr().cast(), data.len()) }
    }

    pub(crate) fn error(&mut self) -> String {
        let error = unsafe { gearman_worker_error(self.raw()) };
        unsafe { CStr::from_ptr(error) }.to_string_lossy().into_owned()
    }

    /// The jobs that the function was called for.
    pub(crate) fn seen(&self) -> &[Seen] {
        &self.context.seen
    }

    /// How often the function was called for the job of this handle.
    pub(crate) fn times_seen(&self, handle: &[u8]) -> usize {
        self.seen().iter().filter(|seen| seen.handle.as_bytes() == handle).count()
    }

    /// Asserts that the worker still works: it does the next two jobs.
    #[track_caller]
    pub(crate) fn assert_usable(&mut self) {
        self.set_timeout(30_000);
        for _ in 0..2 {
            let before = self.seen().len();
            assert_eq!(self.work(), Code::SUCCESS, "{}", self.error());
            assert_eq!(self.seen().len(), before + 1);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        unsafe { gearman_worker_free(self.raw()) }
    }
}

unsafe extern "C-unwind" fn split(job: *mut gearman_job_st, _: *mut c_void) -> Code {
    unsafe { gearman_job_send_data(job, c"part".as_ptr().cast(), 4) }
}

unsafe extern "C-unwind" fn aggregate(
    _: *mut gearman_aggregator_st,
    _: *mut gearman_task_st,
    _: *mut gearman_result_st,
) -> Code {
    Code::SUCCESS
}

unsafe fn look(job: *mut gearman_job_st) -> Seen {
    unsafe {
        let text = |start| CStr::from_ptr(start).to_string_lossy().into_owned();
        let size = gearman_job_workload_size(job);
        let workload = gearman_job_workload(job).cast::<u8>();
        let workload = if size == 0 {
            Vec::new()
        } else {
            std::slice::from_raw_parts(workload, size).to_vec()
        };
        Seen {
            handle: text(gearman_job_handle(job)),
            unique: text(gearman_job_unique(job)),
            workload,
        }
    }
}

unsafe extern "C-unwind" fn function(
    job: *mut gearman_job_st,
    context: *mut c_void,
    result_size: *mut usize,
    ret_ptr: *mut gearman_return_t,
) -> *mut c_void {
    unsafe {
        let context = &mut *context.cast::<Context>();
        if let Some(gate) = context.gate.take() {
            gate.wait();
            gate.wait();
        }
        let seen = look(job);
        let result = context.result.as_ref().unwrap_or(&seen.workload);
        let memory = libc::malloc(result.len().max(1));
        std::ptr::copy_nonoverlapping(result.as_ptr(), memory.cast::<u8>(), result.len());
        *result_size = result.len();
        *ret_ptr = Code::SUCCESS;
        context.seen.push(seen);
        memory
    }
}
