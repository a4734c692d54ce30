//! `client.h`: creating and freeing a client, and its settings.
//!
//! Must not: run tasks; `client_single.rs` and `client_run.rs` do.

use super::callbacks::*;
use super::cancellation;
use super::client_block::{ClientBlock, UNTICKETED};
use super::client_resubmission;
use super::client_servers::add_servers;
use super::handle;
use super::keepalive;
use super::task_block::TaskBlock;
use super::text::{CStrArg, error_text};
use super::types::*;
use crate::engine::{ReturnCode, at};
use libc::{c_char, c_int, c_void};
use std::ptr;
use std::rc::Rc;
use std::time::Duration;

/// Creates a client.
///
/// `client` is memory that the program provides, or NULL for memory of the library. The
/// memory need not be initialised. If the environment variable `GEARMAN_SERVERS` is
/// set, its servers are added as gearman_client_add_servers() adds them; for
/// `GEARMAN_RESUBMISSIONS` see gearman_client_set_resubmissions(), for `GEARMAN_KEEPALIVE`
/// gearman_client_set_keepalive(). Nothing is sent.
///
/// Returns the client, or NULL if `GEARMAN_SERVERS` names a host that has no address.
/// Free the client with gearman_client_free(), also if the program provided the memory.
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
        client_resubmission::read_environment(&mut *block);
        let at = at!("gearman_client_create");
        keepalive::read_environment(&mut (*block).engine.link, at);
        (*block).shell
    }
}

/// Creates a client with the settings of another one.
///
/// The new client gets the servers of `from` in the same order, its settings and its
/// callbacks. It does not get the tasks, the context, the server options and the
/// allocators. If `from` is NULL, this is gearman_client_create(). `client` is
/// memory for the new client, or NULL for memory of the library.
///
/// Returns the new client, or NULL if a server of `from` has no address any more. Free
/// it with gearman_client_free().
///
/// # Safety
/// `client` is NULL or writable memory that is not a live client; `from` is NULL or a
/// live client.
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
        // A copy of its own: the count of an `Rc` is not for two threads, and each of the
        // two clients may be in another one.
        copy.actions = Rc::new(*source.actions);
        copy.log_fn = source.log_fn;
        copy.log_context = source.log_context;
        copy.timeout_ms = source.timeout_ms;
        copy.generate_unique = source.generate_unique;
        copy.no_new = source.no_new;
        let (to, from) = (&mut copy.engine, &source.engine);
        to.free_tasks = from.free_tasks;
        to.unbuffered = from.unbuffered;
        to.link.settings = from.link.settings.clone();
        to.link.settings.server_options.clear();
        to.link.error.want_same_lines(&from.link.error);
        for server in &from.link.conns {
            if to.add_server(&server.host_with_scheme(), server.port).is_err() {
                free(block);
                return ptr::null_mut();
            }
        }
        copy.shell
    })
}

/// Frees a client and its tasks, and closes its connections.
///
/// It may be called inside a callback of the client. In a forked child, the connections
/// of the parent stay open. If `client` is NULL, nothing happens.
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

/// Frees a client's block and its tasks.
///
/// # Safety
/// `block` is live and not borrowed.
pub(super) unsafe fn free(block: *mut ClientBlock) {
    // SAFETY: the caller guarantees the block, which is not touched after `Freed`.
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
/// [`Freed`](super::frames::Freed) if user code that this calls freed the client.
///
/// # Safety
/// `block` is live and not borrowed.
pub(super) unsafe fn free_tasks(block: *mut ClientBlock) -> Result<(), super::frames::Freed<()>> {
    // SAFETY: the caller guarantees the block, and each round finds a live task.
    unsafe {
        let mut after = None;
        loop {
            let engine = &(*block).engine;
            let next = match after {
                Some(id) if engine.task(id).is_some() => engine.next_task(id),
                // User code has ended the call that was freeing it.
                Some(_) | None => engine.first_task(),
            };
            let Some(id) = next else { return Ok(()) };
            let token = engine.task(id).map_or(ptr::null_mut(), |t| t.token.0);
            if token.is_null() {
                // The call that waits for this task removes it; or its block was freed after
                // a panic.
                after = Some(id);
                continue;
            }
            TaskBlock::free(token.cast())?;
            if (*block).engine.task(id).is_some() {
                // A call further down the stack is freeing it.
                after = Some(id);
            }
        }
    }
}

/// Gets the text of the client's last error.
///
/// The text has the form "function(GEARMAN_CODE) text -> file:line: pid(n)", or is the
/// name of the code alone.
///
/// Returns the text, which belongs to the client and is valid until the next call on
/// it; NULL without an error and if `client` is NULL.
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

/// Gets the code of the client's last error.
///
/// Returns the code; `GEARMAN_SUCCESS` without an error, `GEARMAN_INVALID_ARGUMENT` if
/// `client` is NULL.
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

/// Gets the `errno` of the client's last error.
///
/// Returns the number; 0 if the error did not come from a system call, `EINVAL` if
/// `client` is NULL.
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_errno(client: *const gearman_client_st) -> c_int {
    // SAFETY: the caller guarantees a live client.
    unsafe { ClientBlock::peek(client) }.map_or(libc::EINVAL, |b| b.engine.link.error.errno())
}

/// Gets the client's timeout.
///
/// Returns the timeout in milliseconds as it was set; -1, the default, for no timeout.
/// If `client` is NULL, -1.
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_timeout(client: *mut gearman_client_st) -> c_int {
    // SAFETY: the caller guarantees a live client.
    unsafe { ClientBlock::peek(client) }.map_or(-1, |b| b.timeout_ms)
}

/// Sets the client's timeout.
///
/// `timeout` is in milliseconds. It limits how long connecting takes, over all servers
/// together, and how long a server may be silent while the client waits for it: every
/// complete packet starts the time anew. A negative number is no limit, which is the
/// default; with 0 the client does not wait.
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
        block.timeout_ms = timeout;
        block.engine.link.settings.timeout = u64::try_from(timeout).ok().map(Duration::from_millis);
    }
}

