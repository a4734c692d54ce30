//! The block of a `gearman_task_st`: the link between the program's pointer and the
//! engine's task, with the state that only the C interface needs.
//!
//! Must not: copy a field of the engine's task.

use super::actions::Pause;
use super::client_block::{ClientBlock, UNTICKETED};
use super::frames::{Freed, upcall};
use super::result::gearman_result_st;
use super::types::*;
use crate::engine::slab::SlabId;
use crate::engine::task::{Task, Token};
use libc::c_void;
use std::ptr::{self, NonNull};
use std::rc::Rc;

/// The library's side of a `gearman_task_st`.
pub(super) struct TaskBlock {
    /// The shell for programs that do not provide one.
    own_shell: gearman_task_st,
    /// The shell that the program uses: its own or `own_shell`.
    pub(super) shell: *mut gearman_task_st,
    pub(super) client: *mut ClientBlock,
    pub(super) id: SlabId,
    pub(super) context: *mut c_void,
    /// The client's callbacks when the task was added.
    pub(super) actions: Rc<gearman_actions_t>,
    /// The collected result, once the program has asked for it.
    pub(super) result: Option<Box<gearman_result_st>>,
    /// For the callbacks of `gearman_actions_pause()`.
    pub(super) pause: Pause,
    /// A workload that the program gave, which is released with the task.
    pub(super) given: *mut c_void,
    /// Whether the context is being freed: freeing the task again then does nothing.
    freeing: bool,
}

impl TaskBlock {
    /// Makes a block, with a shell of its own, for a task before it is added.
    pub(super) fn create(
        client: *mut ClientBlock,
        context: *mut c_void,
        actions: Rc<gearman_actions_t>,
    ) -> *mut TaskBlock {
        let own = gearman_task_st {
            options: task_shell_options { is_allocated: 1 },
            _impl: ptr::null_mut(),
        };
        let block = Box::into_raw(Box::new(TaskBlock {
            own_shell: own,
            shell: ptr::null_mut(),
            client,
            id: SlabId::NONE,
            context,
            actions,
            result: None,
            pause: Pause::default(),
            given: ptr::null_mut(),
            freeing: false,
        }));
        // SAFETY: the block was made above.
        unsafe {
            (*block).shell = &raw mut (*block).own_shell;
            (*block).own_shell._impl = block.cast();
        }
        block
    }

    /// Moves the task into the shell of the program, unless that is NULL.
    ///
    /// # Safety
    /// The block is live and uses its own shell; `shell` is NULL or writable.
    pub(super) unsafe fn move_to(&mut self, shell: *mut gearman_task_st) {
        if shell.is_null() {
            return;
        }
        self.own_shell._impl = ptr::null_mut();
        self.shell = shell;
        // SAFETY: the caller guarantees it; it need not be initialised.
        unsafe {
            shell.write(gearman_task_st {
                options: task_shell_options { is_allocated: 0 },
                _impl: ptr::from_mut(self).cast(),
            });
        }
    }

    /// The token by which the engine's task refers to this block.
    pub(super) fn token(block: *mut TaskBlock) -> Token {
        Token(block.cast())
    }

    /// Undoes `create` for a task that could not be added.
    ///
    /// # Safety
    /// `block` is from `create` and nothing else refers to it.
    pub(super) unsafe fn discard(block: *mut TaskBlock) {
        // SAFETY: the caller guarantees it.
        drop(unsafe { Box::from_raw(block) });
    }

    /// The block of a shell.
    ///
    /// # Safety
    /// `shell` is NULL or a task that was added and not freed. The borrow ends
    /// before anything else is called on the task or its client.
    pub(super) unsafe fn peek<'a>(shell: *const gearman_task_st) -> Option<&'a mut TaskBlock> {
        // SAFETY: the caller guarantees a live shell, and `_impl` is its block.
        unsafe { shell.as_ref()?._impl.cast::<TaskBlock>().as_mut() }
    }

    /// The engine's task of a shell.
    ///
    /// # Safety
    /// As for [`TaskBlock::peek`].
    pub(super) unsafe fn task<'a>(shell: *const gearman_task_st) -> Option<&'a mut Task> {
        // SAFETY: the caller guarantees the task, and a task's client outlives it.
        unsafe {
            let block = TaskBlock::peek(shell)?;
            (*block.client).engine.task_mut(block.id)
        }
    }

    /// Frees a task: its context by the client's function for contexts, a workload that the
    /// program gave by the free hook, and the task itself.
    ///
    /// # Errors
    /// [`Freed`] if that code freed the client.
    ///
    /// # Safety
    /// `block` is a live task's, and nothing of it or its client is borrowed.
    pub(super) unsafe fn free(block: *mut TaskBlock) -> Result<(), Freed<()>> {
        // SAFETY: the caller guarantees it.
        let this = unsafe { &mut *block };
        if std::mem::replace(&mut this.freeing, true) {
            return Ok(());
        }
        let client = this.client;
        let (shell, context) = (this.shell, std::mem::replace(&mut this.context, ptr::null_mut()));
        // SAFETY: a task's client outlives it, unless the function called here frees it.
        let (free_fn, hooks) = unsafe { ((*client).task_context_free_fn, (*client).hooks) };
        let mut called = Ok(());
        if let (Some(free_fn), false) = (free_fn, context.is_null()) {
            // The function may still ask the task for its context.
            this.context = context;
            // SAFETY: the user's function, called as its type says; the closure
            // holds plain pointers.
            called = unsafe { upcall(client, UNTICKETED, move || free_fn(shell, context)) };
        }
        // SAFETY: with `freeing` set no other call frees the block, not even one that frees its
        // client.
        let (id, given) = unsafe { ((*block).id, (*block).given) };
        if called.is_ok() {
            // SAFETY: the client is live, or `upcall` would have said `Freed`.
            let removed = unsafe { (*client).guarded(None, |engine| engine.remove_task(id)) };
            // SAFETY: as above.
            let left = unsafe { (*client).engine.task_mut(id) };
            if let (None, Some(left)) = (removed, left) {
                // After a panic the engine keeps the task, which may not lead to the block.
                left.token = Token::NONE;
            }
        }
        // SAFETY: the block is from `Box`, and with `freeing` set no other call frees it; a
        // shell of the program is live until the task is freed.
        unsafe {
            let this = Box::from_raw(block);
            if this.own_shell._impl.is_null() {
                (*shell).options.is_allocated = 0;
                (*shell)._impl = ptr::null_mut();
            }
        }
        // SAFETY: the program gave this memory to be freed by its hook; the client is
        // only used while it is live.
        unsafe {
            match NonNull::new(given) {
                Some(given) if called.is_ok() => hooks.release(client, UNTICKETED, given.as_ptr()),
                _ => {
                    hooks.release_orphan(given);
                    called
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "task_block_tests.rs"]
mod tests;
