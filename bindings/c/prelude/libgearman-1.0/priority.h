/* Which of a function's queues a job goes to. */
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
