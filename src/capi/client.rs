//! `client.h`: a client's life, and what it can be told.
//!
//! Must not: run tasks; `client_single.rs` and `client_tasks.rs` do.

use super::callbacks::*;
use super::cancellation;
use super::client_block::{ClientBlock, UNTICKETED};
use super::client_servers::add_servers;
use super::handle;
use super::task_block::TaskBlock;
use super::text::{CStrArg, error_text};
use super::types::*;
use crate::engine::ReturnCode;
use libc::{c_char, c_int, c_void};
use std::ptr;
use std::time::Duration;

/// Makes a client, in `client` or, when that is NULL, in memory of the library.
/// The memory need not be initialised. Servers of the environment's
/// `GEARMAN_SERVERS` are added.
///
/// Returns the client, or NULL when `GEARMAN_SERVERS` names a host that has no
/// address. Free it with gearman_client_free() in either case of memory.
///
/// # Safety
/// `client` is NULL or writable memory that is not a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_create(
    client: *mut gearman_client_st,
) -> *mut gearman_client_st {
    // SAFETY: the caller guarantees the memory.
    unsafe { cancellation::disabled(|| create(client)) }
}

unsafe fn create(client: *mut gearman_client_st) -> *mut gearman_client_st {
    let block = ClientBlock::create(client);
    // SAFETY: the block was made just now.
    unsafe {
        if let Some(servers) = std::env::var_os("GEARMAN_SERVERS") {
            let servers = std::os::unix::ffi::OsStrExt::as_bytes(servers.as_os_str());
            if add_servers(block, servers).failed() {
                free(block);
                return ptr::null_mut();
            }
        }
        (*block).shell
    }
}

/// Makes a client like `from`: its servers in the same order, its settings and
/// its callbacks, but not its tasks, server options, TLS files and allocators.
/// With `from` NULL this is gearman_client_create().
///
/// # Safety
/// As for gearman_client_create(); `from` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_clone(
    client: *mut gearman_client_st,
    from: *const gearman_client_st,
) -> *mut gearman_client_st {
    // SAFETY: the caller guarantees both.
    cancellation::disabled(|| unsafe {
        let Some(source) = ClientBlock::peek(from) else {
            return create(client);
        };
        let block = ClientBlock::create(client);
        let copy = &mut *block;
        copy.actions = source.actions.clone();
        copy.log_fn = source.log_fn;
        copy.log_context = source.log_context;
        copy.timeout = source.timeout;
        copy.generate_unique = source.generate_unique;
        copy.no_new = source.no_new;
        let (to, from) = (&mut copy.engine, &source.engine);
        to.free_tasks = from.free_tasks;
        to.unbuffered = from.unbuffered;
        to.link.settings = from.link.settings.clone();
        to.link.settings.server_options.clear();
        to.link.error.wants_log = from.link.error.wants_log;
        for server in &from.link.conns {
            if to.add_server(&server.host, server.port).is_err() {
                free(block);
                return ptr::null_mut();
            }
        }
        copy.shell
    })
}

/// Frees a client with its tasks, and closes its connections. In a forked child
/// the connections stay the parent's. May be called inside a callback of the
/// client. NULL is fine.
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_free(client: *mut gearman_client_st) {
    // SAFETY: the caller guarantees a live client.
    cancellation::disabled(|| unsafe {
        if let Some(block) = ClientBlock::enter(client)
            && !(*block).is_freed()
        {
            free(block);
        }
    })
}

/// Frees what stands behind a client, and its tasks.
///
/// # Safety
/// `block` is live and not borrowed.
pub(super) unsafe fn free(block: *mut ClientBlock) {
    // SAFETY: the caller guarantees the block; after `Gone` it is not touched.
    unsafe {
        if free_tasks(block).is_err() || handle::empty_bin(block, UNTICKETED).is_err() {
            return;
        }
        let this = &mut *block;
        this.guarded((), |engine| engine.remove_servers());
        if this.own_shell._impl.is_null() {
            (*this.shell).options.is_initialized = 0;
            (*this.shell)._impl = ptr::null_mut();
        }
        if this.mark_freed() {
            drop(Box::from_raw(block));
        }
    }
}

