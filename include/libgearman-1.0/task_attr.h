/* Attributes of tasks for gearman_execute(), and iteration over tasks. */

/* Generated from bindings/c/prelude/libgearman-1.0/task_attr.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#ifdef __cplusplus
#include <ctime>
#else
#include <time.h>
#endif

#include <libgearman-1.0/constants.h>

/* The ways in which gearman_execute() runs a task. */
enum gearman_task_attr_kind_t {
  GEARMAN_TASK_ATTR_FOREGROUND, /* It waits until the job has ended. */
  GEARMAN_TASK_ATTR_BACKGROUND, /* It waits until a server has queued the job. */
  GEARMAN_TASK_ATTR_EPOCH /* The same; the job does not start before a given time. */
};

/* The time before which a job does not start. */
struct gearman_task_attr_epoch_t {
  time_t value; /* Seconds since 1970. */
};

/* The attributes of a task for gearman_execute().
 *
 * gearman_task_attr_init(), gearman_task_attr_init_background() and
 * gearman_task_attr_init_epoch() make them. */
struct gearman_task_attr_t {
  enum gearman_task_attr_kind_t kind; /* How the task is run. */
  gearman_job_priority_t priority; /* Its priority. */
  union {
    char bytes[sizeof(struct gearman_task_attr_epoch_t)];
    struct gearman_task_attr_epoch_t epoch; /* For GEARMAN_TASK_ATTR_EPOCH. */
  } options;
};

#ifdef __cplusplus
extern "C" {
#endif

/* Makes the attributes of a foreground task for gearman_execute().
 *
 * `priority` chooses the queue of the job's function.
 *
 * Returns the attributes, by value.
 */
GEARMAN_API gearman_task_attr_t gearman_task_attr_init(gearman_job_priority_t priority);

/* Makes the attributes of a background task that does not start before a given time,
 * for gearman_execute().
 *
 * `epoch` is the time by the clock of the server, in seconds since 1970. `priority` is
 * ignored: servers keep no priority for such jobs.
 *
 * Returns the attributes, by value.
 */
GEARMAN_API
gearman_task_attr_t gearman_task_attr_init_epoch(time_t epoch,
                                                 gearman_job_priority_t priority);

/* Makes the attributes of a background task for gearman_execute().
 *
 * `priority` chooses the queue of the job's function.
 *
 * Returns the attributes, by value.
 */
GEARMAN_API gearman_task_attr_t gearman_task_attr_init_background(gearman_job_priority_t priority);

/* Gets the task that was added to the same client after a given one.
 *
 * An aggregator function gets the first task, and the others by this function.
 *
 * Returns the next task; NULL after the last one and if `task` is NULL.
 *
 * Requires: `task` is NULL or a live task.
 */
GEARMAN_API gearman_task_st *gearman_next(gearman_task_st *task);

#ifdef __cplusplus
}
#endif
