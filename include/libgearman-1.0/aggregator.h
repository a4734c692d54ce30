/* What an aggregator function can ask. */

/* Generated from bindings/c/prelude/libgearman-1.0/aggregator.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman-1.0/constants.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The context that was given to gearman_worker_define_function() with the
 * aggregator, or NULL. (The name is misspelt; it is what programs link to.)
 *
 * Requires: `aggregator` is NULL or what the aggregator function got, during its call.
 */
GEARMAN_API void *gearman_aggegator_context(gearman_aggregator_st *aggregator);

#ifdef __cplusplus
}
#endif
