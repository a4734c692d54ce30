/* The argument of gearman_execute(). */

/* Generated from bindings/c/prelude/libgearman-1.0/argument.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman-1.0/constants.h>
#include <libgearman-1.0/string.h>

/* The argument of gearman_execute() and gearman_execute_by_partition(), as
 * gearman_argument_make() makes it. */
struct gearman_argument_t {
  gearman_string_t name; /* Ignored. */
  gearman_string_t value; /* The workload. */
};

#ifdef __cplusplus
extern "C" {
#endif

/* Makes the argument of gearman_execute().
 *
 * `value` is the workload, of `value_size` bytes. It is not copied: the memory has to
 * stay until the call that gets the argument returns. `name` and `name_length` are
 * ignored, as in the original library: no packet carries a name.
 *
 * Returns the argument, by value.
 */
GEARMAN_API
gearman_argument_t gearman_argument_make(const char *name,
                                         size_t name_length,
                                         const char *value,
                                         size_t value_size);

#ifdef __cplusplus
}
#endif
