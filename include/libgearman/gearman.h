/* libgearman: the header that programs include. */

/* Generated from bindings/c/prelude/libgearman/gearman.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman-1.0/gearman.h>
