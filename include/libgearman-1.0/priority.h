/* Which of a function's queues a job goes to. */

/* Generated from bindings/c/prelude/libgearman-1.0/priority.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

enum gearman_job_priority_t {
  GEARMAN_JOB_PRIORITY_HIGH,
  GEARMAN_JOB_PRIORITY_NORMAL,
  GEARMAN_JOB_PRIORITY_LOW,
  GEARMAN_JOB_PRIORITY_MAX /* Not a priority: how many there are. */
};

#ifndef __cplusplus
typedef enum gearman_job_priority_t gearman_job_priority_t;
#endif
