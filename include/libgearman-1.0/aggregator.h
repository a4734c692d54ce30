/* Aggregator functions. */

/* Generated from bindings/c/prelude/libgearman-1.0/aggregator.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman-1.0/constants.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Gets the context of an aggregator function.
 *
 * The name is misspelt in the original library, and kept because programs are linked
 * with it.
 *
 * Returns the context pointer that gearman_worker_define_function() was called with;
 * NULL without a context and if `aggregator` is NULL.
 *
 * Requires: `aggregator` is NULL or what an aggregator function was called with, during that
 * call.
 */
GEARMAN_API void *gearman_aggegator_context(gearman_aggregator_st *aggregator);

#ifdef __cplusplus
}
#endif
