/* Running one task by one call. */

/* Generated from bindings/c/prelude/libgearman-1.0/execute.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman-1.0/argument.h>
#include <libgearman-1.0/constants.h>
#include <libgearman-1.0/task_attr.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Runs one task and collects its result.
 *
 * A foreground task is run until its job has ended, a background or epoch task until a
 * server has queued it. In non-blocking mode the task is returned unfinished, and
 * gearman_client_run_tasks() continues it. The callbacks of the client are not called.
 *
 * `function_name` has `function_name_length` bytes, and `unique` has `unique_length`;
 * if `unique` is NULL, the library makes one. `task_attr` says how the task is run, as
 * gearman_task_attr_init(), gearman_task_attr_init_background() or
 * gearman_task_attr_init_epoch() made it; NULL means in the foreground with normal
 * priority, and `context` is then ignored. `arguments` is what gearman_argument_make()
 * returned, or NULL for no workload. `context` is a pointer of the program, which
 * gearman_task_context() returns.
 *
 * Returns the task; gearman_task_return() tells how it ended and gearman_task_result()
 * gives its result. Free it with gearman_task_free(). Returns NULL if the task could
 * not be added; gearman_client_error_code() then gives the code. Also NULL if a callback
 * of another task has freed the task or the client.
 *
 * Errors:
 * - `GEARMAN_ARGUMENT_TOO_LARGE`: the workload is larger than a packet can hold.
 * - `GEARMAN_MEMORY_ALLOCATION_FAILURE`: there is no memory for the workload.
 * - `GEARMAN_INVALID_ARGUMENT`: a name is empty or longer than 512 bytes; or `unique`
 *   is longer than 64 bytes.
 *
 * Requires: `client` is NULL or a live client; `function_name` is NULL or readable for
 * `function_name_length` bytes, `unique` for `unique_length`; `task_attr` and
 * `arguments` are NULL or valid.
 */
GEARMAN_API
gearman_task_st *gearman_execute(gearman_client_st *client,
                                 const char *function_name,
                                 size_t function_name_length,
                                 const char *unique,
                                 size_t unique_length,
                                 gearman_task_attr_t *task_attr,
                                 gearman_argument_t *arguments,
                                 void *context);

/* Runs one task that a partition function splits into jobs whose results are combined.
 *
 * The function `partition_function`, of `partition_function_length` bytes, splits the
 * workload into jobs for `function_name`, of `function_name_length` bytes; its
 * aggregator combines their results: see gearman_function_create_partition(). `unique`
 * has `unique_length` bytes; if it is NULL, the library makes one. `task_attr` says
 * whether the task is run in the foreground or the background; its priority is
 * ignored. `arguments` has the workload, which must not be empty. `context` is a
 * pointer of the program, which gearman_task_context() returns; it is ignored if
 * `task_attr` is NULL.
 *
 * Returns what gearman_execute() returns, and NULL also if the run fails before the
 * task has ended.
 *
 * Errors:
 * - `GEARMAN_ARGUMENT_TOO_LARGE`: the workload is larger than a packet can hold.
 * - `GEARMAN_MEMORY_ALLOCATION_FAILURE`: there is no memory for the workload.
 * - `GEARMAN_INVALID_ARGUMENT`: a name is empty or longer than 512 bytes; or `unique`
 *   is longer than 64 bytes; or `arguments` has no workload; or `task_attr` is of the
 *   kind `GEARMAN_TASK_ATTR_EPOCH`.
 *
 * Requires: `client` is NULL or a live client; `partition_function`, `function_name` and
 * `unique` are NULL or readable for their lengths; `task_attr` and `arguments` are
 * NULL or valid.
 */
GEARMAN_API
gearman_task_st *gearman_execute_by_partition(gearman_client_st *client,
                                              const char *partition_function,
                                              size_t partition_function_length,
                                              const char *function_name,
                                              size_t function_name_length,
                                              const char *unique,
                                              size_t unique_length,
                                              gearman_task_attr_t *task_attr,
                                              gearman_argument_t *arguments,
                                              void *context);

#ifdef __cplusplus
}
#endif
