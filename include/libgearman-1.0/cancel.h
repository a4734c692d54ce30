/* Cancelling a background job. */

/* Generated from bindings/c/prelude/libgearman-1.0/cancel.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman-1.0/constants.h>
#include <libgearman-1.0/job_handle.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Cancels a background job.
 *
 * The server drops the job, whether it waits or a worker has it; the worker is not
 * stopped. The servers are asked in turn, with the admin command "cancel job", until
 * one knows the job. It waits for the answers, in non-blocking mode too. `job_handle`
 * is the handle that gearman_client_do_background() gave.
 *
 * Returns `GEARMAN_SUCCESS` if the job was cancelled, or an error.
 *
 * Errors:
 * - `GEARMAN_JOB_NOT_FOUND`: no server knows the job.
 * - `GEARMAN_INVALID_ARGUMENT`: `client` is NULL, or `job_handle` is not a job handle.
 * - `GEARMAN_COULD_NOT_CONNECT`: no server can be reached.
 * - `GEARMAN_NO_SERVERS`: no server was added.
 * - `GEARMAN_LOST_CONNECTION`: the server closed the connection before it answered.
 * - `GEARMAN_TIMEOUT`: no server answered within the timeout.
 * - `GEARMAN_SERVER_ERROR`: the server refused the request.
 *
 * Requires: `client` is NULL or a live client; `job_handle` is NULL or NUL-terminated.
 */
GEARMAN_API
gearman_return_t gearman_client_cancel_job(gearman_client_st *client,
                                           gearman_job_handle_t job_handle);

#ifdef __cplusplus
}
#endif
