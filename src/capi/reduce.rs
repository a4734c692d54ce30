//! Partitioned jobs: the parts that a partition function sends, and the combination of
//! their results.
//!
//! A job that names a reducer has a client. Each piece of data that its function sends
//! becomes a task of that client, for the reducer's function. When the job's function has
//! returned, the tasks are run and the aggregator gets them.
//!
//! Must not: borrow a block while the aggregator runs.

use super::aggregator::gearman_aggregator_st;
use super::cancellation;
use super::client_block::{ClientBlock, NO_ACTIONS};
use super::client_run;
use super::client_tasks;
use super::frames::{Freed, upcall};
use super::job_block::JobBlock;
use super::job_worker::client_of;
use super::result::gearman_result_st;
use super::task_block::TaskBlock;
use super::types::*;
use super::worker_block::{Definition, JobFunction, WorkerBlock};
use crate::buf::Owned;
use crate::engine::ReturnCode;
use crate::engine::client::{NewTask, TaskBody};
use crate::engine::task::TaskKind;
use crate::engine::worker::{Outcome, WorkTicket};
use crate::protocol::Command;
use gearman_engine::at;
use std::ptr;
use std::rc::Rc;

/// The arguments of an aggregator.
pub(super) struct Aggregation {
    aggregator: gearman_aggregator_st,
    value: gearman_result_st,
}

/// Whether data that is sent for a job is for a reducer.
///
/// # Safety
/// `block` is a live job's, and its worker is not borrowed.
pub(super) unsafe fn is_partitioned(block: *mut JobBlock) -> bool {
    // SAFETY: the caller guarantees it; a job's worker outlives it.
    unsafe {
        let engine = &(*(*block).worker).engine;
        engine.job((*block).id).is_some_and(|job| job.reduces() && !job.is_finished())
    }
}

/// Makes a task for the reducer's function out of a piece of data.
///
/// # Safety
/// `block` is a live job's; neither its worker nor its client is borrowed.
pub(super) unsafe fn add(block: *mut JobBlock, data: &[u8]) -> ReturnCode {
    // SAFETY: the caller guarantees it; user code is not called here.
    unsafe {
        let (worker, id) = ((*block).worker, (*block).id);
        if (*block).reducer.is_null() {
            match client_of(worker) {
                Some(client) => {
                    limit_silence(client, worker);
                    (*block).reducer = client;
                }
                None => return refuse(worker, ReturnCode::GETADDRINFO, "a server has no address"),
            }
        }
        let client = (*block).reducer;
        // A copy: the worker may not be borrowed while the client is used.
        let Some(reducer) = (*worker).engine.job(id).map(|job| job.reducer().to_vec()) else {
            return ReturnCode::LOST_CONNECTION;
        };
        let actions = Some(Rc::new(NO_ACTIONS));
        let (none, no_code) = (ptr::null_mut(), ptr::null_mut());
        let added = client_tasks::add(
            (*client).shell,
            none,
            none.cast(),
            no_code,
            actions,
            (ptr::null(), 0),
            {
                |engine, callbacks, token| {
                    engine.add(&NewTask {
                        kind: TaskKind::Execute,
                        command: Command::SubmitJob,
                        function: &reducer,
                        unique: b"",
                        body: TaskBody::Copy(data),
                        epoch_seconds: 0,
                        reducer: b"",
                        callbacks,
                        token,
                    })
                }
            },
        );
        match added {
            Ok(_) => ReturnCode::SUCCESS,
            Err(code) => refuse(worker, code.into(), "the part could not be added"),
        }
    }
}

/// Gives the client of the parts its worker's time limit: a worker that is to return in time cannot
/// wait for ever for a server that never answers. A worker whose limit does not end its calls has
/// none.
///
/// # Safety
/// Both are live and not borrowed.
unsafe fn limit_silence(client: *mut ClientBlock, worker: *mut WorkerBlock) {
    // SAFETY: the caller guarantees both.
    unsafe {
        let engine = &(*worker).engine;
        if engine.timeout_ends_sleep {
            // 0 means that the worker looks for jobs without waiting. Parts take their time.
            let limit = engine.link.settings.timeout.filter(|limit| !limit.is_zero());
            (*client).engine.link.settings.timeout = limit;
        }
    }
}

