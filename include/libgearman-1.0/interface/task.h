/* The struct of a task, and the states of tasks. */

/* Generated from bindings/c/prelude/libgearman-1.0/interface/task.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#ifndef __cplusplus
#include <stdbool.h>
#endif

/* The states of a task: gearman_task_strstate() returns their names. */
enum gearman_task_state_t {
  GEARMAN_TASK_STATE_NEW, /* Added and not sent yet. */
  GEARMAN_TASK_STATE_SUBMIT, /* Being sent. */
  GEARMAN_TASK_STATE_WORKLOAD, /* Its workload is being sent by the workload callback. */
  GEARMAN_TASK_STATE_WORK, /* Sent; or its callback is running. */
  GEARMAN_TASK_STATE_CREATED, /* Its created callback is called next. */
  GEARMAN_TASK_STATE_DATA, /* Its data callback is called next. */
  GEARMAN_TASK_STATE_WARNING, /* Its warning callback is called next. */
  GEARMAN_TASK_STATE_STATUS, /* Its status callback is called next. */
  GEARMAN_TASK_STATE_COMPLETE, /* Its complete callback is called next. */
  GEARMAN_TASK_STATE_EXCEPTION, /* Its exception callback is called next. */
  GEARMAN_TASK_STATE_FAIL, /* Its fail callback is called next. */
  GEARMAN_TASK_STATE_FINISHED /* Finished. */
};

/* Published by older versions; no function takes these. */
enum gearman_task_kind_t {
  GEARMAN_TASK_KIND_ADD_TASK,
  GEARMAN_TASK_KIND_EXECUTE,
  GEARMAN_TASK_KIND_DO
};

#ifdef __cplusplus
struct Task;
#endif

/* A task: one job, or one status request, as its client sees it.
 *
 * gearman_client_add_task() and gearman_execute() make one, and gearman_task_free() frees
 * it. A task is freed with its client. A program reads the fields of `options` only. */
struct gearman_task_st {
  struct {
    bool is_allocated; /* The library allocated the struct. */
  } options;
  void *_impl; /* Private to the library. */
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
