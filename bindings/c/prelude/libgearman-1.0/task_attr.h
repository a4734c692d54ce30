/* Attributes of tasks for gearman_execute(), and iteration over tasks. */
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

@prototypes task_attr gearman_next
