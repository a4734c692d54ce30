/* The callbacks of gearman_client_run_tasks(). */
#pragma once

#include <libgearman-1.0/constants.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A callback that sends the workload of a task that was added without one, with
 * gearman_task_send_workload().
 *
 * It returns `GEARMAN_SUCCESS` when it has sent all of it, and `GEARMAN_IO_WAIT` to be
 * called again for more. gearman_client_set_workload_fn() sets it. */
typedef gearman_return_t(gearman_workload_fn)(gearman_task_st *task);

/* A callback that is called when a server has queued the job of a task.
 * gearman_client_set_created_fn() sets it.
 *
 * It returns `GEARMAN_SUCCESS`. Any other code ends gearman_client_run_tasks() with that
 * code; the next run calls the callback again for the same event. */
typedef gearman_return_t(gearman_created_fn)(gearman_task_st *task);

/* A callback that is called for each piece of a result. gearman_client_set_data_fn()
 * sets it.
 *
 * It returns `GEARMAN_SUCCESS`. Any other code ends gearman_client_run_tasks() with that
 * code; the next run calls the callback again for the same event. */
typedef gearman_return_t(gearman_data_fn)(gearman_task_st *task);

/* A callback that is called for each warning of a job. gearman_client_set_warning_fn()
 * sets it.
 *
 * It returns `GEARMAN_SUCCESS`. Any other code ends gearman_client_run_tasks() with that
 * code; the next run calls the callback again for the same event. */
typedef gearman_return_t(gearman_warning_fn)(gearman_task_st *task);

/* A callback that is called for each progress report of a job, and for each answer to a
 * status request. gearman_client_set_status_fn() sets it.
 *
 * It returns `GEARMAN_SUCCESS`. Any other code ends gearman_client_run_tasks() with that
 * code; the next run calls the callback again for the same event. */
typedef gearman_return_t(gearman_universal_status_fn)(gearman_task_st *task);

/* A callback that is called when a job is complete. gearman_client_set_complete_fn()
 * sets it.
 *
 * It returns `GEARMAN_SUCCESS`. Any other code ends gearman_client_run_tasks() with that
 * code; the next run calls the callback again for the same event. */
typedef gearman_return_t(gearman_complete_fn)(gearman_task_st *task);

/* A callback that is called when a job has raised an exception.
 * gearman_client_set_exception_fn() sets it.
 *
 * It returns `GEARMAN_SUCCESS`. Any other code ends gearman_client_run_tasks() with that
 * code; the next run calls the callback again for the same event. */
typedef gearman_return_t(gearman_exception_fn)(gearman_task_st *task);

/* A callback that is called when a job has failed. gearman_client_set_fail_fn() sets it.
 *
 * It returns `GEARMAN_SUCCESS`. Any other code ends gearman_client_run_tasks() with that
 * code; the next run calls the callback again for the same event. */
typedef gearman_return_t(gearman_fail_fn)(gearman_task_st *task);

#ifdef __cplusplus
}
#endif
