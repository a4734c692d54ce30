/* What this library has beyond the original's API. For event loops: wait until
 * the descriptor is readable or the timeout has passed, unless work is buffered
 * already; then call gearman_client_run_tasks() or gearman_worker_work() again.
 * gearman.h does not include this header. */

/* Generated from bindings/c/prelude/libgearman-1.0/extension.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman-1.0/constants.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifdef __cplusplus
}
#endif
