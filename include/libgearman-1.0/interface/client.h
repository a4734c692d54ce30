/* The struct of a client. */

/* Generated from bindings/c/prelude/libgearman-1.0/interface/client.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#ifndef __cplusplus
#include <stdbool.h>
#endif

#ifdef __cplusplus
struct Client;
#endif

/* A client: the servers, options and tasks of a program that submits jobs.
 *
 * gearman_client_create() makes one, in memory of the program or of the library, and
 * gearman_client_free() frees it. The struct never changes its size or address. Only one
 * thread may use a client at a time. A program reads the fields of `options` only. */
struct gearman_client_st {
  struct {
    bool is_allocated; /* The library allocated the struct. */
    bool is_initialized; /* The struct is in use. */
  } options;
  void *_impl; /* Private to the library. */
#ifdef __cplusplus
  struct Client *impl() const
  {
    return static_cast<struct Client *>(_impl);
  }
  void impl(struct Client *impl_)
  {
    _impl = impl_;
  }
#endif
};
