/* Running one task in one call. */

/* Generated from bindings/c/prelude/libgearman-1.0/execute.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman-1.0/argument.h>
#include <libgearman-1.0/constants.h>
#include <libgearman-1.0/task_attr.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Runs one task, and returns it when it is finished: at once for a background
 * or epoch task, when its job is done for a foreground one. In non-blocking
 * mode it returns the unfinished task; gearman_client_run_tasks() goes on. The
 * result is collected for gearman_task_result().
 *
 * `task_attr` may be NULL for a foreground task of normal priority; the context
 * is then ignored. `arguments` may be NULL for no workload.
 *
 * Returns NULL when an argument is invalid, with the error in the client.
 *
 * Requires: `client` is NULL or a live client; the strings are readable for their sizes;
 * `task_attr` and `arguments` are NULL or valid.
 */
GEARMAN_API
gearman_task_st *gearman_execute(gearman_client_st *client,
                                 const char *function_name,
                                 size_t function_name_length,
                                 const char *unique,
                                 size_t unique_length,
                                 gearman_task_attr_t *workload,
                                 gearman_argument_t *arguments,
                                 void *context);

/* Runs one task through a partition function, which splits its workload into
 * jobs for `function_name` and puts their results together.
 *
 * Foreground or background as `task_attr` says; its priority is ignored, and
 * EPOCH is refused. Returns as gearman_execute() does, but NULL also when the run
 * fails before the task ends.
 *
 * Requires: As for gearman_execute().
 */
GEARMAN_API
gearman_task_st *gearman_execute_by_partition(gearman_client_st *client,
                                              const char *partition_function,
                                              size_t partition_function_length,
                                              const char *function_name,
                                              size_t function_name_length,
                                              const char *unique_str,
                                              size_t unique_length,
                                              gearman_task_attr_t *workload,
                                              gearman_argument_t *arguments,
                                              void *context);

#ifdef __cplusplus
}
#endif
