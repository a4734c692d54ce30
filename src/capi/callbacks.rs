//! The functions that C hands to the library.
//!
//! Each alias is nullable and `C-unwind`: the caller's code may throw, longjmp
//! or exit through us. In the headers an alias is the function type's pointer
//! (`gearman_complete_fn *`); `bindings/c/prelude` holds the typedefs.
//!
//! Must not: call any of them. That is for the thin loops that keep nothing but
//! plain data alive across the call.

use super::types::*;
use libc::{c_char, c_void, in_port_t};

/// `c_callbacks! { /// doc  name(args) -> result; ... }`
macro_rules! c_callbacks {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)?;)*) => {
        $(
            $(#[$doc])*
            pub type $name = Option<unsafe extern "C-unwind" fn($($arg: $type),*) $(-> $result)?>;
        )*
    };
}

c_callbacks! {
    /// Allocates `size` bytes for a workload or a result; NULL when it cannot.
    gearman_malloc_fn(size: usize, context: *mut c_void) -> *mut c_void;
    /// Resizes what the same set of allocators made.
    gearman_realloc_fn(ptr: *mut c_void, size: usize, context: *mut c_void) -> *mut c_void;
    /// Allocates `nelm` zeroed elements of `size` bytes.
    gearman_calloc_fn(nelm: usize, size: usize, context: *mut c_void) -> *mut c_void;
    /// Frees what the same set of allocators made.
    gearman_free_fn(ptr: *mut c_void, context: *mut c_void);
    /// Gets one server of a list; anything but SUCCESS ends the walk.
    gearman_parse_server_fn(
        host: *const c_char, port: in_port_t, context: *mut c_void
    ) -> gearman_return_t;
    /// Frees a task's context when the task is freed.
    gearman_task_context_free_fn(task: *mut gearman_task_st, context: *mut c_void);
    /// Gets one log line without its newline.
    gearman_log_fn(line: *const c_char, verbose: gearman_verbose_t, context: *mut c_void);
    /// A worker's function, first kind: returns memory that the library frees.
    gearman_worker_fn(
        job: *mut gearman_job_st,
        context: *mut c_void,
        result_size: *mut usize,
        ret_ptr: *mut gearman_return_t
    ) -> *mut c_void;
    /// A worker's function, second kind: sends its results itself.
    gearman_function_fn(job: *mut gearman_job_st, worker_context: *mut c_void) -> gearman_return_t;
    /// Puts the results of a partitioned job together.
    gearman_aggregator_fn(
        aggregator: *mut gearman_aggregator_st,
        task: *mut gearman_task_st,
        result: *mut gearman_result_st
    ) -> gearman_return_t;
    /// Asks for (more of) a task's workload.
    gearman_workload_fn(task: *mut gearman_task_st) -> gearman_return_t;
    /// The server has given the job a handle.
    gearman_created_fn(task: *mut gearman_task_st) -> gearman_return_t;
    /// A piece of the result has come.
    gearman_data_fn(task: *mut gearman_task_st) -> gearman_return_t;
    /// A warning has come.
    gearman_warning_fn(task: *mut gearman_task_st) -> gearman_return_t;
    /// A numerator and denominator have come, or the answer to a status request.
    gearman_universal_status_fn(task: *mut gearman_task_st) -> gearman_return_t;
    /// The job is done.
    gearman_complete_fn(task: *mut gearman_task_st) -> gearman_return_t;
    /// The job has ended with an exception.
    gearman_exception_fn(task: *mut gearman_task_st) -> gearman_return_t;
    /// The job has failed.
    gearman_fail_fn(task: *mut gearman_task_st) -> gearman_return_t;
}
