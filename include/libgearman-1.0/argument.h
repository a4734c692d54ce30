/* The argument of gearman_execute(). */

/* Generated from bindings/c/prelude/libgearman-1.0/argument.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman-1.0/constants.h>
#include <libgearman-1.0/string.h>

struct gearman_argument_t {
  gearman_string_t name; /* Nothing reads it. */
  gearman_string_t value; /* The workload. */
};

#ifdef __cplusplus
extern "C" {
#endif

/* Makes the argument of gearman_execute(): `value_size` bytes at `value`, which
 * may hold any bytes. Nothing is copied: the memory has to live until the call
 * that the argument is passed to returns.
 *
 * The name is accepted for compatibility and dropped, as it always was: no
 * packet can carry it.
 */
GEARMAN_API
gearman_argument_t gearman_argument_make(const char *name,
                                         size_t name_length,
                                         const char *value,
                                         size_t value_size);

#ifdef __cplusplus
}
#endif
