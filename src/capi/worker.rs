//! `worker.h`: creating and freeing a worker, and its settings.
//!
//! Must not: request jobs; `worker_run.rs` does.

use super::cancellation;
use super::handle;
use super::keepalive;
use super::text::{self, CStrArg};
use super::tls;
use super::types::*;
use super::worker_block::WorkerBlock;
use super::worker_servers::add_servers;
use crate::engine::at;
use libc::{c_char, c_int, c_void};
use std::ptr;

/// Creates a worker.
///
/// `worker` is memory that the program provides, or NULL for memory of the library. The
/// memory need not be initialised. If the environment variable `GEARMAN_SERVERS` is
/// set, its servers are added as gearman_worker_add_servers() adds them; for
/// `GEARMAN_KEEPALIVE` see gearman_worker_set_keepalive(). Nothing is sent.
///
/// Returns the worker, or NULL if `GEARMAN_SERVERS` names a host that has no address,
/// or the process has no file descriptors left. Free the worker with
/// gearman_worker_free(), also if the program provided the memory.
///
/// # Safety
/// `worker` is NULL or writable memory that is not a live worker.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_create(
    worker: *mut gearman_worker_st,
) -> *mut gearman_worker_st {
    // SAFETY: the caller guarantees the memory.
    unsafe { cancellation::disabled(|| create(worker)) }
}

unsafe fn create(worker: *mut gearman_worker_st) -> *mut gearman_worker_st {
    let Some(block) = WorkerBlock::create(worker) else { return ptr::null_mut() };
    // SAFETY: the block was made just now.
    unsafe {
        if let Some(servers) = std::env::var_os("GEARMAN_SERVERS") {
            let servers = std::os::unix::ffi::OsStrExt::as_bytes(servers.as_os_str());
            if add_servers(block, servers).failed() {
                WorkerBlock::free(block);
                return ptr::null_mut();
            }
        }
        let at = at!("gearman_worker_create");
        keepalive::read_environment(&mut (*block).engine.link, at);
        (*block).shell
    }
}

/// Creates a worker with the settings of another one.
///
/// The new worker gets the servers of `from` in the same order, its settings, and its
/// functions with their contexts. It does not get the jobs, the worker's own context,
/// the server options, the option `GEARMAN_WORKER_NON_BLOCKING`, and the
/// allocators. If `from` is NULL, this is gearman_worker_create(). `worker` is memory
/// for the new worker, or NULL for memory of the library.
///
/// Returns the new worker, or NULL if a server of `from` has no address any more, or
/// the process has no file descriptors left. Free it with gearman_worker_free().
///
/// # Safety
/// `worker` is NULL or writable memory that is not a live worker; `from` is NULL or a
/// live worker.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_clone(
    worker: *mut gearman_worker_st,
    from: *const gearman_worker_st,
) -> *mut gearman_worker_st {
    // SAFETY: the caller guarantees both.
    cancellation::disabled(|| unsafe {
        if WorkerBlock::peek(from).is_none() {
            return create(worker);
        }
        clone(worker, from)
    })
}

/// Clones a worker.
///
/// # Safety
/// As for gearman_worker_clone(); `from` is not NULL.
pub(super) unsafe fn clone(
    worker: *mut gearman_worker_st,
    from: *const gearman_worker_st,
) -> *mut gearman_worker_st {
    // SAFETY: the caller guarantees both.
    unsafe {
        let Some(block) = WorkerBlock::create(worker) else { return ptr::null_mut() };
        let Some(source) = WorkerBlock::peek(from) else { return ptr::null_mut() };
        let copy = &mut *block;
        copy.definitions = source.definitions.clone();
        copy.last_token = source.last_token;
        copy.log_fn = source.log_fn;
        copy.log_context = source.log_context;
        copy.changed = source.changed;
        copy.grabs_unique = source.grabs_unique;
        copy.grabs_all = source.grabs_all;
        copy.identified = source.identified;
        let (to, from) = (&mut copy.engine, &source.engine);
        to.link.settings = from.link.settings.clone();
        to.link.settings.server_options.clear();
        to.link.settings.non_blocking = false;
        to.link.error.want_same_lines(&from.link.error);
        to.grabs_with = from.grabs_with;
        to.offer_functions_of(from);
        for server in &from.link.conns {
            if to.add_server(&server.host_with_scheme(), server.port).is_err() {
                WorkerBlock::free(block);
                return ptr::null_mut();
            }
        }
        copy.set_timeout(source.timeout_ms, source.engine.timeout_ends_sleep);
        copy.shell
    }
}

