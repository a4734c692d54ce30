/* Tasks: one job each, as a client sees it. */

/* Generated from bindings/c/prelude/libgearman-1.0/task.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman-1.0/actions.h>
#include <libgearman-1.0/constants.h>
#include <libgearman-1.0/interface/task.h>
#include <libgearman-1.0/string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Frees a task, after calling the client's function for its context. A task
 * that is not finished is given up: what comes for it is ignored. May be called
 * inside a callback of the task. NULL is fine.
 *
 * Requires: `task` is NULL or a task whose client was not freed; a task in the library's
 * memory was not freed before.
 */
GEARMAN_API void gearman_task_free(gearman_task_st *task);

/* The pointer that the task was added with, or NULL.
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API void *gearman_task_context(const gearman_task_st *task);

/* Changes the pointer that is kept with the task.
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API void gearman_task_set_context(gearman_task_st *task, void *context);

/* The function's name with the client's namespace; for a status request what
 * it asks about.
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API const char *gearman_task_function_name(const gearman_task_st *task);

/* The job's unique id, as it was sent.
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API const char *gearman_task_unique(const gearman_task_st *task);

/* The job's handle; "" before the server has given one.
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API const char *gearman_task_job_handle(const gearman_task_st *task);

/* Whether the server knows the job.
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API bool gearman_task_is_known(const gearman_task_st *task);

/* Whether a worker has the job.
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API bool gearman_task_is_running(const gearman_task_st *task);

/* How much of the job is done, out of gearman_task_denominator().
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API uint32_t gearman_task_numerator(const gearman_task_st *task);

/* What gearman_task_numerator() is out of.
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API uint32_t gearman_task_denominator(const gearman_task_st *task);

/* The name of the code that the task ended with; NULL after SUCCESS and before
 * its end.
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API const char *gearman_task_error(const gearman_task_st *task);

/* How the task ended: UNKNOWN_STATE before its end, INVALID_ARGUMENT for NULL.
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API gearman_return_t gearman_task_return(const gearman_task_st *task);

/* The name of the task's state, such as "GEARMAN_TASK_STATE_NEW"; NULL for
 * NULL. Inside a callback it is "GEARMAN_TASK_STATE_WORK"; the callback's own
 * state shows while the callback is to be offered again.
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API const char *gearman_task_strstate(const gearman_task_st *task);

/* Whether the job raised an exception.
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API bool gearman_task_has_exception(const gearman_task_st *task);

/* The exception that the job raised, valid until the task is freed; NULL and 0
 * without one.
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API gearman_string_t gearman_task_exception(const gearman_task_st *task);

/* Whether the task is finished. (1.1.20 always says no.)
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API bool gearman_task_is_finished(const gearman_task_st *task);

/* Gives the task a workload to send, before it is run. The memory becomes the
 * library's: it is freed with the task, by the client's workload free function.
 *
 * Requires: `task` is NULL or a live task; `workload` is readable for its size until the
 * task is freed, and nobody else frees it.
 */
GEARMAN_API
void gearman_task_give_workload(gearman_task_st *task,
                                const void *workload,
                                size_t workload_size);

/* Sends a piece of the workload, from inside the task's workload callback.
 * Returns how many bytes went out, which in non-blocking mode may be fewer;
 * 0 and the code in `ret_ptr` on an error.
 *
 * Requires: `task` is NULL or a live task; `workload` is readable for its size; `ret_ptr`
 * is NULL or writable.
 */
GEARMAN_API
size_t gearman_task_send_workload(gearman_task_st *task,
                                  const void *workload,
                                  size_t workload_size,
                                  gearman_return_t *ret_ptr);

/* Receives a piece of the data that the task's callback was called for, with
 * GEARMAN_CLIENT_UNBUFFERED_RESULT on. Waits for at least one byte, unless in
 * non-blocking mode. Returns how many bytes came, 0 at the end of the data and
 * for a task whose data is in memory; 0 and the code in `ret_ptr` on an error.
 *
 * Requires: `task` is NULL or a live task; `data` is writable for its size; `ret_ptr` is
 * NULL or writable.
 */
GEARMAN_API
size_t gearman_task_recv_data(gearman_task_st *task,
                              void *data,
                              size_t data_size,
                              gearman_return_t *ret_ptr);

/* The data that the callback was called for, valid until it returns; NULL
 * without any.
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API const void *gearman_task_data(const gearman_task_st *task);

/* The size in bytes of the data that the callback was called for.
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API size_t gearman_task_data_size(const gearman_task_st *task);

/* Takes the data that the callback was called for: the caller frees it, with
 * `free` or as its allocator asks. NULL and 0 without any, NULL and its size for
 * data that gearman_task_recv_data() is to receive.
 *
 * Requires: `task` is NULL or a live task; `data_size` is NULL or writable.
 */
GEARMAN_API void *gearman_task_take_data(gearman_task_st *task, size_t *data_size);

/* The collected result of a task of gearman_execute(), valid until the task is
 * freed; NULL for other tasks, and when the job returned nothing.
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API gearman_result_st *gearman_task_result(gearman_task_st *task);

#ifdef __cplusplus
}
#endif
