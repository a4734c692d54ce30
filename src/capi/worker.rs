//! `worker.h`: a worker's life, its servers, and what it can be told.
//!
//! Must not: ask for jobs; `worker_run.rs` does.

use super::cancellation;
use super::text::{self, CStrArg};
use super::types::*;
use super::worker_block::WorkerBlock;
use crate::engine::ReturnCode;
use crate::protocol::servers::parse_server_list;
use libc::{c_char, c_int, c_void, in_port_t};
use std::ptr;

/// Makes a worker, in `worker` or, when that is NULL, in memory of the library.
/// The memory need not be initialised. Servers of the environment's
/// `GEARMAN_SERVERS` are added.
///
/// Returns the worker, or NULL when `GEARMAN_SERVERS` names a host that has no
/// address or the process is out of descriptors. Free it with
/// gearman_worker_free() in either case of memory.
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
        (*block).shell
    }
}

/// Makes a worker like `from`: its servers in the same order, its settings and
/// its functions with their contexts, but not its jobs, its own context, server
/// options, NON_BLOCKING, TLS files and allocators. With `from` NULL this is
/// gearman_worker_create().
///
/// # Safety
/// As for gearman_worker_create(); `from` is NULL or a live worker.
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
        to.link.error.wants_log = from.link.error.wants_log;
        to.grabs_with = from.grabs_with;
        to.offer_functions_of(from);
        for server in &from.link.conns {
            if to.add_server(&server.host, server.port).is_err() {
                WorkerBlock::free(block);
                return ptr::null_mut();
            }
        }
        copy.set_time_limit(source.timeout, source.engine.timeout_ends_sleep);
        copy.shell
    }
}

/// Frees a worker with its jobs, and closes its connections: servers give jobs
/// that are not finished to other workers. In a forked child the connections
/// stay the parent's. May be called inside a function of the worker. NULL is
/// fine.
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

/// The text of the last error, "function(GEARMAN_CODE) text -> file:line:
/// pid(n)". It stays valid until the next call on the worker. NULL for NULL, and
/// for a worker that was never asked to work and had no error.
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
    /// What C is shown of the last error.
    pub(super) fn error_text(&self) -> *const c_char {
        let error = &self.engine.link.error;
        if self.has_run && error.text().is_none() && !error.code().failed() {
            return c"GEARMAN_UNKNOWN_STATE".as_ptr();
        }
        text::error_text(error)
    }
}

/// The `errno` of the last error, 0 if it was none of the system's. EINVAL for
/// NULL.
///
/// # Safety
/// `worker` is NULL or a live worker.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_errno(worker: *mut gearman_worker_st) -> c_int {
    // SAFETY: the caller guarantees a live worker.
    unsafe { WorkerBlock::peek(worker) }.map_or(libc::EINVAL, |b| b.engine.link.error.errno())
}

/// Asks for TLS. The library has none yet: with `ssl` true connecting fails
/// with a clear error, and nothing is ever sent in the clear.
///
/// # Safety
/// `worker` is NULL or a live worker; the names are NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_set_ssl(
    worker: *mut gearman_worker_st,
    ssl: c_bool,
    ca_file: *const c_char,
    certificate: *const c_char,
    key_file: *const c_char,
) {
    let _ = (ca_file, certificate, key_file);
    // SAFETY: the caller guarantees a live worker.
    if let Some(block) = unsafe { WorkerBlock::peek(worker) } {
        block.engine.link.settings.tls = ssl != 0;
    }
}

/// The pointer set by gearman_worker_set_context(), or NULL.
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

/// Keeps a pointer of the program's with the worker. It is never freed.
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

/// Sets the function that gets the worker's log lines: one per error, from
/// level ERROR on; NULL for none.
///
/// # Safety
/// `worker` is NULL or a live worker; `function` has its declared type.
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
        block.engine.link.error.wants_log =
            function.is_some() && verbose.0 >= gearman_verbose_t::ERROR.0;
    }
}

/// Sets the function that allocates the workloads of jobs, of exactly their size, and
/// copies of what is sent for a job; NULL for `malloc`.
///
/// # Safety
/// `worker` is NULL or a live worker; `function` has its declared type.
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

/// Sets the function that frees the results which functions of the first kind
/// return; NULL for `free`.
///
/// # Safety
/// `worker` is NULL or a live worker; `function` has its declared type.
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

