/* The struct of a job. */

/* Generated from bindings/c/prelude/libgearman-1.0/interface/job.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#ifndef __cplusplus
#include <stdbool.h>
#endif

#ifdef __cplusplus
class Job;
#endif

/* A job, as its worker sees it.
 *
 * The functions of a worker are called with one, which lives until they return.
 * gearman_worker_grab_job() returns one that gearman_job_free() frees. A job may not be
 * used after its worker was freed. A program reads the fields of `options` only. */
struct gearman_job_st {
  struct {
    bool is_allocated; /* The library allocated the struct. */
    bool is_initialized; /* The struct is in use. */
  } options;
  void *_impl; /* Private to the library. */
#ifdef __cplusplus
  class Job *impl() const
  {
    return static_cast<class Job *>(_impl);
  }
  void impl(class Job *impl_)
  {
    _impl = impl_;
  }
#endif
};
