//! `job.h`: a job's worker: its clone, a client for its servers, and its error.
//!
//! Must not: send anything.

use super::cancellation;
use super::client_block::ClientBlock;
use super::job_block::JobBlock;
use super::types::*;
use super::worker_block::WorkerBlock;
use libc::c_char;
use std::ptr;

/// Creates a worker with the settings of a job's worker, as gearman_worker_clone()
/// does.
///
/// Returns the new worker, which the caller frees with gearman_worker_free(); NULL if a
/// server has no address any more, the process has no file descriptors left, or `job`
/// is NULL.
///
/// # Safety
/// `job` is NULL or a live job.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_job_clone_worker(
    job: *mut gearman_job_st,
) -> *mut gearman_worker_st {
    // SAFETY: the caller guarantees a live job.
    cancellation::disabled(|| unsafe {
        let Some(block) = JobBlock::peek(job) else { return ptr::null_mut() };
        super::worker::clone(ptr::null_mut(), (*block.worker).shell)
    })
}

/// Gets a client for the servers and the namespace of a job's worker.
///
/// Returns the client, which belongs to the job and is freed with it; later calls
/// return the same client. NULL if a server has no address any more or `job` is NULL.
///
/// # Safety
/// `job` is NULL or a live job.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_job_use_client(
    job: *mut gearman_job_st,
) -> *mut gearman_client_st {
    // SAFETY: the caller guarantees a live job.
    cancellation::disabled(|| unsafe {
        let Some(block) = JobBlock::peek(job) else { return ptr::null_mut() };
        if block.client.is_null() {
            let Some(client) = client_of(block.worker) else { return ptr::null_mut() };
            let settings = &(*block.worker).engine.link.settings;
            (*client).engine.link.settings.namespace = settings.namespace.clone();
            block.client = client;
        }
        (*block.client).shell
    })
}

/// A client of a worker's servers, in the same order.
///
/// # Safety
/// `worker` is live and not borrowed.
pub(super) unsafe fn client_of(worker: *mut WorkerBlock) -> Option<*mut ClientBlock> {
    let client = ClientBlock::create(ptr::null_mut());
    // SAFETY: the caller guarantees the worker; the client was made just now.
    unsafe {
        let (engine, link) = (&mut (*client).engine, &(*worker).engine.link);
        engine.link.settings.tls = link.settings.tls;
        engine.link.settings.tls_settings = link.settings.tls_settings.clone();
        engine.link.settings.identifier = link.settings.identifier.clone();
        for server in &link.conns {
            if engine.add_server(&server.host_with_scheme(), server.port).is_err() {
                super::client::free(client);
                return None;
            }
        }
    }
    Some(client)
}

/// Gets the text of the last error of a job's worker.
///
/// Returns what gearman_worker_error() returns for the worker; NULL if `job` is NULL.
///
/// # Safety
/// `job` is NULL or a live job.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_job_error(job: *mut gearman_job_st) -> *const c_char {
    // SAFETY: the caller guarantees a live job, and its worker outlives it.
    unsafe { JobBlock::peek(job).map_or(ptr::null(), |block| (*block.worker).error_text()) }
}