/// Frees a worker and its jobs, and closes its connections.
///
/// Servers give jobs that are not finished to other workers. It may be called inside a
/// function of the worker. In a forked child, the connections of the parent stay open.
/// If `worker` is NULL, nothing happens.
///
/// # Safety
/// `worker` is NULL or a live worker.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_free(worker: *mut gearman_worker_st) {
    // SAFETY: the caller guarantees a live worker.
    cancellation::disabled(|| unsafe {
        if let Some(block) = WorkerBlock::enter(worker)
            && !(*block).is_freed()
        {
            WorkerBlock::free(block);
        }
    })
}

/// Gets the text of the worker's last error.
///
/// The text has the form "function(GEARMAN_CODE) text -> file:line: pid(n)", or is the
/// name of the code alone.
///
/// Returns the text, which belongs to the worker and is valid until the next call on
/// it; NULL if `worker` is NULL, or if it has no error and was never asked for a
/// job. A worker that was asked for a job and has no error has the text
/// "GEARMAN_UNKNOWN_STATE".
///
/// # Safety
/// `worker` is NULL or a live worker.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_error(
    worker: *const gearman_worker_st,
) -> *const c_char {
    // SAFETY: the caller guarantees a live worker.
    unsafe { WorkerBlock::peek(worker) }.map_or(ptr::null(), |b| b.error_text())
}

impl WorkerBlock {
    /// The text of the last error for C.
    pub(super) fn error_text(&self) -> *const c_char {
        let error = &self.engine.link.error;
        if self.has_run && error.text().is_none() && !error.code().failed() {
            return c"GEARMAN_UNKNOWN_STATE".as_ptr();
        }
        text::error_text(error)
    }
}

/// Gets the `errno` of the worker's last error.
///
/// Returns the number; 0 if the error did not come from a system call, `EINVAL` if
/// `worker` is NULL.
///
/// # Safety
/// `worker` is NULL or a live worker.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_errno(worker: *mut gearman_worker_st) -> c_int {
    // SAFETY: the caller guarantees a live worker.
    unsafe { WorkerBlock::peek(worker) }.map_or(libc::EINVAL, |b| b.engine.link.error.errno())
}

/// Turns TLS on, or off if `ssl` is false, for connections that are made later.
///
/// `ca_file` has the certificates of the authorities that may sign a server's
/// certificate, and may have their revocation lists; `certificate` and `key_file` are the
/// worker's own, which a server may require. All are PEM. For a file that is NULL, the
/// environment's is used (`GEARMAND_CA_CERTIFICATE`, `GEARMAN_CLIENT_PEM`,
/// `GEARMAN_CLIENT_KEY`), or the one below /etc/ssl/certs, if it exists. What is verified
/// is said by `GEARMAN_TLS_VERIFY`: `ca`, which is the default, `full` or `none`. The
/// files are read when a connection is made; if one is wrong, connecting fails with an
/// error that names it. Unix sockets stay without TLS.
///
/// # Safety
/// `worker` is NULL or a live worker; `ca_file`, `certificate` and `key_file` are NULL
/// or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_set_ssl(
    worker: *mut gearman_worker_st,
    ssl: c_bool,
    ca_file: *const c_char,
    certificate: *const c_char,
    key_file: *const c_char,
) {
    // SAFETY: the caller guarantees a live worker and the names.
    cancellation::disabled(|| unsafe {
        if let Some(block) = WorkerBlock::peek(worker) {
            let files = [ca_file, certificate, key_file];
            tls::set_ssl(&mut block.engine.link.settings, ssl != 0, files);
        }
    });
}

