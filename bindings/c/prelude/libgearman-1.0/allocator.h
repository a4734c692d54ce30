/* Allocators, as one struct. */
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
