/* Jobs, as their worker sees them. */

/* Generated from bindings/c/prelude/libgearman-1.0/job.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman-1.0/constants.h>
#include <libgearman-1.0/interface/job.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Frees a job of gearman_worker_grab_job().
 *
 * The server is told nothing: a job that is not finished stays with this worker until
 * its connection is closed. A job whose function is running is freed when the function
 * returns. If `job` is NULL, nothing happens.
 *
 * Requires: `job` is NULL or a job whose worker was not freed; a job in memory of the library
 * was not freed before.
 */
GEARMAN_API void gearman_job_free(gearman_job_st *job);

/* Sends a piece of a job's result.
 *
 * `data` has `data_size` bytes; it is only read. In a partition function, the bytes
 * become the workload of a job for the function that the client named.
 *
 * Returns `GEARMAN_SUCCESS` if the kernel has taken the packet, and if the job has
 * ended before, when nothing is sent; or an error.
 *
 * Errors:
 * - `GEARMAN_LOST_CONNECTION`: the connection that the job came on is closed.
 * - `GEARMAN_ARGUMENT_TOO_LARGE`: there are more bytes than a packet can hold.
 * - `GEARMAN_INVALID_ARGUMENT`: `job` is NULL, there is a size without bytes.
 *
 * Requires: `job` is NULL or a live job; `data` is NULL or readable for `data_size` bytes.
 */
GEARMAN_API
gearman_return_t gearman_job_send_data(gearman_job_st *job,
                                       const void *data,
                                       size_t data_size);

/* Sends a warning about a job.
 *
 * `warning` has `warning_size` bytes; it is only read.
 *
 * Returns `GEARMAN_SUCCESS` if the kernel has taken the packet, and if the job has
 * ended before, when nothing is sent; or an error.
 *
 * Errors:
 * - `GEARMAN_LOST_CONNECTION`: the connection that the job came on is closed.
 * - `GEARMAN_ARGUMENT_TOO_LARGE`: there are more bytes than a packet can hold.
 * - `GEARMAN_INVALID_ARGUMENT`: `job` is NULL, there is a size without bytes.
 *
 * Requires: `job` is NULL or a live job; `warning` is NULL or readable for `warning_size` bytes.
 */
GEARMAN_API
gearman_return_t gearman_job_send_warning(gearman_job_st *job,
                                          const void *warning,
                                          size_t warning_size);

/* Sends a job's progress: `numerator` out of `denominator`.
 *
 * Returns `GEARMAN_SUCCESS` if the kernel has taken the packet, and if the job has
 * ended before, when nothing is sent; or an error.
 *
 * Errors:
 * - `GEARMAN_LOST_CONNECTION`: the connection that the job came on is closed.
 * - `GEARMAN_INVALID_ARGUMENT`: `job` is NULL.
 *
 * Requires: `job` is NULL or a live job.
 */
GEARMAN_API
gearman_return_t gearman_job_send_status(gearman_job_st *job,
                                         uint32_t numerator,
                                         uint32_t denominator);

/* Completes a job with its result, or with the last piece of it.
 *
 * `result` has `result_size` bytes; it is only read.
 *
 * Returns `GEARMAN_SUCCESS` if the kernel has taken the packet, and if the job has
 * ended before, when nothing is sent; or an error.
 *
 * Errors:
 * - `GEARMAN_LOST_CONNECTION`: the connection that the job came on is closed.
 * - `GEARMAN_ARGUMENT_TOO_LARGE`: there are more bytes than a packet can hold.
 * - `GEARMAN_INVALID_ARGUMENT`: `job` is NULL, there is a size without bytes, or the
 *   job is partitioned, and completed by its aggregator.
 *
 * Requires: `job` is NULL or a live job; `result` is NULL or readable for `result_size` bytes.
 */
GEARMAN_API
gearman_return_t gearman_job_send_complete(gearman_job_st *job,
                                           const void *result,
                                           size_t result_size);

/* Ends a job with an exception.
 *
 * `exception` has `exception_size` bytes, at least one; it is only read. Clients that
 * did not ask for exceptions are told that the job failed.
 *
 * Returns `GEARMAN_SUCCESS` if the kernel has taken the packet, and if the job has
 * ended before, when nothing is sent; or an error.
 *
 * Errors:
 * - `GEARMAN_LOST_CONNECTION`: the connection that the job came on is closed.
 * - `GEARMAN_ARGUMENT_TOO_LARGE`: there are more bytes than a packet can hold.
 * - `GEARMAN_INVALID_ARGUMENT`: `job` is NULL, there is a size without bytes, or
 *   `exception` is empty.
 *
 * Requires: `job` is NULL or a live job; `exception` is NULL or readable for `exception_size`
 * bytes.
 */
