/* The version of the library, and names of log levels. */

/* Generated from bindings/c/prelude/libgearman-1.0/util.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman-1.0/constants.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Gets the version of the library that is loaded, such as "2.1.0".
 *
 * `LIBGEARMAN_VERSION_STRING` is the version of the headers.
 *
 * Returns the version, which is static.
 */
GEARMAN_API const char *gearman_version(void);

/* Gets the URL for reporting bugs.
 *
 * Returns the URL, which is static.
 */
GEARMAN_API const char *gearman_bugreport(void);

/* Gets the name of a log level without its prefix, such as "DEBUG".
 *
 * Returns the name of `verbose`, which is static; "UNKNOWN" for a number that is not a
 * level.
 */
GEARMAN_API const char *gearman_verbose_name(gearman_verbose_t verbose);

#ifdef __cplusplus
}
#endif
