/* The memory of a client, which a program may provide. */
#pragma once

#ifndef __cplusplus
#include <stdbool.h>
#endif

#ifdef __cplusplus
struct Client;
#endif

struct gearman_client_st {
  struct {
    bool is_allocated; /* The library allocated the struct. */
    bool is_initialized; /* _impl can be used. */
  } options;
  void *_impl;
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
