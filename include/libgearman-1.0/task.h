/* Tasks: one job each, as a client sees it. */

/* Generated from bindings/c/prelude/libgearman-1.0/task.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman-1.0/actions.h>
#include <libgearman-1.0/constants.h>
#include <libgearman-1.0/interface/task.h>
#include <libgearman-1.0/string.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifdef __cplusplus
}
#endif
