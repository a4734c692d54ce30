/* Stopping a worker, from another thread or from a signal handler. */
#pragma once

#ifndef __cplusplus
#include <stdbool.h>
#endif

#include <libgearman-1.0/return.h>
#include <libgearman-1.0/signal.h>
#include <libgearman-1.0/visibility.h>

/* The stop handle of a worker, for gearman_kill(). gearman_worker_id() returns it. */
struct gearman_id_t {
  int read_fd; /* The end of a pipe that the worker reads; -1 for no worker. */
  int write_fd; /* The end that gearman_kill() writes to; -1 for no worker. */
};

#ifndef __cplusplus
typedef struct gearman_id_t gearman_id_t;
#endif

@prototypes kill

#define GEARMAN_ID_INITIALIZER gearman_id_initialize()
