/* What the library is. */

/* Generated from bindings/c/prelude/libgearman-1.0/util.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman-1.0/constants.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library that is loaded, such as "2.1.0".
 *
 * The string is static.
 */
GEARMAN_API const char *gearman_version(void);

/* Where to report bugs: a URL.
 *
 * The string is static.
 */
GEARMAN_API const char *gearman_bugreport(void);

/* The name of a log level without its prefix, such as "ERROR"; "UNKNOWN" for a
 * number that is no level.
 *
 * The string is static.
 */
GEARMAN_API const char *gearman_verbose_name(gearman_verbose_t verbose);

#ifdef __cplusplus
}
#endif
