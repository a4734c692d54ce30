//! `execute.h`: running one task with attributes, and map/reduce.
//!
//! Must not: call the client's callbacks; the library collects the result.

use super::cancellation;
use super::client_block::{BROKEN, ClientBlock, NO_ACTIONS};
use super::client_tasks::add;
use super::task_block::TaskBlock;
use super::text::CStrArg;
use super::types::*;
use crate::engine::ReturnCode;
use crate::engine::client::{NewTask, TaskBody};
use crate::engine::task::TaskKind;
use crate::protocol::Command;
use crate::protocol::limits::{FUNCTION_MAX_SIZE, UNIQUE_SIZE};
use gearman_engine::at;
use libc::{c_char, c_void};
use std::ptr;
use std::rc::Rc;

/// The attributes of a task.
struct Attributes {
    kind: gearman_task_attr_kind_t,
    priority: gearman_job_priority_t,
    epoch: i64,
}

impl Attributes {
    fn of(attr: Option<&gearman_task_attr_t>) -> Attributes {
        attr.map_or(
            Attributes {
                kind: gearman_task_attr_kind_t::FOREGROUND,
                priority: gearman_job_priority_t::NORMAL,
                epoch: 0,
            },
            |attr| Attributes { kind: attr.kind, priority: attr.priority, epoch: attr.epoch },
        )
    }

    fn command(&self) -> Command {
        let background = self.kind == gearman_task_attr_kind_t::BACKGROUND;
        if self.kind == gearman_task_attr_kind_t::EPOCH {
            return Command::SubmitJobEpoch;
        }
        match (self.priority, background) {
            (gearman_job_priority_t::HIGH, false) => Command::SubmitJobHigh,
            (gearman_job_priority_t::HIGH, true) => Command::SubmitJobHighBg,
            (gearman_job_priority_t::LOW, false) => Command::SubmitJobLow,
            (gearman_job_priority_t::LOW, true) => Command::SubmitJobLowBg,
            (_, false) => Command::SubmitJob,
            (_, true) => Command::SubmitJobBg,
        }
    }
}

/// The workload in a named argument.
///
/// # Safety
/// The argument's value is readable for its size while the result is used.
unsafe fn body_of<'a>(arguments: Option<&gearman_argument_t>) -> TaskBody<'a> {
    match arguments.map(|a| (a.value.c_str, a.value.size)) {
        None => TaskBody::Copy(b""),
        Some((value, size)) if value.is_null() != (size == 0) => TaskBody::Invalid,
        // SAFETY: the caller guarantees it.
        Some((value, size)) => TaskBody::Copy(unsafe { value.sized(size) }),
    }
}

/// The codes of a task that has not ended or was failed by its job.
const JOB_CODES: [ReturnCode; 3] =
    [ReturnCode::UNKNOWN_STATE, ReturnCode::WORK_FAIL, ReturnCode::WORK_EXCEPTION];

/// Adds a task, collecting its result, and runs until it is finished.
///
/// # Safety
/// `client` is live; what `new` points at is readable until this returns.
unsafe fn run(
    client: *mut gearman_client_st,
    context: *mut c_void,
    new: NewTask<'_>,
) -> *mut gearman_task_st {
    // SAFETY: the callers guarantee a live client.
    unsafe {
        let actions = Some(Rc::new(NO_ACTIONS));
        let kept = match new.body {
            TaskBody::Copy(bytes) => (bytes.as_ptr().cast(), bytes.len()),
            _ => (ptr::null(), 0),
        };
        let added = add(client, ptr::null_mut(), context, ptr::null_mut(), actions, kept, {
            |engine, _, token| {
                engine.link.error.reset();
                engine.add(&NewTask { token, ..new })
            }
        });
        let Ok(task) = added else { return ptr::null_mut() };
        let (block, id, shell) = ((*task).client, (*task).id, (*task).shell);
        let mut run = (*block).engine.run_until_unless_non_blocking(id);
        let step = (*block).guarded(BROKEN, |engine| engine.poll_step(&mut run));
        match ClientBlock::run_steps(block, run, step, None) {
            Ok(code) => {
                // The task has the code that it ended with; an error before that is the client's.
                let failed = code.failed() && code != ReturnCode::IO_WAIT;
                if failed {
                    (*block).engine.link.error.set_code(code);
                }
                // A callback of another task may have freed this one.
                let Some(ended) = (*block).engine.task(id).map(|task| task.code) else {
                    return ptr::null_mut();
                };
                let is_refused = ended.failed() && !JOB_CODES.contains(&ended);
                if !new.reducer.is_empty() && (failed || is_refused) {
                    // Neither task nor client is touched any more.
                    let _ = TaskBlock::free(task);
                    return ptr::null_mut();
                }
                shell
            }
            Err(_) => ptr::null_mut(),
        }
    }
}