/// Gets the pointer that gearman_client_set_context() stored.
///
/// Returns the pointer; NULL if none was stored or `client` is NULL.
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

/// Stores a pointer of the program in the client.
///
/// The library does not use `context` and does not free it.
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

/// Sets the function that gets the client's log lines.
///
/// `function` is called with `context` once for each error, with the level
/// `GEARMAN_VERBOSE_ERROR`, if `verbose` is that level or a higher one; from INFO on also for
/// callbacks that are set too late for tasks. If `function` is NULL, nothing is logged.
///
/// # Safety
/// `client` is NULL or a live client; `function` is NULL or a function of its declared
/// type.
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
        handle::want_lines(&mut block.engine.link.error, function.is_some(), verbose);
    }
}

/// Sets the function that allocates memory for results and workloads.
///
/// `function` is called with a size in bytes and `context`. It allocates the results of
/// gearman_client_do(), each with a NUL after its last byte; the data that callbacks
/// get, of exactly its size; and the copies of the workloads of tasks. If `function` is
/// NULL, `malloc` is used.
///
/// # Safety
/// `client` is NULL or a live client; `function` is NULL or a function of its declared
/// type.
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

/// Sets the function that frees results and workloads.
///
/// `function` is called with the memory and `context`. It frees the data of callbacks
/// that the program did not take, and the workloads of tasks, including those of
/// gearman_task_give_workload(). If `function` is NULL, `free` is used.
///
/// # Safety
/// `client` is NULL or a live client; `function` is NULL or a function of its declared
/// type.
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

/// Sets the functions that allocate and free results and workloads.
///
/// `malloc_fn` and `free_fn` are used as gearman_client_set_workload_malloc_fn() and
/// gearman_client_set_workload_free_fn() say; `context` is passed to both. Either all
/// four functions are given, or all are NULL for those of the system. The library never
/// calls `realloc_fn` and `calloc_fn`.
///
/// Returns `GEARMAN_SUCCESS`, or an error, which leaves the functions as they are.
///
/// # Errors
/// - `GEARMAN_FATAL`: some of the functions are NULL and others are not.
/// - `GEARMAN_INVALID_ARGUMENT`: `client` is NULL.
///
/// # Safety
/// `client` is NULL or a live client; each function is NULL or a function of its
/// declared type.
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

/// Sets the prefix that the client puts before every function name.
///
/// `namespace_key` has `namespace_key_size` bytes, which are copied. If it is NULL or
/// empty, there is no prefix.
///
/// # Safety
/// `client` is NULL or a live client; `namespace_key` is NULL or readable for
/// `namespace_key_size` bytes.
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

/// Gets the prefix that gearman_client_set_namespace() set.
///
/// The original library declares this function but does not export it.
///
/// Returns the prefix, NUL-terminated, which belongs to the client and is valid until
/// the prefix is set again; NULL without a prefix and if `client` is NULL.
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

/// Sets the identifier under which servers list this client.
///
/// `id` has `id_size` bytes, which are copied. Servers that are connected are told with
/// the next packet that is sent to them, others when they are connected.
///
/// Returns `GEARMAN_SUCCESS` or an error.
///
/// # Errors
/// - `GEARMAN_ARGUMENT_TOO_LARGE`: `id_size` is more than 254 bytes.
/// - `GEARMAN_INVALID_ARGUMENT`: `client` is NULL, or `id` is empty or has characters
///   that are not printable.
///
/// # Safety
/// `client` is NULL or a live client; `id` is NULL or readable for `id_size` bytes.
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
