/* The memory of a worker, which a program may provide. */
#pragma once

#ifndef __cplusplus
#include <stdbool.h>
#endif

#ifdef __cplusplus
struct Worker;
#endif

struct gearman_worker_st {
  struct {
    bool is_allocated; /* The library allocated the struct. */
    bool is_initialized; /* _impl can be used. */
  } options;
  void *_impl;
#ifdef __cplusplus
  struct Worker *impl() const
  {
    return static_cast<struct Worker *>(_impl);
  }
  void impl(struct Worker *impl_)
  {
    _impl = impl_;
  }
#endif
};
