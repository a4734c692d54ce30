/* Tasks, which are jobs as their client sees them. */

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

/* Frees a task.
 *
 * The function of gearman_client_set_task_context_free_fn() is called for its context
 * first. If the task is not finished, its job is not cancelled, but what the server
 * sends for it is ignored. It may be called inside a callback of the task. If `task`
 * is NULL, nothing happens.
 *
 * Requires: `task` is NULL or a task whose client was not freed; a task in memory of the library
 * was not freed before.
 */
GEARMAN_API void gearman_task_free(gearman_task_st *task);

/* Gets the pointer of the program that is stored with a task.
 *
 * Returns the pointer; NULL if none was stored or `task` is NULL.
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API void *gearman_task_context(const gearman_task_st *task);

/* Stores a pointer of the program with a task.
 *
 * `context` is freed only by the function of
 * gearman_client_set_task_context_free_fn().
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API void gearman_task_set_context(gearman_task_st *task, void *context);

/* Gets the name of a task's function, with the client's namespace.
 *
 * Returns the name, NUL-terminated, which belongs to the task; for a status request,
 * the handle or unique id that it asks about; NULL if `task` is NULL.
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API const char *gearman_task_function_name(const gearman_task_st *task);

/* Gets the unique id of a task's job, as it is sent.
 *
 * Returns the id, NUL-terminated, which belongs to the task; NULL if `task` is NULL.
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API const char *gearman_task_unique(const gearman_task_st *task);

/* Gets the handle of a task's job.
 *
 * Returns the handle, NUL-terminated, which belongs to the task; an empty string
 * before the server has given one, NULL if `task` is NULL.
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API const char *gearman_task_job_handle(const gearman_task_st *task);

/* Tells whether the server knows a task's job.
 *
 * Returns what the last answer of the server said; false if `task` is NULL.
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API bool gearman_task_is_known(const gearman_task_st *task);

/* Tells whether a worker has a task's job.
 *
 * Returns what the last answer of the server said; false if `task` is NULL.
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API bool gearman_task_is_running(const gearman_task_st *task);

/* Gets the progress of a task's job, out of gearman_task_denominator().
 *
 * Returns what the job's worker last reported; 0 if it reported nothing or `task` is
 * NULL.
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API uint32_t gearman_task_numerator(const gearman_task_st *task);

/* Gets the number that gearman_task_numerator() is out of.
 *
 * Returns what the job's worker last reported; 0 if it reported nothing or `task` is
 * NULL.
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API uint32_t gearman_task_denominator(const gearman_task_st *task);

/* Gets the name of the code that a task ended with.
 *
 * Returns the name, such as "GEARMAN_WORK_FAIL", which is static; NULL if the task
 * ended with `GEARMAN_SUCCESS` or has not ended, or if `task` is NULL.
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API const char *gearman_task_error(const gearman_task_st *task);

/* Gets the code that a task ended with.
 *
 * Returns the code; `GEARMAN_UNKNOWN_STATE` if the task has not ended,
 * `GEARMAN_INVALID_ARGUMENT` if `task` is NULL.
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API gearman_return_t gearman_task_return(const gearman_task_st *task);

/* Gets the name of a task's state, such as "GEARMAN_TASK_STATE_NEW".
 *
 * Inside a callback the state is `GEARMAN_TASK_STATE_WORK`. While a callback waits to
 * be called again for the same event, the state is that event's.
 *
 * Returns the name, which is static; NULL if `task` is NULL.
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API const char *gearman_task_strstate(const gearman_task_st *task);

/* Tells whether a task's job raised an exception.
 *
 * Returns true if it did; false if it did not or `task` is NULL.
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API bool gearman_task_has_exception(const gearman_task_st *task);

/* Gets the exception that a task's job raised.
 *
 * Returns the bytes, which belong to the task; NULL and 0 without an exception and if
 * `task` is NULL.
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API gearman_string_t gearman_task_exception(const gearman_task_st *task);

/* Tells whether a task is finished.
 *
 * Version 1.1.20 of the original library always returns false.
 *
 * Returns true if the task is finished; false if it is not or `task` is NULL.
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API bool gearman_task_is_finished(const gearman_task_st *task);

/* Gives a task its workload, before it is run.
 *
 * `workload` has `workload_size` bytes. The memory then belongs to the library, which
 * frees it with the task, by the function of gearman_client_set_workload_free_fn(). If
 * another workload is given later, the earlier one is freed then. A task that is being
 * sent keeps the workload that was given before. One that no packet can hold is not
 * sent, and gearman_client_error_code() is `GEARMAN_ARGUMENT_TOO_LARGE`.
 *
 * Requires: `task` is NULL or a live task; `workload` is readable for `workload_size` bytes
 * until the task is freed, and freed by the library only.
 */
