/* Stopping a worker from another thread or from a signal handler. */
#pragma once

#ifndef __cplusplus
#include <stdbool.h>
#endif

#include <libgearman-1.0/return.h>
#include <libgearman-1.0/signal.h>
#include <libgearman-1.0/visibility.h>

/* A worker's stop handle: see gearman_worker_id(). */
struct gearman_id_t {
  int read_fd;
  int write_fd;
};

#ifndef __cplusplus
typedef struct gearman_id_t gearman_id_t;
#endif

@prototypes kill

#define GEARMAN_ID_INITIALIZER gearman_id_initialize()