/// Frees every task of a client.
///
/// # Errors
/// When user code that this calls freed the client.
///
/// # Safety
/// `block` is live and not borrowed.
pub(super) unsafe fn free_tasks(block: *mut ClientBlock) -> Result<(), super::frames::Gone<()>> {
    // SAFETY: the caller guarantees the block, and each round finds a live task.
    unsafe {
        let mut after = None;
        loop {
            let engine = &(*block).engine;
            let next = match after {
                None => engine.first_task(),
                Some(id) => engine.next_task(id),
            };
            let Some(id) = next else { return Ok(()) };
            let token = engine.task(id).map_or(ptr::null_mut(), |t| t.token.0);
            if token.is_null() {
                // The task of a call that waits for it: that call removes it.
                after = Some(id);
                continue;
            }
            TaskBlock::free(token.cast())?;
            if (*block).engine.task(id).is_some() {
                // Being freed further down the stack.
                after = Some(id);
            }
        }
    }
}

/// The text of the last error, "function(GEARMAN_CODE) text -> file:line:
/// pid(n)". It stays valid until the next call on the client. NULL for NULL.
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_error(
    client: *const gearman_client_st,
) -> *const c_char {
    // SAFETY: the caller guarantees a live client.
    unsafe { ClientBlock::peek(client) }.map_or(ptr::null(), |b| error_text(&b.engine.link.error))
}

/// The code of the last error. INVALID_ARGUMENT for NULL.
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_error_code(
    client: *const gearman_client_st,
) -> gearman_return_t {
    // SAFETY: the caller guarantees a live client.
    unsafe { ClientBlock::peek(client) }
        .map_or(gearman_return_t::INVALID_ARGUMENT, |b| b.engine.link.error.code().into())
}

/// The `errno` of the last error, 0 if it was none of the system's. EINVAL for
/// NULL.
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_errno(client: *const gearman_client_st) -> c_int {
    // SAFETY: the caller guarantees a live client.
    unsafe { ClientBlock::peek(client) }.map_or(libc::EINVAL, |b| b.engine.link.error.errno())
}

/// The time limit in milliseconds, as it was set; -1, the default, is none.
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_timeout(client: *mut gearman_client_st) -> c_int {
    // SAFETY: the caller guarantees a live client.
    unsafe { ClientBlock::peek(client) }.map_or(-1, |b| b.timeout)
}

/// Sets the time limit in milliseconds: the longest that connecting may take,
/// and the longest silence of a server that something is waited for from.
/// Negative is no limit; 0 does not wait.
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_set_timeout(
    client: *mut gearman_client_st,
    timeout: c_int,
) {
    // SAFETY: the caller guarantees a live client.
    if let Some(block) = unsafe { ClientBlock::peek(client) } {
        block.timeout = timeout;
        block.engine.link.settings.timeout = u64::try_from(timeout).ok().map(Duration::from_millis);
    }
}

/// Asks for TLS. The library has none yet: with `ssl` true connecting fails
/// with a clear error, and nothing is ever sent in the clear.
///
/// # Safety
/// `client` is NULL or a live client; the names are NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_set_ssl(
    client: *mut gearman_client_st,
    ssl: c_bool,
    ca_file: *const c_char,
    certificate: *const c_char,
    key_file: *const c_char,
) {
    let _ = (ca_file, certificate, key_file);
    // SAFETY: the caller guarantees a live client.
    if let Some(block) = unsafe { ClientBlock::peek(client) } {
        block.engine.link.settings.tls = ssl != 0;
    }
}

/// The pointer set by gearman_client_set_context(), or NULL.
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_context(
    client: *const gearman_client_st,
) -> *mut c_void {
    // SAFETY: the caller guarantees a live client.
    unsafe { ClientBlock::peek(client) }.map_or(ptr::null_mut(), |b| b.context)
}

/// Keeps a pointer of the program's with the client. It is never freed.
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_set_context(
    client: *mut gearman_client_st,
    context: *mut c_void,
) {
    // SAFETY: the caller guarantees a live client.
    if let Some(block) = unsafe { ClientBlock::peek(client) } {
        block.context = context;
    }
}

/// Sets the function that gets the client's log lines: one per error, from
/// level ERROR on; NULL for none.
///
/// # Safety
/// `client` is NULL or a live client; `function` has its declared type.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_set_log_fn(
    client: *mut gearman_client_st,
    function: gearman_log_fn,
    context: *mut c_void,
    verbose: gearman_verbose_t,
) {
    // SAFETY: the caller guarantees a live client.
    if let Some(block) = unsafe { ClientBlock::peek(client) } {
        block.log_fn = function;
        block.log_context = context;
        block.engine.link.error.wants_log =
            function.is_some() && verbose.0 >= gearman_verbose_t::ERROR.0;
    }
}

