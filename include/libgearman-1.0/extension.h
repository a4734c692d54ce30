/* What this library has beyond the original's API. For event loops: wait until
 * the descriptor is readable or the timeout has passed, unless work is buffered
 * already; then call gearman_client_run_tasks() or gearman_worker_work() again.
 * gearman.h does not include this header. */

/* Generated from bindings/c/prelude/libgearman-1.0/extension.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman-1.0/constants.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A descriptor that becomes readable when a non-blocking client has something
 * to do. It belongs to the client and may change after a fork; it must only be
 * waited for. -1 when there is none.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API int gearman_client_poll_fd(gearman_client_st *client);

/* Whether gearman_client_run_tasks() can go on without anything new arriving:
 * call it before waiting for the descriptor.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API bool gearman_client_has_buffered_work(gearman_client_st *client);

/* Milliseconds after which gearman_client_run_tasks() should be called even
 * though the descriptor did not become readable: the next deadline. -1 for none.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API int gearman_client_next_timeout(gearman_client_st *client);

/* Has a server option such as "exceptions" turned on with every connection that
 * the client makes from now on: the request goes out in front of the
 * connection's first packet. Unlike gearman_client_set_server_option() it waits
 * for nothing and does not ask servers that are connected to already. A server
 * that refuses the option goes on without it.
 *
 * Returns SUCCESS, or INVALID_ARGUMENT for an empty option and for one that is longer
 * than an argument can be.
 *
 * Requires: `client` is NULL or a live client; `option` is readable for its size.
 */
GEARMAN_API
gearman_return_t gearman_client_greet_with_option(gearman_client_st *client,
                                                  const char *option,
                                                  size_t option_size);

/* Says whether every callback of the client returns: whether none is left by longjmp
 * or by an exception. It is false at first, and a callback that was left counts as
 * delivered with the next call on the client. With true the library does not look for
 * such callbacks, and one that has not returned is under way.
 *
 * Only a program needs it whose coroutines take turns on one stack, from which the
 * suspended ones are copied away, as Python's greenlet does, or whose stacks are
 * variables on the thread's own: a callback that is suspended there may look as if it
 * had been left.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API void gearman_client_set_callbacks_return(gearman_client_st *client, bool always);

/* A descriptor that becomes readable when a non-blocking worker has something
 * to do. It belongs to the worker and may change after a fork; it must only be
 * waited for. -1 when there is none.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API int gearman_worker_poll_fd(gearman_worker_st *worker);

/* Whether gearman_worker_work() can go on without anything new arriving: call
 * it before waiting for the descriptor.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API bool gearman_worker_has_buffered_work(gearman_worker_st *worker);

/* Milliseconds after which gearman_worker_work() should be called even though
 * the descriptor did not become readable: the next deadline. -1 for none.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API int gearman_worker_next_timeout(gearman_worker_st *worker);

/* Says whether every function of the worker returns, as
 * gearman_client_set_callbacks_return() does for a client. Without it, and after
 * false, the job of a function that was left goes back to its server with the next
 * call.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API void gearman_worker_set_functions_return(gearman_worker_st *worker, bool always);

#ifdef __cplusplus
}
#endif
