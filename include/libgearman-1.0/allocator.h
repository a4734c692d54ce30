/* Allocators, as one struct. */

/* Generated from bindings/c/prelude/libgearman-1.0/allocator.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman-1.0/constants.h>

/* A set of allocators with their context.
 *
 * No function takes the struct: see gearman_client_set_memory_allocators() and
 * gearman_worker_set_memory_allocators(). */
struct gearman_allocator_t {
  gearman_calloc_fn *calloc;
  gearman_free_fn *free;
  gearman_malloc_fn *malloc;
  gearman_realloc_fn *realloc;
  void *context; /* Passed to each of the functions. */
};
