//! The types of the functions that the program passes to the library.
//!
//! Each alias is nullable and `C-unwind`: the caller's code may throw, longjmp
//! or exit through the library. In the headers an alias is a pointer to the function type
//! (`gearman_complete_fn *`); `bindings/c/prelude` holds the typedefs.
//!
//! Must not: call one. The loops that do keep only plain data alive across the call.

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
    /// Resizes memory of the same set of allocators.
    gearman_realloc_fn(ptr: *mut c_void, size: usize, context: *mut c_void) -> *mut c_void;
    /// Allocates `nelm` zeroed elements of `size` bytes.
    gearman_calloc_fn(nelm: usize, size: usize, context: *mut c_void) -> *mut c_void;
    /// Frees memory of the same set of allocators.
    gearman_free_fn(ptr: *mut c_void, context: *mut c_void);
    /// Gets one server of a list; any code but SUCCESS ends the iteration.
    gearman_parse_server_fn(
        host: *const c_char, port: in_port_t, context: *mut c_void
    ) -> gearman_return_t;
    /// Frees a task's context when the task is freed.
    gearman_task_context_free_fn(task: *mut gearman_task_st, context: *mut c_void);
    /// Gets one log line without its newline.
    gearman_log_fn(line: *const c_char, verbose: gearman_verbose_t, context: *mut c_void);
    /// A worker's function that returns its result in memory that the library frees.
    gearman_worker_fn(
        job: *mut gearman_job_st,
        context: *mut c_void,
        result_size: *mut usize,
        ret_ptr: *mut gearman_return_t
    ) -> *mut c_void;
    /// A worker's function that sends its results itself.
    gearman_function_fn(job: *mut gearman_job_st, worker_context: *mut c_void) -> gearman_return_t;
    /// Combines the results of a partitioned job.
    gearman_aggregator_fn(
        aggregator: *mut gearman_aggregator_st,
        task: *mut gearman_task_st,
        result: *mut gearman_result_st
    ) -> gearman_return_t;
    /// Sends a task's workload, or more of it.
    gearman_workload_fn(task: *mut gearman_task_st) -> gearman_return_t;
    /// Called when the server has queued the job.
    gearman_created_fn(task: *mut gearman_task_st) -> gearman_return_t;
    /// Called for each piece of the result.
    gearman_data_fn(task: *mut gearman_task_st) -> gearman_return_t;
    /// Called for each warning.
    gearman_warning_fn(task: *mut gearman_task_st) -> gearman_return_t;
    /// Called for each progress report and each answer to a status request.
    gearman_universal_status_fn(task: *mut gearman_task_st) -> gearman_return_t;
    /// Called when the job is complete.
    gearman_complete_fn(task: *mut gearman_task_st) -> gearman_return_t;
    /// Called when the job has raised an exception.
    gearman_exception_fn(task: *mut gearman_task_st) -> gearman_return_t;
    /// Called when the job has failed.
    gearman_fail_fn(task: *mut gearman_task_st) -> gearman_return_t;
}
