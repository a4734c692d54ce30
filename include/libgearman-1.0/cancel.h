/* Taking a background job back. */

/* Generated from bindings/c/prelude/libgearman-1.0/cancel.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman-1.0/constants.h>
#include <libgearman-1.0/job_handle.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Cancels a job: the servers are asked in turn, by their admin text, until one
 * knows the handle. Waits for the answer, also in non-blocking mode.
 *
 * Returns SUCCESS, JOB_NOT_FOUND when no server knows the job, INVALID_ARGUMENT
 * for what is no handle.
 *
 * Requires: `client_shell` is NULL or a live client; `job_handle` is NULL or
 * NUL-terminated.
 */
GEARMAN_API
gearman_return_t gearman_client_cancel_job(gearman_client_st *client_shell,
                                           gearman_job_handle_t job_handle);

#ifdef __cplusplus
}
#endif
