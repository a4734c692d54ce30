/* Only includes the version macros. */

/* Generated from bindings/c/prelude/libgearman-1.0/configure.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman/version.h>