/// Runs one task and collects its result.
///
/// A foreground task is run until its job has ended, a background or epoch task until a
/// server has queued it. In non-blocking mode the task is returned unfinished, and
/// gearman_client_run_tasks() continues it. The callbacks of the client are not called.
///
/// `function_name` has `function_name_length` bytes, and `unique` has `unique_length`;
/// if `unique` is NULL, the library makes one. `task_attr` says how the task is run, as
/// gearman_task_attr_init(), gearman_task_attr_init_background() or
/// gearman_task_attr_init_epoch() made it; NULL means in the foreground with normal
/// priority, and `context` is then ignored. `arguments` is what gearman_argument_make()
/// returned, or NULL for no workload. `context` is a pointer of the program, which
/// gearman_task_context() returns.
///
/// Returns the task; gearman_task_return() tells how it ended and gearman_task_result()
/// gives its result. Free it with gearman_task_free(). Returns NULL if the task could
/// not be added; gearman_client_error_code() then gives the code. Also NULL if a callback
/// of another task has freed the task or the client.
///
/// # Errors
/// - `GEARMAN_ARGUMENT_TOO_LARGE`: the workload is larger than a packet can hold.
/// - `GEARMAN_MEMORY_ALLOCATION_FAILURE`: there is no memory for the workload.
/// - `GEARMAN_INVALID_ARGUMENT`: a name is empty or longer than 512 bytes; or `unique`
///   is longer than 64 bytes.
///
/// # Safety
/// `client` is NULL or a live client; `function_name` is NULL or readable for
/// `function_name_length` bytes, `unique` for `unique_length`; `task_attr` and
/// `arguments` are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_execute(
    client: *mut gearman_client_st,
    function_name: *const c_char,
    function_name_length: usize,
    unique: *const c_char,
    unique_length: usize,
    task_attr: *mut gearman_task_attr_t,
    arguments: *mut gearman_argument_t,
    context: *mut c_void,
) -> *mut gearman_task_st {
    // SAFETY: the caller guarantees all of it.
    cancellation::point(|| unsafe {
        let Some(block) = ClientBlock::enter(client) else { return ptr::null_mut() };
        let function = function_name.name(function_name_length, FUNCTION_MAX_SIZE);
        if function.is_empty() {
            return refuse(block, "function_name was NULL");
        }
        let attributes = Attributes::of(task_attr.as_ref());
        let context = if task_attr.is_null() { ptr::null_mut() } else { context };
        run(
            client,
            context,
            NewTask {
                kind: TaskKind::Execute,
                command: attributes.command(),
                function,
                unique: unique.name(unique_length, UNIQUE_SIZE),
                body: body_of(arguments.as_ref()),
                epoch_seconds: attributes.epoch,
                reducer: b"",
                callbacks: Default::default(),
                token: crate::engine::task::Token::NONE,
            },
        )
    })
}

/// Runs one task that a partition function splits into jobs whose results are combined.
///
/// The function `partition_function`, of `partition_function_length` bytes, splits the
/// workload into jobs for `function_name`, of `function_name_length` bytes; its
/// aggregator combines their results: see gearman_function_create_partition(). `unique`
/// has `unique_length` bytes; if it is NULL, the library makes one. `task_attr` says
/// whether the task is run in the foreground or the background; its priority is
/// ignored. `arguments` has the workload, which must not be empty. `context` is a
/// pointer of the program, which gearman_task_context() returns; it is ignored if
/// `task_attr` is NULL.
///
/// Returns what gearman_execute() returns, and NULL also if the run fails before the
/// task has ended.
///
/// # Errors
/// - `GEARMAN_ARGUMENT_TOO_LARGE`: the workload is larger than a packet can hold.
/// - `GEARMAN_MEMORY_ALLOCATION_FAILURE`: there is no memory for the workload.
/// - `GEARMAN_INVALID_ARGUMENT`: a name is empty or longer than 512 bytes; or `unique`
///   is longer than 64 bytes; or `arguments` has no workload; or `task_attr` is of the
///   kind `GEARMAN_TASK_ATTR_EPOCH`.
///
/// # Safety
/// `client` is NULL or a live client; `partition_function`, `function_name` and
/// `unique` are NULL or readable for their lengths; `task_attr` and `arguments` are
/// NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_execute_by_partition(
    client: *mut gearman_client_st,
    partition_function: *const c_char,
    partition_function_length: usize,
    function_name: *const c_char,
    function_name_length: usize,
    unique: *const c_char,
    unique_length: usize,
    task_attr: *mut gearman_task_attr_t,
    arguments: *mut gearman_argument_t,
    context: *mut c_void,
) -> *mut gearman_task_st {
    // SAFETY: the caller guarantees all of it.
    cancellation::point(|| unsafe {
        let Some(block) = ClientBlock::enter(client) else { return ptr::null_mut() };
        let splitter = partition_function.name(partition_function_length, FUNCTION_MAX_SIZE);
        let reducer = function_name.name(function_name_length, FUNCTION_MAX_SIZE);
        if splitter.is_empty() {
            return refuse(block, "partition_function was NULL");
        }
        if reducer.is_empty() {
            return refuse(block, "function_name was NULL");
        }
        let attributes = Attributes::of(task_attr.as_ref());
        let command = match attributes.kind {
            gearman_task_attr_kind_t::FOREGROUND => Command::SubmitReduceJob,
            gearman_task_attr_kind_t::BACKGROUND => Command::SubmitReduceJobBackground,
            _ => return refuse(block, "EPOCH is not currently supported for partitions"),
        };
        let body = match body_of(arguments.as_ref()) {
            TaskBody::Copy([]) => TaskBody::Invalid,
            body => body,
        };
        run(
            client,
            context,
            NewTask {
                kind: TaskKind::Execute,
                command,
                function: splitter,
                unique: unique.name(unique_length, UNIQUE_SIZE),
                body,
                epoch_seconds: 0,
                reducer,
                callbacks: Default::default(),
                token: crate::engine::task::Token::NONE,
            },
        )
    })
}

/// Sets the client's error for an invalid argument.
///
/// # Safety
/// `block` is live and not borrowed.
unsafe fn refuse(block: *mut ClientBlock, text: &str) -> *mut gearman_task_st {
    // SAFETY: the callers guarantee a live block, which is not touched after.
    unsafe {
        let at = at!("gearman_execute");
        (*block).guarded((), |engine| {
            engine.link.error.set(ReturnCode::INVALID_ARGUMENT, at, text);
        });
        let _ = ClientBlock::flush_log(block);
    }
    ptr::null_mut()
}