/// Sets both workload functions at once. All four are given, or all are NULL for
/// the system's; otherwise WORK_FAIL is returned and nothing changes. The
/// library never calls `realloc_fn` and `calloc_fn`.
///
/// # Safety
/// `worker` is NULL or a live worker; the functions have their declared types.
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

/// Adds a server, to be asked before those that were added earlier. NULL or ""
/// is localhost, port 0 is 4730, a host that starts with "/" is a Unix socket.
/// The host is looked up here; nothing is sent.
///
/// Returns SUCCESS, GETADDRINFO for a host without an address, INVALID_ARGUMENT
/// for a NULL worker.
///
/// # Safety
/// `worker` is NULL or a live worker; `host` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_add_server(
    worker: *mut gearman_worker_st,
    host: *const c_char,
    port: in_port_t,
) -> gearman_return_t {
    // SAFETY: the caller guarantees both.
    cancellation::disabled(|| unsafe {
        let Some(block) = WorkerBlock::enter(worker) else {
            return gearman_return_t::INVALID_ARGUMENT;
        };
        let code = add_server(block, host.bytes(), port);
        WorkerBlock::leave(block, code)
    })
}

/// Adds one server of a program.
///
/// # Safety
/// `block` is live and not borrowed.
unsafe fn add_server(block: *mut WorkerBlock, host: &[u8], port: u16) -> ReturnCode {
    let host = String::from_utf8_lossy(host);
    // SAFETY: the caller guarantees a live block.
    unsafe { &mut *block }.guarded(ReturnCode::UNKNOWN_STATE, |engine| {
        engine.add_server(&host, port).err().unwrap_or_default()
    })
}

/// Adds the servers of a list, "host:port,host,...", in its order:
/// the last one will be asked first. IPv6 addresses stand in brackets. Stops at
/// the first that has no address, and returns its error.
///
/// # Safety
/// `worker` is NULL or a live worker; `servers` is NULL, which is localhost, or
/// NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_add_servers(
    worker: *mut gearman_worker_st,
    servers: *const c_char,
) -> gearman_return_t {
    // SAFETY: the caller guarantees both.
    cancellation::disabled(|| unsafe {
        let Some(block) = WorkerBlock::enter(worker) else {
            return gearman_return_t::INVALID_ARGUMENT;
        };
        let code = add_servers(block, servers.bytes());
        WorkerBlock::leave(block, code)
    })
}

/// Adds the servers of a list, up to the first that has no address.
///
/// # Safety
/// `block` is live and not borrowed.
unsafe fn add_servers(block: *mut WorkerBlock, servers: &[u8]) -> ReturnCode {
    for (host, port) in parse_server_list(servers) {
        // SAFETY: the caller guarantees a live block.
        let code = unsafe { add_server(block, host, port) };
        if code.failed() {
            return code;
        }
    }
    ReturnCode::SUCCESS
}

/// Closes the connections and forgets all servers. What is sent for their jobs
/// afterwards fails with LOST_CONNECTION.
///
/// # Safety
/// `worker` is NULL or a live worker.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_remove_servers(worker: *mut gearman_worker_st) {
    // SAFETY: the caller guarantees a live worker.
    cancellation::disabled(|| unsafe {
        if let Some(block) = WorkerBlock::enter(worker) {
            (*block).guarded((), |engine| engine.remove_servers());
        }
    })
}

/// Sets the prefix that is put before the names of functions which are added
/// from now on; no bytes for none.
///
/// # Safety
/// `worker` is NULL or a live worker; `namespace_key` is readable for its size.
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

/// The prefix set by gearman_worker_set_namespace(), valid until it is set
/// again; NULL without one.
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

/// Sets the identifier that servers show in their list of workers, from the next
/// connection on.
///
/// Returns SUCCESS, ARGUMENT_TOO_LARGE beyond 254 bytes, INVALID_ARGUMENT for
/// none, and for characters that are not printable.
///
/// # Safety
/// `worker` is NULL or a live worker; `id` is readable for its size.
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

/// The descriptors that gearman_kill() stops this worker by. They are the
/// worker's, from its making to its freeing; a forked child gets others with
/// its first call. Both are -1 for NULL. May be called from a signal handler, and
/// while another thread uses the worker.
///
/// # Safety
/// `worker` is NULL or a live worker.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_id(worker: *mut gearman_worker_st) -> gearman_id_t {
    // SAFETY: the caller guarantees a live worker.
    let id = unsafe { WorkerBlock::id_of(worker) };
    id.unwrap_or(gearman_id_t { read_fd: -1, write_fd: -1 })
}
