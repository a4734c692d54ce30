/* The memory of a task, which a program may provide, and names of task states. */

/* Generated from bindings/c/prelude/libgearman-1.0/interface/task.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#ifndef __cplusplus
#include <stdbool.h>
#endif

/* See gearman_task_strstate(). */
enum gearman_task_state_t {
  GEARMAN_TASK_STATE_NEW,
  GEARMAN_TASK_STATE_SUBMIT,
  GEARMAN_TASK_STATE_WORKLOAD,
  GEARMAN_TASK_STATE_WORK,
  GEARMAN_TASK_STATE_CREATED,
  GEARMAN_TASK_STATE_DATA,
  GEARMAN_TASK_STATE_WARNING,
  GEARMAN_TASK_STATE_STATUS,
  GEARMAN_TASK_STATE_COMPLETE,
  GEARMAN_TASK_STATE_EXCEPTION,
  GEARMAN_TASK_STATE_FAIL,
  GEARMAN_TASK_STATE_FINISHED
};

/* Historical: no function takes these. */
enum gearman_task_kind_t {
  GEARMAN_TASK_KIND_ADD_TASK,
  GEARMAN_TASK_KIND_EXECUTE,
  GEARMAN_TASK_KIND_DO
};

#ifdef __cplusplus
struct Task;
#endif

struct gearman_task_st {
  struct {
    bool is_allocated; /* The library allocated the struct. */
  } options;
  void *_impl;
#ifdef __cplusplus
  struct Task *impl() const
  {
    return static_cast<struct Task *>(_impl);
  }
  void impl(struct Task *impl_)
  {
    _impl = impl_;
  }
#endif
};
