/* Running one task in one call. */

/* Generated from bindings/c/prelude/libgearman-1.0/execute.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman-1.0/argument.h>
#include <libgearman-1.0/constants.h>
#include <libgearman-1.0/task_attr.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifdef __cplusplus
}
#endif