GEARMAN_API
void gearman_task_give_workload(gearman_task_st *task,
                                const void *workload,
                                size_t workload_size);

/* Sends a piece of a task's workload, inside the callback of
 * gearman_client_set_workload_fn().
 *
 * `workload` has `workload_size` bytes; it is only read. `ret_ptr`, unless NULL,
 * receives the code.
 *
 * Returns the number of bytes that were sent, which in non-blocking mode may be fewer
 * than `workload_size`; 0 on an error.
 *
 * Errors:
 * - `GEARMAN_IO_WAIT`: the client is in non-blocking mode and the connection takes no
 *   bytes now.
 * - `GEARMAN_DATA_TOO_LARGE`: the piece has more bytes than are left of the size that
 *   the task was added with.
 * - `GEARMAN_INVALID_ARGUMENT`: `task` is NULL, or no workload is due for it.
 * - `GEARMAN_TIMEOUT`: the server took no bytes within the timeout.
 * - `GEARMAN_LOST_CONNECTION`: the server closed the connection.
 *
 * Requires: `task` is NULL or a live task; `workload` is NULL or readable for `workload_size`
 * bytes; `ret_ptr` is NULL or writable.
 */
GEARMAN_API
size_t gearman_task_send_workload(gearman_task_st *task,
                                  const void *workload,
                                  size_t workload_size,
                                  gearman_return_t *ret_ptr);

/* Receives a piece of the data that a callback was called for.
 *
 * It is for clients with the option `GEARMAN_CLIENT_UNBUFFERED_RESULT`, inside a
 * callback. It waits for at least one byte, unless the client is in non-blocking mode.
 * `data` has room for `data_size` bytes. `ret_ptr`, unless NULL, receives the code.
 *
 * Returns the number of bytes that were received. 0 at the end of the data, for a task
 * whose data is in memory, and on an error.
 *
 * Errors:
 * - `GEARMAN_IO_WAIT`: the client is in non-blocking mode and no byte has arrived.
 * - `GEARMAN_INVALID_ARGUMENT`: `task` is NULL or was not sent.
 * - `GEARMAN_TIMEOUT`: no byte arrived within the timeout.
 * - `GEARMAN_LOST_CONNECTION`: the server closed the connection.
 *
 * Requires: `task` is NULL or a live task; `data` is NULL or writable for `data_size` bytes;
 * `ret_ptr` is NULL or writable.
 */
GEARMAN_API
size_t gearman_task_recv_data(gearman_task_st *task,
                              void *data,
                              size_t data_size,
                              gearman_return_t *ret_ptr);

/* Gets the data that a callback was called for.
 *
 * Returns the data, which belongs to the task and is valid until the callback returns;
 * gearman_task_data_size() gives its size. A NUL follows it, unless the memory is from the
 * function of gearman_client_set_workload_malloc_fn(). NULL without data and if `task` is NULL.
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API const void *gearman_task_data(const gearman_task_st *task);

/* Gets the size of the data that a callback was called for.
 *
 * Returns the size in bytes; 0 if `task` is NULL.
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API size_t gearman_task_data_size(const gearman_task_st *task);

/* Takes the data that a callback was called for: it then belongs to the caller.
 *
 * `data_size`, unless NULL, receives the size in bytes.
 *
 * Returns the data, which the caller frees, with `free` or as the allocator of
 * gearman_client_set_workload_malloc_fn() needs it. NULL without data and if `task` is
 * NULL; NULL, with its size in `data_size`, for data that gearman_task_recv_data() is
 * to receive.
 *
 * Requires: `task` is NULL or a live task; `data_size` is NULL or writable.
 */
GEARMAN_API void *gearman_task_take_data(gearman_task_st *task, size_t *data_size);

/* Gets the result of a task of gearman_execute().
 *
 * Returns the result, which belongs to the task; NULL for other tasks, if the job
 * returned no bytes, or if `task` is NULL.
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API gearman_result_st *gearman_task_result(gearman_task_st *task);

#ifdef __cplusplus
}
#endif
