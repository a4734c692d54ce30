//! The structs of the C headers, laid out exactly as C lays them out.
//!
//! Programs embed the 16-byte shells in their own objects, so no struct here can
//! ever grow; the assertions at the end hold sizes and offsets for 64-bit
//! targets, and `tests/abi` compares them with a C compiler's.
//!
//! Must not: have behaviour. The block that a shell's `_impl` points at belongs to the
//! file that makes it.

pub use super::aggregator::gearman_aggregator_st;
pub use super::callbacks::*;
pub use super::enums::*;
pub use super::result::gearman_result_st;

use libc::{c_char, c_int, c_void, time_t};

/// A C `bool` as it arrives in an argument or in a struct. C can pass any byte,
/// and a Rust `bool` that is neither 0 nor 1 is undefined behaviour. The headers
/// say `bool`. Return values can be a Rust `bool`, since the library makes them.
pub type c_bool = u8;

/// A job handle that the library fills: 64 bytes, NUL-terminated. The headers
/// say `gearman_job_handle_t`, an array, which as a parameter is this pointer.
pub type gearman_job_handle_mut = *mut c_char;

/// A job handle that the library reads. The headers say
/// `const gearman_job_handle_t`.
pub type gearman_job_handle_const = *const c_char;

/// The public flags of a client, a worker and a job.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct shell_options {
    /// Whether the library allocated the shell.
    pub is_allocated: c_bool,
    /// Whether `_impl` can be used.
    pub is_initialized: c_bool,
}

/// The public flags of a task.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct task_shell_options {
    /// Whether the library allocated the shell.
    pub is_allocated: c_bool,
}

/// A client. The caller may provide the memory.
#[derive(Debug)]
#[repr(C)]
pub struct gearman_client_st {
    /// Flags that programs read.
    pub options: shell_options,
    /// The library's block of the client.
    pub _impl: *mut c_void,
}

/// A worker. The caller may provide the memory.
#[derive(Debug)]
#[repr(C)]
pub struct gearman_worker_st {
    /// Flags that programs read.
    pub options: shell_options,
    /// The library's block of the worker.
    pub _impl: *mut c_void,
}

/// A job, as a worker sees it.
#[derive(Debug)]
#[repr(C)]
pub struct gearman_job_st {
    /// Flags that programs read.
    pub options: shell_options,
    /// The library's block of the job.
    pub _impl: *mut c_void,
}

/// A task, as a client sees it. The caller may provide the memory.
#[derive(Debug)]
#[repr(C)]
pub struct gearman_task_st {
    /// Flags that programs read.
    pub options: task_shell_options,
    /// The library's block of the task.
    pub _impl: *mut c_void,
}

/// Bytes and their number. `size` is const in C.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct gearman_string_t {
    /// The bytes; not always NUL-terminated.
    pub c_str: *const c_char,
    /// The number of bytes.
    pub size: usize,
}

/// A named argument of gearman_execute().
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct gearman_argument_t {
    /// Its name, which the library does not read.
    pub name: gearman_string_t,
    /// The workload.
    pub value: gearman_string_t,
}

/// How gearman_execute() runs a task.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct gearman_task_attr_t {
    /// Foreground, background, or background at a given time.
    pub kind: gearman_task_attr_kind_t,
    /// The priority among the jobs of the function.
    pub priority: gearman_job_priority_t,
    /// For the EPOCH kind: seconds since 1970. A union in C, with its bytes.
    pub epoch: time_t,
}

/// The pointer of a V1 function.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct gearman_function_v1_t {
    /// The worker's function.
    pub func: gearman_worker_fn,
}

/// The pointer of a V2 function.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct gearman_function_v2_t {
    /// The worker's function.
    pub func: gearman_function_fn,
}

/// The pointers of a partition function.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct gearman_function_partition_v1_t {
    /// Splits the workload.
    pub func: gearman_function_fn,
    /// Combines the results.
    pub aggregator: gearman_aggregator_fn,
}

/// The union in `gearman_function_t`; every member is nullable pointers, so any
/// bytes that a caller passes through it can be read as the member that `kind`
/// names. `partitioner` is the largest.
#[derive(Clone, Copy)]
#[repr(C)]
pub union gearman_function_callback {
    /// For the V1 kind.
    pub function_v1: gearman_function_v1_t,
    /// For the V2 kind.
    pub function_v2: gearman_function_v2_t,
    /// For the PARTITION kind.
    pub partitioner: gearman_function_partition_v1_t,
}

