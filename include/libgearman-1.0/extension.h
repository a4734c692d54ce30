/* Additions to the original's API. gearman.h does not include this header.
 *
 * An event loop waits until the descriptor is readable or the timeout has passed, unless
 * packets are buffered already, and then calls gearman_client_run_tasks() or
 * gearman_worker_work() again. */

/* Generated from bindings/c/prelude/libgearman-1.0/extension.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman-1.0/constants.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Sets how often a job may be submitted again after its server was lost.
 *
 * If a connection ends after a job was sent, the job may or may not have been queued or
 * done. By default, the call then ends with `GEARMAN_LOST_CONNECTION`, and the job is
 * never submitted twice. With a `limit` above 0, a job that a caller waits for is
 * submitted again to the next server, and so is a background job with a unique id of the
 * caller; up to `limit` times. Then the job is done at least once, and possibly more than
 * once, so its function has to bear that. Callbacks may be called for both attempts. The
 * same happens when a server has not acknowledged a job within the timeout.
 *
 * A background job without a unique id, a status request, a job whose workload comes from
 * a callback, and a job that is lost inside its own callback are never submitted again.
 *
 * A new client has the number in the environment variable `GEARMAN_RESUBMISSIONS`, or 0.
 * gearman_client_clone() takes it over. Numbers above 65535 are 65535.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API void gearman_client_set_resubmissions(gearman_client_st *client, uint32_t limit);

/* Gets how often a job may be submitted again after its server was lost.
 *
 * Returns the number that gearman_client_set_resubmissions() or the environment has set;
 * 0 if `client` is NULL.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API uint32_t gearman_client_resubmissions(const gearman_client_st *client);

/* Gets the descriptor that becomes readable when a non-blocking client can make
 * progress.
 *
 * It is for event loops: wait until the descriptor is readable, then call
 * gearman_client_run_tasks(). Do not read from it or close it. Ask for it before every
 * wait: it may change after a fork.
 *
 * Returns the descriptor, which belongs to the client; -1 if it cannot be made or
 * `client` is NULL.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API int gearman_client_poll_fd(gearman_client_st *client);

/* Tells whether gearman_client_run_tasks() can make progress without waiting.
 *
 * Call it before every wait for the descriptor of gearman_client_poll_fd(): packets
 * that were received already do not make the descriptor readable.
 *
 * Returns true if the client has such a packet; false if it has not or `client` is
 * NULL.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API bool gearman_client_has_buffered_work(gearman_client_st *client);

/* Gets the time until the client's next deadline.
 *
 * After this time, call gearman_client_run_tasks() even if the descriptor of
 * gearman_client_poll_fd() has not become readable. The value fits the timeout of
 * poll().
 *
 * Returns the time in milliseconds, rounded up; -1 without a deadline and if `client`
 * is NULL.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API int gearman_client_next_timeout(gearman_client_st *client);

/* Turns an option of the servers on, such as "exceptions", for connections that are
 * made later.
 *
 * The request is sent before the first packet of each such connection. Unlike
 * gearman_client_set_server_option() this function does not wait, and does not ask
 * servers that are connected already. If a server refuses the option, the connection
 * is used without it. `option` has `option_size` bytes, which are copied.
 *
 * Returns `GEARMAN_SUCCESS` or an error.
 *
 * Errors:
 * - `GEARMAN_INVALID_ARGUMENT`: `client` is NULL, or `option` is empty or longer than
 *   an argument of a packet may be.
 *
 * Requires: `client` is NULL or a live client; `option` is NULL or readable for `option_size`
 * bytes.
 */
GEARMAN_API
gearman_return_t gearman_client_greet_with_option(gearman_client_st *client,
                                                  const char *option,
                                                  size_t option_size);

