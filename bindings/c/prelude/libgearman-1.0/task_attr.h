/* How gearman_execute() is to run a task; and walking over tasks. */
#pragma once

#ifdef __cplusplus
#include <ctime>
#else
#include <time.h>
#endif

#include <libgearman-1.0/constants.h>

enum gearman_task_attr_kind_t {
  GEARMAN_TASK_ATTR_FOREGROUND,
  GEARMAN_TASK_ATTR_BACKGROUND,
  GEARMAN_TASK_ATTR_EPOCH
};

struct gearman_task_attr_epoch_t {
  time_t value; /* Seconds since 1970. */
};

/* Made by the functions below. */
struct gearman_task_attr_t {
  enum gearman_task_attr_kind_t kind;
  gearman_job_priority_t priority;
  union {
    char bytes[sizeof(struct gearman_task_attr_epoch_t)];
    struct gearman_task_attr_epoch_t epoch; /* For the EPOCH kind. */
  } options;
};

@prototypes task_attr gearman_next
