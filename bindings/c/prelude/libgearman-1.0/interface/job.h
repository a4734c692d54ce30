/* The memory of a job. */
#pragma once

#ifndef __cplusplus
#include <stdbool.h>
#endif

#ifdef __cplusplus
class Job;
#endif

struct gearman_job_st {
  struct {
    bool is_allocated; /* The library allocated the struct. */
    bool is_initialized; /* _impl can be used. */
  } options;
  void *_impl;
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