/* Declares whether every callback of the client returns.
 *
 * If `always` is false, which is the default, a callback may be left by longjmp() or
 * by a C++ exception; the library finds that out with the next call on the client and
 * takes the event as delivered. If `always` is true, the library does not look for
 * such callbacks: one that has not returned is still running.
 *
 * A program needs true if it switches coroutines by copying stacks, as Python's
 * greenlet does, or keeps the stacks of coroutines in variables on the thread's stack:
 * a suspended callback may otherwise look as if it had been left.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API void gearman_client_set_callbacks_return(gearman_client_st *client, bool always);

/* Gets the descriptor that becomes readable when a non-blocking worker can make
 * progress.
 *
 * It is for event loops: wait until the descriptor is readable, then call
 * gearman_worker_work(). Do not read from it or close it. Ask for it before every
 * wait: it may change after a fork.
 *
 * Returns the descriptor, which belongs to the worker; -1 if it cannot be made or
 * `worker` is NULL.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API int gearman_worker_poll_fd(gearman_worker_st *worker);

/* Tells whether gearman_worker_work() can make progress without waiting.
 *
 * Call it before every wait for the descriptor of gearman_worker_poll_fd(): packets
 * that were received already do not make the descriptor readable.
 *
 * Returns true if the worker has such a packet; false if it has not or `worker` is
 * NULL.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API bool gearman_worker_has_buffered_work(gearman_worker_st *worker);

/* Gets the time until the worker's next deadline.
 *
 * After this time, call gearman_worker_work() even if the descriptor of
 * gearman_worker_poll_fd() has not become readable. The value fits the timeout of
 * poll().
 *
 * Returns the time in milliseconds, rounded up; -1 without a deadline and if `worker`
 * is NULL.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API int gearman_worker_next_timeout(gearman_worker_st *worker);

/* Declares whether every function of the worker returns.
 *
 * If `always` is false, which is the default, a function may be left by longjmp() or
 * by a C++ exception; the library finds that out with the next call on the worker and
 * gives the job back to its server. If `always` is true, the library does not look for
 * such functions: one that has not returned is still running.
 * gearman_client_set_callbacks_return() says which programs need true.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API void gearman_worker_set_functions_return(gearman_worker_st *worker, bool always);

/* Sets after which time a client notices that a server's host has vanished.
 *
 * A host that loses its power or its network sends nothing more, not even the end of its
 * connections. After `seconds` without an answer of the host a connection is lost, whether
 * the client waits for a job or has sent a request. 0 leaves this to the system, which by
 * default takes two hours, or a quarter of one with a request on its way. It is the time
 * of TCP's probes and of `TCP_USER_TIMEOUT`, for connections that are made later. It
 * does not apply to Unix sockets, and does not limit how long a job may take.
 *
 * A new client has the time in the environment variable `GEARMAN_KEEPALIVE`, or 120
 * seconds. gearman_client_clone() takes it over.
 *
 * Returns `GEARMAN_SUCCESS`, or an error.
 *
 * Errors:
 * - `GEARMAN_INVALID_ARGUMENT`: `client` is NULL, or `seconds` is 1 or above 32767.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API
gearman_return_t gearman_client_set_keepalive(gearman_client_st *client,
                                              uint32_t seconds);

/* Gets after which time a client notices that a server's host has vanished.
 *
 * Returns the time in seconds, 0 for that of the system; 0 if `client` is NULL.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API uint32_t gearman_client_keepalive(const gearman_client_st *client);

/* Sets after which time a worker notices that a server's host has vanished.
 *
 * After `seconds` without an answer of the host a connection is lost, and the worker
 * connects again. All else is as for gearman_client_set_keepalive(), with
 * gearman_worker_clone().
 *
 * Returns `GEARMAN_SUCCESS`, or an error.
 *
 * Errors:
 * - `GEARMAN_INVALID_ARGUMENT`: `worker` is NULL, or `seconds` is 1 or above 32767.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API
gearman_return_t gearman_worker_set_keepalive(gearman_worker_st *worker,
                                              uint32_t seconds);

/* Gets after which time a worker notices that a server's host has vanished.
 *
 * Returns the time in seconds, 0 for that of the system; 0 if `worker` is NULL.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API uint32_t gearman_worker_keepalive(const gearman_worker_st *worker);

/* Turns TLS on for connections of the client that are made later.
 *
 * `ca_file`, `certificate` and `key_file` are as for gearman_client_set_ssl().
 * `server_name` is the name that the server's certificate must have; NULL means the
 * name of its host. `verify` is "full" (authority and name), "ca" (authority) or "none";
 * NULL means `GEARMAN_TLS_VERIFY`, or else "ca". gearman_client_set_ssl() turns TLS off.
 *
 * Returns `GEARMAN_SUCCESS` or an error.
 *
 * Errors:
 * - `GEARMAN_INVALID_ARGUMENT`: `client` is NULL, or `verify` is another word.
 *
 * Requires: `client` is NULL or a live client; all others are NULL or NUL-terminated.
 */
GEARMAN_API
gearman_return_t gearman_client_set_tls(gearman_client_st *client,
                                        const char *ca_file,
                                        const char *certificate,
                                        const char *key_file,
                                        const char *server_name,
                                        const char *verify);

/* Turns TLS on for connections of the worker that are made later.
 *
 * The arguments are those of gearman_client_set_tls(). gearman_worker_set_ssl() turns
 * TLS off.
 *
 * Returns `GEARMAN_SUCCESS` or an error.
 *
 * Errors:
 * - `GEARMAN_INVALID_ARGUMENT`: `worker` is NULL, or `verify` is another word.
 *
 * Requires: `worker` is NULL or a live worker; all others are NULL or NUL-terminated.
 */
GEARMAN_API
gearman_return_t gearman_worker_set_tls(gearman_worker_st *worker,
                                        const char *ca_file,
                                        const char *certificate,
                                        const char *key_file,
                                        const char *server_name,
                                        const char *verify);

#ifdef __cplusplus
}
#endif
