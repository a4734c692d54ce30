/* The priorities of jobs. */

/* Generated from bindings/c/prelude/libgearman-1.0/priority.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

/* The priority of a job among the jobs of its function: see gearman_task_attr_init(). */
enum gearman_job_priority_t {
  GEARMAN_JOB_PRIORITY_HIGH, /* Workers get it before all others. */
  GEARMAN_JOB_PRIORITY_NORMAL, /* The default. */
  GEARMAN_JOB_PRIORITY_LOW, /* Workers get it after all others. */
  GEARMAN_JOB_PRIORITY_MAX /* The number of priorities. */
};

#ifndef __cplusplus
typedef enum gearman_job_priority_t gearman_job_priority_t;
#endif