/// Gets the pointer that gearman_worker_set_context() stored.
///
/// Returns the pointer; NULL if none was stored or `worker` is NULL.
///
/// # Safety
/// `worker` is NULL or a live worker.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_context(
    worker: *const gearman_worker_st,
) -> *mut c_void {
    // SAFETY: the caller guarantees a live worker.
    unsafe { WorkerBlock::peek(worker) }.map_or(ptr::null_mut(), |b| b.context)
}

/// Stores a pointer of the program in the worker.
///
/// The library does not use `context` and does not free it.
///
/// # Safety
/// `worker` is NULL or a live worker.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_set_context(
    worker: *mut gearman_worker_st,
    context: *mut c_void,
) {
    // SAFETY: the caller guarantees a live worker.
    if let Some(block) = unsafe { WorkerBlock::peek(worker) } {
        block.context = context;
    }
}

/// Sets the function that gets the worker's log lines.
///
/// `function` is called with `context` once for each error, with the level
/// `GEARMAN_VERBOSE_ERROR`, if `verbose` is that level or a higher one. If `function`
/// is NULL, nothing is logged.
///
/// # Safety
/// `worker` is NULL or a live worker; `function` is NULL or a function of its declared
/// type.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_set_log_fn(
    worker: *mut gearman_worker_st,
    function: gearman_log_fn,
    context: *mut c_void,
    verbose: gearman_verbose_t,
) {
    // SAFETY: the caller guarantees a live worker.
    if let Some(block) = unsafe { WorkerBlock::peek(worker) } {
        block.log_fn = function;
        block.log_context = context;
        handle::want_lines(&mut block.engine.link.error, function.is_some(), verbose);
    }
}

/// Sets the function that allocates memory for workloads.
///
/// `function` is called with a size in bytes and `context`. It allocates the workloads
/// of jobs, of exactly their size, and the copies of what is sent for a job. If
/// `function` is NULL, `malloc` is used.
///
/// # Safety
/// `worker` is NULL or a live worker; `function` is NULL or a function of its declared
/// type.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_set_workload_malloc_fn(
    worker: *mut gearman_worker_st,
    function: gearman_malloc_fn,
    context: *mut c_void,
) {
    // SAFETY: the caller guarantees a live worker.
    if let Some(block) = unsafe { WorkerBlock::peek(worker) } {
        block.hooks.set_malloc(function, context);
    }
}

/// Sets the function that frees workloads and results.
///
/// `function` is called with the memory and `context`. It frees the workloads of jobs
/// that the program did not take, and the results that functions of
/// gearman_worker_add_function() return. If `function` is NULL, `free` is used.
///
/// # Safety
/// `worker` is NULL or a live worker; `function` is NULL or a function of its declared
/// type.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_set_workload_free_fn(
    worker: *mut gearman_worker_st,
    function: gearman_free_fn,
    context: *mut c_void,
) {
    // SAFETY: the caller guarantees a live worker.
    if let Some(block) = unsafe { WorkerBlock::peek(worker) } {
        block.hooks.set_free(function, context);
    }
}

/// Sets the functions that allocate and free workloads and results.
///
/// `malloc_fn` and `free_fn` are used as gearman_worker_set_workload_malloc_fn() and
/// gearman_worker_set_workload_free_fn() say; `context` is passed to both. Either all
/// four functions are given, or all are NULL for those of the system. The library never
/// calls `realloc_fn` and `calloc_fn`.
///
/// Returns `GEARMAN_SUCCESS`, or an error, which leaves the functions as they are.
///
/// # Errors
/// - `GEARMAN_FATAL`: some of the functions are NULL and others are not.
/// - `GEARMAN_INVALID_ARGUMENT`: `worker` is NULL.
///
/// # Safety
/// `worker` is NULL or a live worker; each function is NULL or a function of its
/// declared type.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_set_memory_allocators(
    worker: *mut gearman_worker_st,
    malloc_fn: gearman_malloc_fn,
    free_fn: gearman_free_fn,
    realloc_fn: gearman_realloc_fn,
    calloc_fn: gearman_calloc_fn,
    context: *mut c_void,
) -> gearman_return_t {
    // SAFETY: the caller guarantees a live worker.
    let Some(block) = (unsafe { WorkerBlock::peek(worker) }) else {
        return gearman_return_t::INVALID_ARGUMENT;
    };
    match block.hooks.set_all(malloc_fn, free_fn, realloc_fn, calloc_fn, context) {
        Ok(()) => gearman_return_t::SUCCESS,
        Err(()) => gearman_return_t::FATAL,
    }
}

