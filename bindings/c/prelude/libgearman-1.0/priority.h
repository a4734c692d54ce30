/* The priorities of jobs. */
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
