/* Lists of servers. */

/* Generated from bindings/c/prelude/libgearman-1.0/parse.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman-1.0/constants.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Calls `callback` for each server of a list such as
 * `host:4730,other,[::1]:4731,/run/gearmand.sock`, in its order, with the host
 * (valid during the call) and the port, which is 0 where the list has none.
 *
 * A NULL list is one call with a NULL host; an empty one, one call with an
 * empty host. Returns the first code that is not SUCCESS, after which it calls
 * no more; INVALID_ARGUMENT when `callback` is NULL.
 *
 * Requires: `servers` is NULL or NUL-terminated and stays unchanged until the return.
 */
GEARMAN_API
gearman_return_t gearman_parse_servers(const char *servers,
                                       gearman_parse_server_fn *callback,
                                       void *context);

#ifdef __cplusplus
}
#endif
