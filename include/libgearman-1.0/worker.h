/* Workers: offering functions and running jobs. */

/* Generated from bindings/c/prelude/libgearman-1.0/worker.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman-1.0/constants.h>
#include <libgearman-1.0/function.h>
#include <libgearman-1.0/interface/worker.h>
#include <libgearman-1.0/kill.h>

/* Historical: no function takes these. */
enum gearman_worker_state_t {
  GEARMAN_WORKER_STATE_START,
  GEARMAN_WORKER_STATE_FUNCTION_SEND,
  GEARMAN_WORKER_STATE_CONNECT,
  GEARMAN_WORKER_STATE_GRAB_JOB_SEND,
  GEARMAN_WORKER_STATE_GRAB_JOB_RECV,
  GEARMAN_WORKER_STATE_PRE_SLEEP
};

/* Historical: no function takes these. */
enum gearman_worker_universal_t {
  GEARMAN_WORKER_WORK_UNIVERSAL_GRAB_JOB,
  GEARMAN_WORKER_WORK_UNIVERSAL_FUNCTION,
  GEARMAN_WORKER_WORK_UNIVERSAL_COMPLETE,
  GEARMAN_WORKER_WORK_UNIVERSAL_FAIL
};

#ifdef __cplusplus
extern "C" {
#endif

/* Frees every job of a worker, but those whose function is running.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API void gearman_job_free_all(gearman_worker_st *worker);

/* Makes a worker, in `worker` or, when that is NULL, in memory of the library.
 * The memory need not be initialised. Servers of the environment's
 * `GEARMAN_SERVERS` are added.
 *
 * Returns the worker, or NULL when `GEARMAN_SERVERS` names a host that has no
 * address or the process is out of descriptors. Free it with
 * gearman_worker_free() in either case of memory.
 *
 * Requires: `worker` is NULL or writable memory that is not a live worker.
 */
GEARMAN_API gearman_worker_st *gearman_worker_create(gearman_worker_st *worker);

/* Makes a worker like `from`: its servers in the same order, its settings and
 * its functions with their contexts, but not its jobs, its own context, server
 * options, NON_BLOCKING, TLS files and allocators. With `from` NULL this is
 * gearman_worker_create().
 *
 * Requires: As for gearman_worker_create(); `from` is NULL or a live worker.
 */
GEARMAN_API
gearman_worker_st *gearman_worker_clone(gearman_worker_st *worker,
                                        const gearman_worker_st *from);

/* Frees a worker with its jobs, and closes its connections: servers give jobs
 * that are not finished to other workers. In a forked child the connections
 * stay the parent's. May be called inside a function of the worker. NULL is
 * fine.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API void gearman_worker_free(gearman_worker_st *worker);

/* The text of the last error, "function(GEARMAN_CODE) text -> file:line:
 * pid(n)". It stays valid until the next call on the worker. NULL for NULL, and
 * for a worker that was never asked to work and had no error.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API const char *gearman_worker_error(const gearman_worker_st *worker);

/* The `errno` of the last error, 0 if it was none of the system's. EINVAL for
 * NULL.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API int gearman_worker_errno(gearman_worker_st *worker);

/* Asks for TLS. The library has none yet: with `ssl` true connecting fails
 * with a clear error, and nothing is ever sent in the clear.
 *
 * Requires: `worker` is NULL or a live worker; the names are NULL or NUL-terminated.
 */
GEARMAN_API
void gearman_worker_set_ssl(gearman_worker_st *worker,
                            bool ssl,
                            const char *ca_file,
                            const char *certificate,
                            const char *key_file);

/* The pointer set by gearman_worker_set_context(), or NULL.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API void *gearman_worker_context(const gearman_worker_st *worker);

/* Keeps a pointer of the program's with the worker. It is never freed.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API void gearman_worker_set_context(gearman_worker_st *worker, void *context);

/* Sets the function that gets the worker's log lines: one per error, from
 * level ERROR on; NULL for none.
 *
 * Requires: `worker` is NULL or a live worker; `function` has its declared type.
 */
GEARMAN_API
void gearman_worker_set_log_fn(gearman_worker_st *worker,
                               gearman_log_fn *function,
                               void *context,
                               gearman_verbose_t verbose);

/* Sets the function that allocates the workloads of jobs, of exactly their size, and
 * copies of what is sent for a job; NULL for `malloc`.
 *
 * Requires: `worker` is NULL or a live worker; `function` has its declared type.
 */
GEARMAN_API
void gearman_worker_set_workload_malloc_fn(gearman_worker_st *worker,
                                           gearman_malloc_fn *function,
                                           void *context);

/* Sets the function that frees the results which functions of the first kind
 * return; NULL for `free`.
 *
 * Requires: `worker` is NULL or a live worker; `function` has its declared type.
 */
GEARMAN_API
void gearman_worker_set_workload_free_fn(gearman_worker_st *worker,
                                         gearman_free_fn *function,
                                         void *context);

/* Sets both workload functions at once. All four are given, or all are NULL for
 * the system's; otherwise WORK_FAIL is returned and nothing changes. The
 * library never calls `realloc_fn` and `calloc_fn`.
 *
 * Requires: `worker` is NULL or a live worker; the functions have their declared types.
 */
GEARMAN_API
gearman_return_t gearman_worker_set_memory_allocators(gearman_worker_st *worker,
                                                      gearman_malloc_fn *malloc_fn,
                                                      gearman_free_fn *free_fn,
                                                      gearman_realloc_fn *realloc_fn,
                                                      gearman_calloc_fn *calloc_fn,
                                                      void *context);

/* Adds a server, to be asked before those that were added earlier. NULL or ""
 * is localhost, port 0 is 4730, a host that starts with "/" is a Unix socket.
 * The host is looked up here; nothing is sent.
 *
 * Returns SUCCESS, GETADDRINFO for a host without an address, INVALID_ARGUMENT
 * for a NULL worker.
 *
 * Requires: `worker` is NULL or a live worker; `host` is NULL or NUL-terminated.
 */
GEARMAN_API
gearman_return_t gearman_worker_add_server(gearman_worker_st *worker,
                                           const char *host,
                                           in_port_t port);

/* Adds the servers of a list, "host:port,host,...", in its order:
 * the last one will be asked first. IPv6 addresses stand in brackets. Stops at
 * the first that has no address, and returns its error.
 *
 * Requires: `worker` is NULL or a live worker; `servers` is NULL, which is localhost, or
 * NUL-terminated.
 */
GEARMAN_API
gearman_return_t gearman_worker_add_servers(gearman_worker_st *worker,
                                            const char *servers);

/* Closes the connections and forgets all servers. What is sent for their jobs
 * afterwards fails with LOST_CONNECTION.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API void gearman_worker_remove_servers(gearman_worker_st *worker);

/* Sets the prefix that is put before the names of functions which are added
 * from now on; no bytes for none.
 *
 * Requires: `worker` is NULL or a live worker; `namespace_key` is readable for its size.
 */
GEARMAN_API
void gearman_worker_set_namespace(gearman_worker_st *worker,
                                  const char *namespace_key,
                                  size_t namespace_key_size);

/* The prefix set by gearman_worker_set_namespace(), valid until it is set
 * again; NULL without one.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API const char *gearman_worker_namespace(gearman_worker_st *worker);

/* Sets the identifier that servers show in their list of workers, from the next
 * connection on.
 *
 * Returns SUCCESS, ARGUMENT_TOO_LARGE beyond 254 bytes, INVALID_ARGUMENT for
 * none, and for characters that are not printable.
 *
 * Requires: `worker` is NULL or a live worker; `id` is readable for its size.
 */
GEARMAN_API
gearman_return_t gearman_worker_set_identifier(gearman_worker_st *worker,
                                               const char *id,
                                               size_t id_size);

/* The descriptors that gearman_kill() stops this worker by. They are the
 * worker's, from its making to its freeing; a forked child gets others with
 * its first call. Both are -1 for NULL. May be called from a signal handler, and
 * while another thread uses the worker.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API gearman_id_t gearman_worker_id(gearman_worker_st *worker);

/* Asks every server for a job and returns it without calling its function; it
 * does not sleep. Send its result with gearman_job_send_complete() or
 * gearman_job_send_fail(), then free it with gearman_job_free().
 *
 * Returns the job, in `job` or in memory of the library, or NULL with the code
 * in `ret_ptr`: NO_JOBS when no server has one, and those of
 * gearman_worker_work(), also in non-blocking mode.
 *
 * Requires: `worker` is NULL or a live worker; `job` is NULL or memory that is not a live
 * job; `ret_ptr` is NULL or writable.
 */
GEARMAN_API
gearman_job_st *gearman_worker_grab_job(gearman_worker_st *worker,
                                        gearman_job_st *job,
                                        gearman_return_t *ret_ptr);

/* Waits until something has come of what calls have left under way, for
 * non-blocking mode: a connection that is being made, an answer that is due, a
 * server that is to wake the worker; or until a slow server has had its time and
 * the next one can be asked.
 *
 * Returns SUCCESS, once for what has come; TIMEOUT; NO_ACTIVE_FDS at once when
 * nothing is under way, whether connections are open or not, or what was reported
 * was not looked at by another call; SHUTDOWN and SHUTDOWN_GRACEFUL after
 * gearman_kill(); or IO_WAIT for a signal under GEARMAN_WORKER_STOP_WAIT_ON_SIGNAL.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API gearman_return_t gearman_worker_wait(gearman_worker_st *worker);

/* Sends bytes to every server and waits, also in non-blocking mode, until each
 * has sent them back.
 *
 * Returns SUCCESS, INVALID_ARGUMENT for no bytes, COULD_NOT_CONNECT when any
 * server cannot be reached, ECHO_DATA_CORRUPTION when one sends others.
 *
 * Requires: `worker` is NULL or a live worker; `workload` is readable for its size.
 */
GEARMAN_API
gearman_return_t gearman_worker_echo(gearman_worker_st *worker,
                                     const void *workload,
                                     size_t workload_size);

/* Turns a server option such as "exceptions" on: at every server, now and on
 * every later connection. Waits for the answers, also in non-blocking mode.
 *
 * Returns whether at least one server accepted it and none refused it; one that
 * is down is told when it is back.
 *
 * Requires: `worker` is NULL or a live worker; `option_arg` is readable for its size.
 */
GEARMAN_API
bool gearman_worker_set_server_option(gearman_worker_st *worker,
                                      const char *option_arg,
                                      size_t option_arg_size);

/* Offers a function without one to call: for programs that use
 * gearman_worker_grab_job(). `timeout` is how many milliseconds the server
 * gives a job before it gives it to another worker; 0 for no limit.
 *
 * Returns SUCCESS, or INVALID_ARGUMENT for a name that is empty or longer than
 * 512 bytes.
 *
 * Requires: `worker` is NULL or a live worker; `function_name` is NULL or NUL-terminated.
 */
GEARMAN_API
gearman_return_t gearman_worker_register(gearman_worker_st *worker,
                                         const char *function_name,
                                         uint32_t timeout);

/* Takes back a function, and those of the same name that were added before.
 *
 * Returns SUCCESS or NO_REGISTERED_FUNCTION.
 *
 * Requires: `worker` is NULL or a live worker; `function_name` is NULL or NUL-terminated.
 */
GEARMAN_API
gearman_return_t gearman_worker_unregister(gearman_worker_st *worker,
                                           const char *function_name);

/* Takes back every function.
 *
 * Returns SUCCESS or NO_REGISTERED_FUNCTIONS.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API gearman_return_t gearman_worker_unregister_all(gearman_worker_st *worker);

/* Whether a function of this name is offered.
 *
 * Requires: `worker` is NULL or a live worker; `function_name` is readable for its size.
 */
GEARMAN_API
bool gearman_worker_function_exist(gearman_worker_st *worker,
                                   const char *function_name,
                                   size_t function_length);

/* Offers a function of the first kind: it returns its result in memory that the
 * library frees, with the workload free function if one is set. One of the
 * same name that was added before is not called any more.
 *
 * `timeout` is how many milliseconds the server gives a job before it gives it
 * to another worker; 0 for no limit.
 *
 * Returns SUCCESS, or INVALID_ARGUMENT for a missing function and for a name
 * that is empty or longer than 512 bytes.
 *
 * Requires: `worker` is NULL or a live worker; `function_name` is NULL or NUL-terminated;
 * `function` has its declared type.
 */
GEARMAN_API
gearman_return_t gearman_worker_add_function(gearman_worker_st *worker,
                                             const char *function_name,
                                             uint32_t timeout,
                                             gearman_worker_fn *function,
                                             void *context);

/* Offers a function of any kind, as the gearman_function_create functions make
 * them. One of the same name that was added before is not called any more.
 *
 * `timeout` is how many milliseconds the server gives a job before it gives it
 * to another worker; 0 for no limit.
 *
 * Returns SUCCESS, or INVALID_ARGUMENT for a missing function, an unknown kind,
 * and for a name that is empty or longer than 512 bytes.
 *
 * Requires: `worker` is NULL or a live worker; `function_name` is readable for its size;
 * `function` is one of the functions' results.
 */
GEARMAN_API
gearman_return_t gearman_worker_define_function(gearman_worker_st *worker,
                                                const char *function_name,
                                                size_t function_name_length,
                                                gearman_function_t function,
                                                uint32_t timeout,
                                                void *context);

/* The options that are on, as bits. 0 for NULL.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API gearman_worker_options_t gearman_worker_options(const gearman_worker_st *worker);

/* Turns every option that can be set on or off as its bit says. Without
 * TIMEOUT_RETURN the time limit becomes 10,000 ms.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API
void gearman_worker_set_options(gearman_worker_st *worker,
                                gearman_worker_options_t options);

/* Turns options on. GRAB_ALL and GRAB_UNIQ choose the packet that asks for jobs,
 * GRAB_JOB_ALL (the default) or GRAB_JOB_UNIQ: the last one that was turned on,
 * or GRAB_JOB after either was turned off.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API
void gearman_worker_add_options(gearman_worker_st *worker,
                                gearman_worker_options_t options);

/* Turns options off. SSL stays. Without TIMEOUT_RETURN the time limit becomes
 * 10,000 ms, and gearman_worker_work() does not return because of it.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API
void gearman_worker_remove_options(gearman_worker_st *worker,
                                   gearman_worker_options_t options);

/* The time limit in milliseconds; -1 for none, which is the default. 0 for
 * NULL.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API int gearman_worker_timeout(gearman_worker_st *worker);

/* Sets the time limit in milliseconds, after which gearman_worker_work()
 * returns TIMEOUT when there was nothing to do, and turns TIMEOUT_RETURN on.
 * Negative is no limit; 0 does not wait. Sending results is not limited.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API void gearman_worker_set_timeout(gearman_worker_st *worker, int timeout);

/* Waits for one job, calls its function, and tells the server how it ended. The
 * result is on its way when this returns, and no job is asked for in advance.
 *
 * Returns SUCCESS when a job was done, or its function asked for it to be done
 * again; the function's own code when it failed; TIMEOUT when there was nothing
 * to do for that long; SHUTDOWN and SHUTDOWN_GRACEFUL after gearman_kill();
 * COULD_NOT_CONNECT when no server can be reached (the next call makes a pause
 * before it tries again); NO_SERVERS, NO_REGISTERED_FUNCTIONS.
 *
 * In non-blocking mode IO_WAIT, for which gearman_worker_wait() waits, and NO_JOBS
 * when every server had its turn and none had a job: also when servers are down or
 * were lost. The next call begins again.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API gearman_return_t gearman_worker_work(gearman_worker_st *worker);

#ifdef __cplusplus
}
#endif
