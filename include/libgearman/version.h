/* The version macros, under the path that configure.h has always included. */

/* Generated from bindings/c/prelude/libgearman/version.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman-1.0/version.h>
