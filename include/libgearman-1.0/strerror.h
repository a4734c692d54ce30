/* The names of the return codes. */

/* Generated from bindings/c/prelude/libgearman-1.0/strerror.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman-1.0/return.h>
#include <libgearman-1.0/visibility.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Gets the name of a return code, such as "GEARMAN_TIMEOUT".
 *
 * `GEARMAN_FAIL`, `GEARMAN_FATAL` and `GEARMAN_ERROR` are aliases and have the names
 * "GEARMAN_WORK_FAIL", "GEARMAN_WORK_FAIL" and "GEARMAN_WORK_ERROR".
 *
 * Returns the name of `rc`, which is static; "GEARMAN_MAX_RETURN" for a number that is
 * not a code.
 */
GEARMAN_API const char *gearman_strerror(gearman_return_t rc);

#ifdef __cplusplus
}
#endif
