/* What gearman_client_run_tasks() calls while tasks proceed. A callback that
 * returns anything but SUCCESS ends the run with that code; the next run goes on
 * from there and offers it the same event again. */

/* Generated from bindings/c/prelude/libgearman-1.0/client_callbacks.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman-1.0/constants.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The task was added without a workload: send some of it with
 * gearman_task_send_workload(), and return IO_WAIT to be called for more. */
typedef gearman_return_t(gearman_workload_fn)(gearman_task_st *task);
/* The server has given the job a handle. */
typedef gearman_return_t(gearman_created_fn)(gearman_task_st *task);
/* A piece of the result has come. */
typedef gearman_return_t(gearman_data_fn)(gearman_task_st *task);
/* A warning has come. */
typedef gearman_return_t(gearman_warning_fn)(gearman_task_st *task);
/* The job's progress has come, or the answer to a status request. */
typedef gearman_return_t(gearman_universal_status_fn)(gearman_task_st *task);
/* The job is done. */
typedef gearman_return_t(gearman_complete_fn)(gearman_task_st *task);
/* The job has ended with an exception. */
typedef gearman_return_t(gearman_exception_fn)(gearman_task_st *task);
/* The job has failed. */
typedef gearman_return_t(gearman_fail_fn)(gearman_task_st *task);

#ifdef __cplusplus
}
#endif
