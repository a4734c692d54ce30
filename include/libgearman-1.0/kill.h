/* Stopping a worker from another thread or from a signal handler. */

/* Generated from bindings/c/prelude/libgearman-1.0/kill.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
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

#ifdef __cplusplus
extern "C" {
#endif

/* Asks the worker that `handle` belongs to to stop; gearman_worker_id() gives
 * the handle. May be called from a signal handler. The request stays: every
 * later gearman_worker_work() returns at once.
 *
 * INTERRUPT lets the worker finish its job and then return SHUTDOWN_GRACEFUL;
 * KILL makes it return SHUTDOWN; KILLWAIT is KILL and then CHECK; CHECK waits up
 * to 1.5 s for a request to be pending and returns SUCCESS.
 *
 * COULD_NOT_CONNECT when the handle has no descriptors, nobody listens any more,
 * or `sig` is no such signal.
 */
GEARMAN_API gearman_return_t gearman_kill(gearman_id_t handle, gearman_signal_t sig);

/* Whether `handle` has a descriptor at all. */
GEARMAN_API bool gearman_id_valid(gearman_id_t handle);

/* A handle that belongs to no worker. */
GEARMAN_API gearman_id_t gearman_id_initialize(void);

#ifdef __cplusplus
}
#endif

#define GEARMAN_ID_INITIALIZER gearman_id_initialize()