/// Sets the prefix that the worker puts before the names of functions that are added
/// later.
///
/// `namespace_key` has `namespace_key_size` bytes, which are copied. If it is NULL or
/// empty, there is no prefix.
///
/// # Safety
/// `worker` is NULL or a live worker; `namespace_key` is NULL or readable for
/// `namespace_key_size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_set_namespace(
    worker: *mut gearman_worker_st,
    namespace_key: *const c_char,
    namespace_key_size: usize,
) {
    // SAFETY: the caller guarantees both.
    cancellation::disabled(|| unsafe {
        if let Some(block) = WorkerBlock::peek(worker) {
            let namespace = namespace_key.sized(namespace_key_size);
            let namespace = (!namespace_key.is_null()).then_some(namespace);
            block.engine.link.settings.set_namespace(namespace);
        }
    })
}

/// Gets the prefix that gearman_worker_set_namespace() set.
///
/// Returns the prefix, NUL-terminated, which belongs to the worker and is valid until
/// the prefix is set again; NULL without a prefix and if `worker` is NULL.
///
/// # Safety
/// `worker` is NULL or a live worker.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_namespace(
    worker: *mut gearman_worker_st,
) -> *const c_char {
    // SAFETY: the caller guarantees a live worker.
    unsafe { WorkerBlock::peek(worker) }
        .and_then(|b| b.engine.link.settings.namespace.as_ref())
        .map_or(ptr::null(), |n| n.as_ptr())
}

/// Sets the identifier under which servers list this worker.
///
/// `id` has `id_size` bytes, which are copied. Servers are told when they are connected
/// next.
///
/// Returns `GEARMAN_SUCCESS` or an error.
///
/// # Errors
/// - `GEARMAN_ARGUMENT_TOO_LARGE`: `id_size` is more than 254 bytes.
/// - `GEARMAN_INVALID_ARGUMENT`: `worker` is NULL, or `id` is empty or has characters
///   that are not printable.
///
/// # Safety
/// `worker` is NULL or a live worker; `id` is NULL or readable for `id_size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_set_identifier(
    worker: *mut gearman_worker_st,
    id: *const c_char,
    id_size: usize,
) -> gearman_return_t {
    // SAFETY: the caller guarantees both.
    cancellation::disabled(|| unsafe {
        let Some(block) = WorkerBlock::enter(worker) else {
            return gearman_return_t::INVALID_ARGUMENT;
        };
        let code = text::set_identifier(&mut (*block).engine.link, id.sized(id_size));
        (*block).identified |= !code.failed();
        WorkerBlock::leave(block, code)
    })
}

/// Gets the stop handle of a worker, for gearman_kill().
///
/// It may be called from a signal handler and while another thread uses the worker. A
/// forked child gets a stop handle of its own with its first call on the worker.
///
/// Returns the stop handle, which is valid until the worker is freed. If `worker` is
/// NULL, both descriptors are -1.
///
/// # Safety
/// `worker` is NULL or a live worker.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_id(worker: *mut gearman_worker_st) -> gearman_id_t {
    // SAFETY: the caller guarantees a live worker.
    let id = cancellation::disabled(|| unsafe { WorkerBlock::id_of(worker) });
    id.unwrap_or(gearman_id_t { read_fd: -1, write_fd: -1 })
}