/// Sets the function that allocates the results of gearman_client_do(), which have
/// a NUL after their last byte, the data of callbacks, of exactly its size, and the
/// copies of workloads of tasks; NULL for `malloc`.
///
/// # Safety
/// `client` is NULL or a live client; `function` has its declared type.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_set_workload_malloc_fn(
    client: *mut gearman_client_st,
    function: gearman_malloc_fn,
    context: *mut c_void,
) {
    // SAFETY: the caller guarantees a live client.
    if let Some(block) = unsafe { ClientBlock::peek(client) } {
        block.hooks.set_malloc(function, context);
        block.engine.hooked = block.hooks.any();
    }
}

/// Sets the function that frees data of callbacks that was not taken and workloads
/// of tasks, also those that the program gave; NULL for `free`.
///
/// # Safety
/// `client` is NULL or a live client; `function` has its declared type.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_set_workload_free_fn(
    client: *mut gearman_client_st,
    function: gearman_free_fn,
    context: *mut c_void,
) {
    // SAFETY: the caller guarantees a live client.
    if let Some(block) = unsafe { ClientBlock::peek(client) } {
        block.hooks.set_free(function, context);
        block.engine.hooked = block.hooks.any();
    }
}

/// Sets both workload functions at once. All four are given, or all are NULL for
/// the system's; otherwise WORK_FAIL is returned and nothing changes. The
/// library never calls `realloc_fn` and `calloc_fn`.
///
/// # Safety
/// `client` is NULL or a live client; the functions have their declared types.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_set_memory_allocators(
    client: *mut gearman_client_st,
    malloc_fn: gearman_malloc_fn,
    free_fn: gearman_free_fn,
    realloc_fn: gearman_realloc_fn,
    calloc_fn: gearman_calloc_fn,
    context: *mut c_void,
) -> gearman_return_t {
    // SAFETY: the caller guarantees a live client.
    let Some(block) = (unsafe { ClientBlock::peek(client) }) else {
        return gearman_return_t::INVALID_ARGUMENT;
    };
    match block.hooks.set_all(malloc_fn, free_fn, realloc_fn, calloc_fn, context) {
        Ok(()) => {
            block.engine.hooked = block.hooks.any();
            gearman_return_t::SUCCESS
        }
        Err(()) => gearman_return_t::FATAL,
    }
}

/// Sets the prefix that is put before every function name; no bytes for none.
///
/// # Safety
/// `client` is NULL or a live client; `namespace_key` is readable for its size.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_set_namespace(
    client: *mut gearman_client_st,
    namespace_key: *const c_char,
    namespace_key_size: usize,
) {
    // SAFETY: the caller guarantees both.
    cancellation::disabled(|| unsafe {
        if let Some(block) = ClientBlock::peek(client) {
            let namespace = namespace_key.sized(namespace_key_size);
            let namespace = (!namespace_key.is_null()).then_some(namespace);
            block.engine.link.settings.set_namespace(namespace);
        }
    })
}

/// The prefix set by gearman_client_set_namespace(), valid until it is set
/// again; NULL without one. (The original declares this and never exported it.)
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_namespace(
    client: *mut gearman_client_st,
) -> *const c_char {
    // SAFETY: the caller guarantees a live client.
    unsafe { ClientBlock::peek(client) }
        .and_then(|b| b.engine.link.settings.namespace.as_ref())
        .map_or(ptr::null(), |n| n.as_ptr())
}

/// Sets the identifier that servers show in their list of workers. Servers that
/// are connected hear of it with whatever is sent to them next.
///
/// Returns SUCCESS, ARGUMENT_TOO_LARGE beyond 254 bytes, INVALID_ARGUMENT for
/// none, and for characters that are not printable.
///
/// # Safety
/// `client` is NULL or a live client; `id` is readable for its size.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_set_identifier(
    client: *mut gearman_client_st,
    id: *const c_char,
    id_size: usize,
) -> gearman_return_t {
    // SAFETY: the caller guarantees both.
    cancellation::disabled(|| unsafe {
        let Some(block) = ClientBlock::enter(client) else {
            return gearman_return_t::INVALID_ARGUMENT;
        };
        let id = id.sized(id_size);
        let code = (*block).guarded(ReturnCode::UNKNOWN_STATE, |engine| {
            let code = super::text::set_identifier(&mut engine.link, id);
            if !code.failed() {
                engine.repeat_identifier();
            }
            code
        });
        match ClientBlock::flush_log(block) {
            Ok(()) | Err(_) => code.into(),
        }
    })
}
