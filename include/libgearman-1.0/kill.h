/* Stopping a worker, from another thread or from a signal handler. */

/* Generated from bindings/c/prelude/libgearman-1.0/kill.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
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

#ifdef __cplusplus
extern "C" {
#endif

/* Asks a worker to stop. It may be called from a signal handler and from any thread.
 *
 * `handle` is what gearman_worker_id() returned. `sig` is `GEARMAN_INTERRUPT` to let
 * the worker finish its job and then return `GEARMAN_SHUTDOWN_GRACEFUL`, or
 * `GEARMAN_KILL` to make it return `GEARMAN_SHUTDOWN`. The request stays: every later
 * gearman_worker_work() returns at once. `GEARMAN_SIGNAL_CHECK` waits up to 1.5 s for
 * a request to be pending; `GEARMAN_SIGNAL_KILLWAIT` is `GEARMAN_KILL` followed by
 * that wait.
 *
 * Returns `GEARMAN_SUCCESS` or an error.
 *
 * Errors:
 * - `GEARMAN_COULD_NOT_CONNECT`: `handle` has no descriptors, its worker is gone, or
 *   `sig` is none of these.
 */
GEARMAN_API gearman_return_t gearman_kill(gearman_id_t handle, gearman_signal_t sig);

/* Tells whether a stop handle has a descriptor.
 *
 * Returns true if `handle` has one.
 */
GEARMAN_API bool gearman_id_valid(gearman_id_t handle);

/* Makes a stop handle that belongs to no worker.
 *
 * Returns the handle, whose descriptors are -1.
 */
GEARMAN_API gearman_id_t gearman_id_initialize(void);

#ifdef __cplusplus
}
#endif

#define GEARMAN_ID_INITIALIZER gearman_id_initialize()
