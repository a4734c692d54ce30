/* The struct of a worker. */
#pragma once

#ifndef __cplusplus
#include <stdbool.h>
#endif

#ifdef __cplusplus
struct Worker;
#endif

/* A worker: the servers, options and functions of a program that does jobs.
 *
 * gearman_worker_create() makes one, in memory of the program or of the library, and
 * gearman_worker_free() frees it. The struct never changes its size or address. Only one
 * thread may use a worker at a time, except for gearman_worker_id(). A program reads the
 * fields of `options` only. */
struct gearman_worker_st {
  struct {
    bool is_allocated; /* The library allocated the struct. */
    bool is_initialized; /* The struct is in use. */
  } options;
  void *_impl; /* Private to the library. */
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
