/* Jobs, as a worker sees them. */

/* Generated from bindings/c/prelude/libgearman-1.0/job.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman-1.0/constants.h>
#include <libgearman-1.0/interface/job.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Frees a job of gearman_worker_grab_job(). A job that is not finished stays
 * with this worker until its connection is closed. A job whose function is
 * running is freed after it returned. NULL is fine.
 *
 * Requires: `job` is NULL or a job whose worker was not freed; a job in the library's
 * memory was not freed before.
 */
GEARMAN_API void gearman_job_free(gearman_job_st *job);

/* Sends a piece of the result. In a partition function it becomes a job for
 * the function that the client named.
 *
 * Returns SUCCESS, also after the job's end, when nothing is sent any more;
 * LOST_CONNECTION when the server has given the job away.
 *
 * Requires: `job` is NULL or a live job; `data` is readable for its size.
 */
GEARMAN_API
gearman_return_t gearman_job_send_data(gearman_job_st *job,
                                       const void *data,
                                       size_t data_size);

/* Sends a warning. Returns as gearman_job_send_data() does.
 *
 * Requires: `job` is NULL or a live job; `warning` is readable for its size.
 */
GEARMAN_API
gearman_return_t gearman_job_send_warning(gearman_job_st *job,
                                          const void *warning,
                                          size_t warning_size);

/* Sends how far the job has come. Returns as gearman_job_send_data() does.
 *
 * Requires: `job` is NULL or a live job.
 */
GEARMAN_API
gearman_return_t gearman_job_send_status(gearman_job_st *job,
                                         uint32_t numerator,
                                         uint32_t denominator);

/* Ends the job with the (rest of the) result. INVALID_ARGUMENT for a
 * partitioned job, which its aggregator completes; else it returns as
 * gearman_job_send_data() does.
 *
 * Requires: `job` is NULL or a live job; `result` is readable for its size.
 */
GEARMAN_API
gearman_return_t gearman_job_send_complete(gearman_job_st *job,
                                           const void *result,
                                           size_t result_size);

/* Ends the job with an exception, whose text must not be empty. Clients that did
 * not ask for exceptions see a failure. Returns as gearman_job_send_data()
 * does.
 *
 * Requires: `job` is NULL or a live job; `exception` is readable for its size.
 */
GEARMAN_API
gearman_return_t gearman_job_send_exception(gearman_job_st *job,
                                            const void *exception,
                                            size_t exception_size);

/* Ends the job as failed. Returns as gearman_job_send_data() does.
 *
 * Requires: `job` is NULL or a live job.
 */
GEARMAN_API gearman_return_t gearman_job_send_fail(gearman_job_st *job);

/* The job's handle; NULL for NULL.
 *
 * Requires: `job` is NULL or a live job.
 */
GEARMAN_API const char *gearman_job_handle(const gearman_job_st *job);

/* The name of the job's function as the server has it, with the namespace; NULL
 * for NULL.
 *
 * Requires: `job` is NULL or a live job.
 */
GEARMAN_API const char *gearman_job_function_name(const gearman_job_st *job);

/* The job's unique id; "" without GRAB_UNIQ and GRAB_ALL, NULL for NULL.
 *
 * Requires: `job` is NULL or a live job.
 */
GEARMAN_API const char *gearman_job_unique(const gearman_job_st *job);

/* The job's workload, which may hold any bytes, and a NUL after them, unless a hook
 * has allocated it; NULL when it is empty or was taken.
 *
 * Requires: `job` is NULL or a live job.
 */
GEARMAN_API const void *gearman_job_workload(const gearman_job_st *job);

/* The workload's size in bytes.
 *
 * Requires: `job` is NULL or a live job.
 */
GEARMAN_API size_t gearman_job_workload_size(const gearman_job_st *job);

/* Takes the workload: the caller frees it, with `free` or as its allocator asks.
 * NULL and 0 when it is empty.
 *
 * Requires: `job` is NULL or a live job; `data_size` is NULL or writable.
 */
GEARMAN_API void *gearman_job_take_workload(gearman_job_st *job, size_t *data_size);

/* A new worker like the job's, which the caller frees; see
 * gearman_worker_clone().
 *
 * Requires: `job` is NULL or a live job.
 */
GEARMAN_API gearman_worker_st *gearman_job_clone_worker(gearman_job_st *job);

/* A client of the servers that the job's worker has, with its namespace. It
 * belongs to the job and is freed with it; a second call returns the same. NULL
 * for NULL, and when a server has no address any more.
 *
 * Requires: `job` is NULL or a live job.
 */
GEARMAN_API gearman_client_st *gearman_job_use_client(gearman_job_st *job);

/* The text of the last error of the job's worker; see gearman_worker_error().
 *
 * Requires: `job` is NULL or a live job.
 */
GEARMAN_API const char *gearman_job_error(gearman_job_st *job);

#ifdef __cplusplus
}
#endif