/// The outcome of a partitioned job, and its result if the parts completed.
///
/// # Errors
/// [`Freed`] if the aggregator freed the worker.
///
/// # Safety
/// The blocks are live and not borrowed.
pub(super) unsafe fn outcome(
    worker: *mut WorkerBlock,
    job: *mut JobBlock,
    definition: Definition,
    purpose: Option<WorkTicket>,
    outcome: Outcome,
    result: &[u8],
) -> Result<(Outcome, Option<Owned>), Freed<ReturnCode>> {
    // SAFETY: the caller guarantees the blocks.
    unsafe {
        if !matches!(outcome, Outcome::Complete(_)) {
            return Ok((outcome, None));
        }
        if !result.is_empty() {
            let code = add(job, result);
            if code.failed() {
                return Ok((Outcome::Fail(code), None));
            }
        }
        if (*job).reducer.is_null() {
            return Ok((outcome, Some(Owned::new())));
        }
        // Noted as a call of user code, since the thread may be cancelled in its waits.
        let code = upcall(worker, purpose, move || cancellation::disabled(move || run_parts(job)))?;
        if code.failed() {
            return Ok((Outcome::Fail(code), None));
        }
        let JobFunction::Partition(_, Some(aggregate)) = definition.run else {
            return Ok((outcome, Some(Owned::new())));
        };
        // On the heap, since no value with a destructor may be on the stack. It belongs to
        // the job until the aggregator returns, and is leaked if it does not.
        let aggregation = Box::into_raw(Box::new(Aggregation {
            aggregator: gearman_aggregator_st::new(definition.context),
            value: gearman_result_st::new(),
        }));
        (*job).aggregation = aggregation;
        let first = first_task((*job).reducer);
        let (aggregator, value) =
            (&raw mut (*aggregation).aggregator, &raw mut (*aggregation).value);
        let called = upcall(worker, purpose, move || aggregate(aggregator, first, value));
        let mut aggregation = Box::from_raw(aggregation);
        if called.is_ok() {
            // Otherwise the job was freed.
            (*job).aggregation = ptr::null_mut();
        }
        // The code of the aggregator is ignored, as in the original.
        match called {
            Err(Freed(code)) => Err(Freed(code.into())),
            Ok(_) => Ok((outcome, Some(aggregation.value.take().unwrap_or_default()))),
        }
    }
}

/// Runs the parts of a job. Any that fails fails the job.
///
/// # Safety
/// `job` is live and has a reducer; the reducer's client is not borrowed.
unsafe fn run_parts(job: *mut JobBlock) -> ReturnCode {
    // SAFETY: the caller guarantees a live job and that its client is not borrowed. The client
    // has no callbacks and no hooks, but a signal handler may free the worker, and the job
    // and the client with it: then neither is touched. The worker's block is kept, because
    // the call is noted.
    unsafe {
        let (worker, client) = ((*job).worker, (*job).reducer);
        let Ok(code) = client_run::run(client) else { return ReturnCode::LOST_CONNECTION };
        if code.failed() {
            return refuse(worker, code, "the parts of the job could not be run");
        }
        let engine = &(*client).engine;
        let mut next = engine.first_task();
        while let Some(id) = next {
            match engine.task(id).map(|task| task.code) {
                Some(ReturnCode::SUCCESS) | None => {}
                Some(code) => return code,
            }
            next = engine.next_task(id);
        }
        ReturnCode::SUCCESS
    }
}

/// The first of a client's tasks, for the aggregator.
///
/// # Safety
/// `client` is live.
unsafe fn first_task(client: *mut ClientBlock) -> *mut gearman_task_st {
    // SAFETY: the caller guarantees a live client; a task's token is its block.
    unsafe {
        let engine = &(*client).engine;
        let token = engine.first_task().and_then(|id| engine.task(id)).map(|task| task.token);
        let block = token.and_then(|token| token.0.cast::<TaskBlock>().as_ref());
        block.map_or(ptr::null_mut(), |block| block.shell)
    }
}

/// Sets the worker's error for a report that is refused.
///
/// # Safety
/// `worker` is live and not borrowed.
unsafe fn refuse(worker: *mut WorkerBlock, code: ReturnCode, text: &str) -> ReturnCode {
    // SAFETY: the callers guarantee a live worker that is not borrowed.
    unsafe { (*worker).engine.link.error.set(code, at!("gearman_job_send_data"), text) }
}
