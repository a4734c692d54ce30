/* Lists of servers. */

/* Generated from bindings/c/prelude/libgearman-1.0/parse.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman-1.0/constants.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Calls a function for each server of a list.
 *
 * `servers` is a list such as "host:4730,other,/run/gearmand.sock", with IPv6
 * addresses in brackets. `callback` is called in the order of the list with a host,
 * which is valid during the call, a port, which is 0 if the list has none, and
 * `context`. If `servers` is NULL, it is called once with a NULL host; if the list is
 * empty, once with an empty host.
 *
 * Returns `GEARMAN_SUCCESS`, or the first other code that `callback` returned, after
 * which it is not called again.
 *
 * Errors:
 * - `GEARMAN_INVALID_ARGUMENT`: `callback` is NULL.
 *
 * Requires: `servers` is NULL or NUL-terminated, and does not change before the function
 * returns.
 */
GEARMAN_API
gearman_return_t gearman_parse_servers(const char *servers,
                                       gearman_parse_server_fn *callback,
                                       void *context);

#ifdef __cplusplus
}
#endif