GEARMAN_API
gearman_return_t gearman_job_send_exception(gearman_job_st *job,
                                            const void *exception,
                                            size_t exception_size);

/* Ends a job as failed.
 *
 * Returns `GEARMAN_SUCCESS` if the kernel has taken the packet, and if the job has
 * ended before, when nothing is sent; or an error.
 *
 * Errors:
 * - `GEARMAN_LOST_CONNECTION`: the connection that the job came on is closed.
 * - `GEARMAN_INVALID_ARGUMENT`: `job` is NULL.
 *
 * Requires: `job` is NULL or a live job.
 */
GEARMAN_API gearman_return_t gearman_job_send_fail(gearman_job_st *job);

/* Gets a job's handle.
 *
 * Returns the handle, NUL-terminated, which belongs to the job; NULL if `job` is NULL.
 *
 * Requires: `job` is NULL or a live job.
 */
GEARMAN_API const char *gearman_job_handle(const gearman_job_st *job);

/* Gets the name of a job's function as the server knows it, with the namespace.
 *
 * Returns the name, NUL-terminated, which belongs to the job; NULL if `job` is NULL.
 *
 * Requires: `job` is NULL or a live job.
 */
GEARMAN_API const char *gearman_job_function_name(const gearman_job_st *job);

/* Gets a job's unique id.
 *
 * Returns the id, NUL-terminated, which belongs to the job; an empty string if the job
 * was asked for without `GEARMAN_WORKER_GRAB_ALL` and `GEARMAN_WORKER_GRAB_UNIQ`; NULL
 * if `job` is NULL.
 *
 * Requires: `job` is NULL or a live job.
 */
GEARMAN_API const char *gearman_job_unique(const gearman_job_st *job);

/* Gets a job's workload.
 *
 * It may hold any bytes; gearman_job_workload_size() gives their number. A NUL follows
 * them, unless the memory is from the function of
 * gearman_worker_set_workload_malloc_fn().
 *
 * Returns the workload, which belongs to the job; NULL if it is empty or was taken, or
 * if `job` is NULL.
 *
 * Requires: `job` is NULL or a live job.
 */
GEARMAN_API const void *gearman_job_workload(const gearman_job_st *job);

/* Gets the size of a job's workload.
 *
 * Returns the size in bytes; 0 if `job` is NULL.
 *
 * Requires: `job` is NULL or a live job.
 */
GEARMAN_API size_t gearman_job_workload_size(const gearman_job_st *job);

/* Takes a job's workload: it then belongs to the caller.
 *
 * `data_size`, unless NULL, receives the size in bytes.
 *
 * Returns the workload, which the caller frees, with `free` or as the allocator of
 * gearman_worker_set_workload_malloc_fn() needs it. NULL if it is empty or was taken,
 * on a lack of memory, and if `job` is NULL.
 *
 * Requires: `job` is NULL or a live job; `data_size` is NULL or writable.
 */
GEARMAN_API void *gearman_job_take_workload(gearman_job_st *job, size_t *data_size);

/* Creates a worker with the settings of a job's worker, as gearman_worker_clone()
 * does.
 *
 * Returns the new worker, which the caller frees with gearman_worker_free(); NULL if a
 * server has no address any more, the process has no file descriptors left, or `job`
 * is NULL.
 *
 * Requires: `job` is NULL or a live job.
 */
GEARMAN_API gearman_worker_st *gearman_job_clone_worker(gearman_job_st *job);

/* Gets a client for the servers and the namespace of a job's worker.
 *
 * Returns the client, which belongs to the job and is freed with it; later calls
 * return the same client. NULL if a server has no address any more or `job` is NULL.
 *
 * Requires: `job` is NULL or a live job.
 */
GEARMAN_API gearman_client_st *gearman_job_use_client(gearman_job_st *job);

/* Gets the text of the last error of a job's worker.
 *
 * Returns what gearman_worker_error() returns for the worker; NULL if `job` is NULL.
 *
 * Requires: `job` is NULL or a live job.
 */
GEARMAN_API const char *gearman_job_error(gearman_job_st *job);

#ifdef __cplusplus
}
#endif