/// A function that a worker can register. `kind` is const in C.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct gearman_function_t {
    /// The valid member of `callback`.
    pub kind: gearman_function_kind_t,
    /// The pointers.
    pub callback: gearman_function_callback,
}

/// The answer to a status request, version 1.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct gearman_status_v1_t {
    /// The code of the request.
    pub result_rc: gearman_return_t,
    /// Whether the server knows the job.
    pub is_known: c_bool,
    /// Whether a worker has the job.
    pub is_running: c_bool,
    /// The part of the work that is done, in units of the worker's choice.
    pub numerator: u32,
    /// The whole work, in the same units.
    pub denominator: u32,
    /// The number of clients that wait for the job.
    pub client_count: u32,
}

/// The answer to a status request. `status_` is a union in C, with its bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct gearman_status_t {
    /// Always V1.
    pub version_: gearman_status_version_t,
    /// The answer.
    pub status_: gearman_status_v1_t,
}

/// The ends of a worker's stop pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct gearman_id_t {
    /// The end that the worker reads.
    pub read_fd: c_int,
    /// The end that gearman_kill() writes to.
    pub write_fd: c_int,
}

/// A set of allocators. The headers publish it; no function takes it.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct gearman_allocator_t {
    /// Allocates zeroed memory.
    pub calloc: gearman_calloc_fn,
    /// Frees memory.
    pub free: gearman_free_fn,
    /// Allocates memory.
    pub malloc: gearman_malloc_fn,
    /// Resizes memory.
    pub realloc: gearman_realloc_fn,
    /// The pointer passed to each of them.
    pub context: *mut c_void,
}

/// The callbacks of a client or a task.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[allow(missing_docs)]
pub struct gearman_actions_t {
    pub workload_fn: gearman_workload_fn,
    pub created_fn: gearman_created_fn,
    pub data_fn: gearman_data_fn,
    pub warning_fn: gearman_warning_fn,
    pub status_fn: gearman_universal_status_fn,
    pub complete_fn: gearman_complete_fn,
    pub exception_fn: gearman_exception_fn,
    pub fail_fn: gearman_fail_fn,
}

/// `layout! { type: size { field @ offset, ... } }`
#[cfg(target_pointer_width = "64")]
macro_rules! layout {
    ($($type:ty: $size:literal { $($field:ident $(. $inner:ident)* @ $offset:literal),* })*) => {
        $(
            const _: () = assert!(size_of::<$type>() == $size);
            $(const _: () = assert!(
                std::mem::offset_of!($type, $field $(. $inner)*) == $offset
            );)*
        )*
    };
}

#[cfg(target_pointer_width = "64")]
layout! {
    gearman_client_st: 16 { options.is_allocated @ 0, options.is_initialized @ 1, _impl @ 8 }
    gearman_worker_st: 16 { options.is_allocated @ 0, options.is_initialized @ 1, _impl @ 8 }
    gearman_job_st: 16 { options.is_allocated @ 0, options.is_initialized @ 1, _impl @ 8 }
    gearman_task_st: 16 { options.is_allocated @ 0, _impl @ 8 }
    gearman_string_t: 16 { c_str @ 0, size @ 8 }
    gearman_argument_t: 32 { name @ 0, value @ 16 }
    gearman_task_attr_t: 16 { kind @ 0, priority @ 4, epoch @ 8 }
    gearman_function_t: 24 { kind @ 0, callback @ 8 }
    gearman_function_partition_v1_t: 16 { func @ 0, aggregator @ 8 }
    gearman_status_v1_t: 20 {
        result_rc @ 0, is_known @ 4, is_running @ 5, numerator @ 8, denominator @ 12,
        client_count @ 16
    }
    gearman_status_t: 24 { version_ @ 0, status_ @ 4 }
    gearman_id_t: 8 { read_fd @ 0, write_fd @ 4 }
    gearman_allocator_t: 40 { calloc @ 0, free @ 8, malloc @ 16, realloc @ 24, context @ 32 }
    gearman_actions_t: 64 {
        workload_fn @ 0, created_fn @ 8, data_fn @ 16, warning_fn @ 24, status_fn @ 32,
        complete_fn @ 40, exception_fn @ 48, fail_fn @ 56
    }
}
