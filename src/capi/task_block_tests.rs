//! Tests of `task_block.rs`: blocks of tasks after a panic of the library.

use super::*;
use crate::capi::client::{gearman_client_create, gearman_client_free};
use crate::capi::client_setters::gearman_client_set_task_context_free_fn;
use crate::capi::client_tasks::{add, gearman_client_add_task};
use crate::capi::task::gearman_task_free;
use crate::engine::task::TaskKind;

unsafe extern "C-unwind" fn count(_: *mut gearman_task_st, context: *mut c_void) {
    // SAFETY: the tests' contexts are counters that outlive their clients.
    unsafe { *context.cast::<u32>() += 1 }
}

/// A client that counts the contexts it frees.
fn counting_client() -> *mut gearman_client_st {
    // SAFETY: NULL is allowed, and the client was made just now.
    unsafe {
        let client = gearman_client_create(ptr::null_mut());
        gearman_client_set_task_context_free_fn(client, Some(count));
        client
    }
}

/// The block that the engine's first task of a client refers to.
fn first_block(client: *mut gearman_client_st) -> *mut TaskBlock {
    // SAFETY: the tests pass a live client.
    let engine = unsafe { &ClientBlock::peek(client).expect("a client").engine };
    let first = engine.first_task().and_then(|id| engine.task(id));
    first.expect("the engine keeps the task").token.0.cast()
}

#[test]
fn a_task_that_is_freed_after_a_panic_is_not_freed_again_with_its_client() {
    let mut frees = 0u32;
    let client = counting_client();
    // SAFETY: client and task are live until they are freed here; the strings are static.
    unsafe {
        let task = gearman_client_add_task(
            client,
            ptr::null_mut(),
            (&raw mut frees).cast(),
            c"function".as_ptr(),
            ptr::null(),
            c"x".as_ptr().cast(),
            1,
            ptr::null_mut(),
        );
        let block = ClientBlock::peek(client).expect("a client");
        block.guarded((), |_| panic!("a fault of the library"));
        gearman_task_free(task);
        assert!(first_block(client).is_null());
        gearman_client_free(client);
    }
    assert_eq!(frees, 1);
}

#[test]
fn the_block_of_a_task_whose_adding_panicked_lives_as_long_as_the_engine_knows_it() {
    let mut frees = 0u32;
    let client = counting_client();
    let context = (&raw mut frees).cast();
    let (none, no_code) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: the client is live until it is freed here.
    unsafe {
        let added = add(
            client,
            none,
            context,
            no_code,
            None,
            (ptr::null(), 0),
            |engine, callbacks, token| {
                engine.add_status(b"H:host:1", TaskKind::Add, callbacks, token);
                panic!("a fault of the library")
            },
        );
        assert!(added.is_err());
        let block = first_block(client);
        // The allocator writes there when memory is freed.
        assert_eq!((*block).own_shell._impl, block.cast());
        gearman_client_free(client);
    }
    // The program was told that there is no task: its context is its own.
    assert_eq!(frees, 0);
}
