/* Only includes allocator.h. */

/* Generated from bindings/c/prelude/libgearman-1.0/core.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman-1.0/allocator.h>
