/* Workers, which offer functions and do jobs. */

/* Generated from bindings/c/prelude/libgearman-1.0/worker.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman-1.0/constants.h>
#include <libgearman-1.0/function.h>
#include <libgearman-1.0/interface/worker.h>
#include <libgearman-1.0/kill.h>

/* Published by older versions; no function takes these. */
enum gearman_worker_state_t {
  GEARMAN_WORKER_STATE_START,
  GEARMAN_WORKER_STATE_FUNCTION_SEND,
  GEARMAN_WORKER_STATE_CONNECT,
  GEARMAN_WORKER_STATE_GRAB_JOB_SEND,
  GEARMAN_WORKER_STATE_GRAB_JOB_RECV,
  GEARMAN_WORKER_STATE_PRE_SLEEP
};

/* Published by older versions; no function takes these. */
enum gearman_worker_universal_t {
  GEARMAN_WORKER_WORK_UNIVERSAL_GRAB_JOB,
  GEARMAN_WORKER_WORK_UNIVERSAL_FUNCTION,
  GEARMAN_WORKER_WORK_UNIVERSAL_COMPLETE,
  GEARMAN_WORKER_WORK_UNIVERSAL_FAIL
};

#ifdef __cplusplus
extern "C" {
#endif

/* Frees all jobs of the worker whose function is not running.
 *
 * The servers are told nothing: jobs that are not finished stay with this worker until
 * its connections are closed.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API void gearman_job_free_all(gearman_worker_st *worker);

/* Creates a worker.
 *
 * `worker` is memory that the program provides, or NULL for memory of the library. The
 * memory need not be initialised. If the environment variable `GEARMAN_SERVERS` is
 * set, its servers are added as gearman_worker_add_servers() adds them; for
 * `GEARMAN_KEEPALIVE` see gearman_worker_set_keepalive(). Nothing is sent.
 *
 * Returns the worker, or NULL if `GEARMAN_SERVERS` names a host that has no address,
 * or the process has no file descriptors left. Free the worker with
 * gearman_worker_free(), also if the program provided the memory.
 *
 * Requires: `worker` is NULL or writable memory that is not a live worker.
 */
GEARMAN_API gearman_worker_st *gearman_worker_create(gearman_worker_st *worker);

/* Creates a worker with the settings of another one.
 *
 * The new worker gets the servers of `from` in the same order, its settings, and its
 * functions with their contexts. It does not get the jobs, the worker's own context,
 * the server options, the option `GEARMAN_WORKER_NON_BLOCKING`, and the
 * allocators. If `from` is NULL, this is gearman_worker_create(). `worker` is memory
 * for the new worker, or NULL for memory of the library.
 *
 * Returns the new worker, or NULL if a server of `from` has no address any more, or
 * the process has no file descriptors left. Free it with gearman_worker_free().
 *
 * Requires: `worker` is NULL or writable memory that is not a live worker; `from` is NULL or a
 * live worker.
 */
GEARMAN_API
gearman_worker_st *gearman_worker_clone(gearman_worker_st *worker,
                                        const gearman_worker_st *from);

/* Frees a worker and its jobs, and closes its connections.
 *
 * Servers give jobs that are not finished to other workers. It may be called inside a
 * function of the worker. In a forked child, the connections of the parent stay open.
 * If `worker` is NULL, nothing happens.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API void gearman_worker_free(gearman_worker_st *worker);

/* Gets the text of the worker's last error.
 *
 * The text has the form "function(GEARMAN_CODE) text -> file:line: pid(n)", or is the
 * name of the code alone.
 *
 * Returns the text, which belongs to the worker and is valid until the next call on
 * it; NULL if `worker` is NULL, or if it has no error and was never asked for a
 * job. A worker that was asked for a job and has no error has the text
 * "GEARMAN_UNKNOWN_STATE".
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API const char *gearman_worker_error(const gearman_worker_st *worker);

/* Gets the `errno` of the worker's last error.
 *
 * Returns the number; 0 if the error did not come from a system call, `EINVAL` if
 * `worker` is NULL.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API int gearman_worker_errno(gearman_worker_st *worker);

/* Turns TLS on, or off if `ssl` is false, for connections that are made later.
 *
 * `ca_file` has the certificates of the authorities that may sign a server's
 * certificate, and may have their revocation lists; `certificate` and `key_file` are the
 * worker's own, which a server may require. All are PEM. For a file that is NULL, the
 * environment's is used (`GEARMAND_CA_CERTIFICATE`, `GEARMAN_CLIENT_PEM`,
 * `GEARMAN_CLIENT_KEY`), or the one below /etc/ssl/certs, if it exists. What is verified
 * is said by `GEARMAN_TLS_VERIFY`: `ca`, which is the default, `full` or `none`. The
 * files are read when a connection is made; if one is wrong, connecting fails with an
 * error that names it. Unix sockets stay without TLS.
 *
 * Requires: `worker` is NULL or a live worker; `ca_file`, `certificate` and `key_file` are NULL
 * or NUL-terminated.
 */
GEARMAN_API
void gearman_worker_set_ssl(gearman_worker_st *worker,
                            bool ssl,
                            const char *ca_file,
                            const char *certificate,
                            const char *key_file);

/* Gets the pointer that gearman_worker_set_context() stored.
 *
 * Returns the pointer; NULL if none was stored or `worker` is NULL.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API void *gearman_worker_context(const gearman_worker_st *worker);

/* Stores a pointer of the program in the worker.
 *
 * The library does not use `context` and does not free it.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API void gearman_worker_set_context(gearman_worker_st *worker, void *context);

/* Sets the function that gets the worker's log lines.
 *
 * `function` is called with `context` once for each error, with the level
 * `GEARMAN_VERBOSE_ERROR`, if `verbose` is that level or a higher one. If `function`
 * is NULL, nothing is logged.
 *
 * Requires: `worker` is NULL or a live worker; `function` is NULL or a function of its declared
 * type.
 */
GEARMAN_API
void gearman_worker_set_log_fn(gearman_worker_st *worker,
                               gearman_log_fn *function,
                               void *context,
                               gearman_verbose_t verbose);

/* Sets the function that allocates memory for workloads.
 *
 * `function` is called with a size in bytes and `context`. It allocates the workloads
 * of jobs, of exactly their size, and the copies of what is sent for a job. If
 * `function` is NULL, `malloc` is used.
 *
 * Requires: `worker` is NULL or a live worker; `function` is NULL or a function of its declared
 * type.
 */
GEARMAN_API
void gearman_worker_set_workload_malloc_fn(gearman_worker_st *worker,
                                           gearman_malloc_fn *function,
                                           void *context);

/* Sets the function that frees workloads and results.
 *
 * `function` is called with the memory and `context`. It frees the workloads of jobs
 * that the program did not take, and the results that functions of
 * gearman_worker_add_function() return. If `function` is NULL, `free` is used.
 *
 * Requires: `worker` is NULL or a live worker; `function` is NULL or a function of its declared
 * type.
 */
GEARMAN_API
void gearman_worker_set_workload_free_fn(gearman_worker_st *worker,
                                         gearman_free_fn *function,
                                         void *context);

/* Sets the functions that allocate and free workloads and results.
 *
 * `malloc_fn` and `free_fn` are used as gearman_worker_set_workload_malloc_fn() and
 * gearman_worker_set_workload_free_fn() say; `context` is passed to both. Either all
 * four functions are given, or all are NULL for those of the system. The library never
 * calls `realloc_fn` and `calloc_fn`.
 *
 * Returns `GEARMAN_SUCCESS`, or an error, which leaves the functions as they are.
 *
 * Errors:
 * - `GEARMAN_FATAL`: some of the functions are NULL and others are not.
 * - `GEARMAN_INVALID_ARGUMENT`: `worker` is NULL.
 *
 * Requires: `worker` is NULL or a live worker; each function is NULL or a function of its
 * declared type.
 */
GEARMAN_API
gearman_return_t gearman_worker_set_memory_allocators(gearman_worker_st *worker,
                                                      gearman_malloc_fn *malloc_fn,
                                                      gearman_free_fn *free_fn,
                                                      gearman_realloc_fn *realloc_fn,
                                                      gearman_calloc_fn *calloc_fn,
                                                      void *context);

/* Sets the prefix that the worker puts before the names of functions that are added
 * later.
 *
 * `namespace_key` has `namespace_key_size` bytes, which are copied. If it is NULL or
 * empty, there is no prefix.
 *
 * Requires: `worker` is NULL or a live worker; `namespace_key` is NULL or readable for
 * `namespace_key_size` bytes.
 */
GEARMAN_API
void gearman_worker_set_namespace(gearman_worker_st *worker,
                                  const char *namespace_key,
                                  size_t namespace_key_size);

/* Gets the prefix that gearman_worker_set_namespace() set.
 *
 * Returns the prefix, NUL-terminated, which belongs to the worker and is valid until
 * the prefix is set again; NULL without a prefix and if `worker` is NULL.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API const char *gearman_worker_namespace(gearman_worker_st *worker);

/* Sets the identifier under which servers list this worker.
 *
 * `id` has `id_size` bytes, which are copied. Servers are told when they are connected
 * next.
 *
 * Returns `GEARMAN_SUCCESS` or an error.
 *
 * Errors:
 * - `GEARMAN_ARGUMENT_TOO_LARGE`: `id_size` is more than 254 bytes.
 * - `GEARMAN_INVALID_ARGUMENT`: `worker` is NULL, or `id` is empty or has characters
 *   that are not printable.
 *
 * Requires: `worker` is NULL or a live worker; `id` is NULL or readable for `id_size` bytes.
 */
GEARMAN_API
gearman_return_t gearman_worker_set_identifier(gearman_worker_st *worker,
                                               const char *id,
                                               size_t id_size);

/* Gets the stop handle of a worker, for gearman_kill().
 *
 * It may be called from a signal handler and while another thread uses the worker. A
 * forked child gets a stop handle of its own with its first call on the worker.
 *
 * Returns the stop handle, which is valid until the worker is freed. If `worker` is
 * NULL, both descriptors are -1.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API gearman_id_t gearman_worker_id(gearman_worker_st *worker);

/* Asks the servers for a job and returns it without calling its function.
 *
 * It does not wait for a job to be submitted. `job` is memory for the job, or NULL for
 * memory of the library. `ret_ptr`, unless NULL, receives the code. Report the result
 * with gearman_job_send_complete() or gearman_job_send_fail(), then free the job with
 * gearman_job_free(). The functions are offered with gearman_worker_register() or
 * gearman_worker_add_function().
 *
 * Returns the job, or NULL on an error.
 *
 * Errors:
 * - `GEARMAN_NO_JOBS`: no server has a job.
 * - `GEARMAN_IO_WAIT`: the worker is in non-blocking mode and would have to wait; or a
 *   signal arrived and `GEARMAN_WORKER_STOP_WAIT_ON_SIGNAL` is on.
 * - `GEARMAN_TIMEOUT`: a server did not answer within the timeout.
 * - `GEARMAN_SHUTDOWN`: gearman_kill() has asked the worker to stop.
 * - `GEARMAN_SHUTDOWN_GRACEFUL`: gearman_kill() has asked the worker to stop after its
 *   job.
 * - `GEARMAN_COULD_NOT_CONNECT`: no server can be reached.
 * - `GEARMAN_LOST_CONNECTION`: a server closed the connection.
 * - `GEARMAN_NO_SERVERS`: no server was added.
 * - `GEARMAN_NO_REGISTERED_FUNCTIONS`: the worker offers no function.
 * - `GEARMAN_INVALID_ARGUMENT`: `worker` is NULL.
 *
 * Requires: `worker` is NULL or a live worker; `job` is NULL or writable memory that is not a
 * live job; `ret_ptr` is NULL or writable.
 */
GEARMAN_API
gearman_job_st *gearman_worker_grab_job(gearman_worker_st *worker,
                                        gearman_job_st *job,
                                        gearman_return_t *ret_ptr);

/* Waits until a call on the worker can make progress.
 *
 * It is for non-blocking mode: after `GEARMAN_IO_WAIT`, call it and then repeat the
 * call. It waits for a connection that is being made, for an answer that is due, for a
 * packet that wakes the sleeping worker, and for the time after which a slow server is
 * left for the next one.
 *
 * Returns `GEARMAN_SUCCESS` once for each such event, or another code.
 *
 * Errors:
 * - `GEARMAN_TIMEOUT`: nothing happened within the timeout.
 * - `GEARMAN_NO_ACTIVE_FDS`: there is nothing to wait for, or what was reported was
 *   not yet looked at by another call. It is returned at once.
 * - `GEARMAN_SHUTDOWN`: gearman_kill() has asked the worker to stop.
 * - `GEARMAN_SHUTDOWN_GRACEFUL`: gearman_kill() has asked the worker to stop after its
 *   job.
 * - `GEARMAN_IO_WAIT`: a signal arrived and `GEARMAN_WORKER_STOP_WAIT_ON_SIGNAL` is
 *   on.
 * - `GEARMAN_INVALID_ARGUMENT`: `worker` is NULL.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API gearman_return_t gearman_worker_wait(gearman_worker_st *worker);

/* Checks that every server answers, by having each send bytes back.
 *
 * It waits for the answers, in non-blocking mode too. `workload` has `workload_size`
 * bytes, at least one.
 *
 * Returns `GEARMAN_SUCCESS` if every server sent the same bytes back, or an error.
 *
 * Errors:
 * - `GEARMAN_INVALID_ARGUMENT`: `worker` is NULL, or `workload` has no bytes.
 * - `GEARMAN_ARGUMENT_TOO_LARGE`: `workload_size` is more than a packet can hold.
 * - `GEARMAN_ECHO_DATA_CORRUPTION`: a server sent other bytes back.
 * - `GEARMAN_COULD_NOT_CONNECT`: a server cannot be reached.
 * - `GEARMAN_NO_SERVERS`: no server was added.
 * - `GEARMAN_LOST_CONNECTION`: a server closed the connection.
 * - `GEARMAN_TIMEOUT`: a server did not answer within the timeout.
 *
 * Requires: `worker` is NULL or a live worker; `workload` is NULL or readable for
 * `workload_size` bytes.
 */
GEARMAN_API
gearman_return_t gearman_worker_echo(gearman_worker_st *worker,
                                     const void *workload,
                                     size_t workload_size);

/* Turns an option of the servers on, such as "exceptions".
 *
 * Every server is asked, and asked again on every later connection. It waits for the
 * answers, in non-blocking mode too. `option_arg` has `option_arg_size` bytes.
 *
 * Returns true if at least one server accepted the option and none refused it. A
 * server that is down is asked when it is connected again. False on any error;
 * gearman_worker_error() says which.
 *
 * Requires: `worker` is NULL or a live worker; `option_arg` is NULL or readable for
 * `option_arg_size` bytes.
 */
GEARMAN_API
bool gearman_worker_set_server_option(gearman_worker_st *worker,
                                      const char *option_arg,
                                      size_t option_arg_size);

/* Offers a function whose jobs the program gets with gearman_worker_grab_job().
 *
 * The servers are told with the next call that asks for jobs. `function_name` has at
 * most 512 bytes. `timeout` is the time in milliseconds after which the server gives
 * an unfinished job to another worker; 0 is no limit.
 *
 * Returns `GEARMAN_SUCCESS` or an error.
 *
 * Errors:
 * - `GEARMAN_INVALID_ARGUMENT`: `worker` is NULL, or `function_name` is NULL, empty or
 *   too long.
 *
 * Requires: `worker` is NULL or a live worker; `function_name` is NULL or NUL-terminated.
 */
GEARMAN_API
gearman_return_t gearman_worker_register(gearman_worker_st *worker,
                                         const char *function_name,
                                         uint32_t timeout);

/* Withdraws a function, with all that were added under the same name.
 *
 * The servers are told with the next call that asks for jobs.
 *
 * Returns `GEARMAN_SUCCESS` or an error.
 *
 * Errors:
 * - `GEARMAN_NO_REGISTERED_FUNCTION`: the worker does not offer `function_name`.
 * - `GEARMAN_INVALID_ARGUMENT`: `worker` is NULL.
 *
 * Requires: `worker` is NULL or a live worker; `function_name` is NULL or NUL-terminated.
 */
GEARMAN_API
gearman_return_t gearman_worker_unregister(gearman_worker_st *worker,
                                           const char *function_name);

/* Withdraws all functions of the worker.
 *
 * The servers are told with the next call that asks for jobs.
 *
 * Returns `GEARMAN_SUCCESS` or an error.
 *
 * Errors:
 * - `GEARMAN_NO_REGISTERED_FUNCTIONS`: the worker offers no function.
 * - `GEARMAN_INVALID_ARGUMENT`: `worker` is NULL.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API gearman_return_t gearman_worker_unregister_all(gearman_worker_st *worker);

/* Tells whether the worker offers a function.
 *
 * `function_name` has `function_length` bytes.
 *
 * Returns true if it is offered; false if it is not or `worker` is NULL.
 *
 * Requires: `worker` is NULL or a live worker; `function_name` is NULL or readable for
 * `function_length` bytes.
 */
GEARMAN_API
bool gearman_worker_function_exist(gearman_worker_st *worker,
                                   const char *function_name,
                                   size_t function_length);

/* Offers a function that returns its result.
 *
 * The servers are told with the next call that asks for jobs. `function_name` has at
 * most 512 bytes; a function that was added before under this name is not called any
 * more. `timeout` is the time in milliseconds after which the server gives an
 * unfinished job to another worker; 0 is no limit. `function` is called with a job and
 * `context`. It returns its result in memory that the library frees, with the function
 * of gearman_worker_set_workload_free_fn(), and stores the size of the result and its
 * code: `GEARMAN_SUCCESS` completes the job. `GEARMAN_SHUTDOWN` does too, and
 * gearman_worker_work() returns it. `GEARMAN_LOST_CONNECTION` gives the job back to
 * the server, and any other code fails it. gearman_worker_define_function() takes
 * functions of other kinds.
 *
 * Returns `GEARMAN_SUCCESS` or an error.
 *
 * Errors:
 * - `GEARMAN_INVALID_ARGUMENT`: `worker` or `function` is NULL, or `function_name` is
 *   NULL, empty or too long.
 *
 * Requires: `worker` is NULL or a live worker; `function_name` is NULL or NUL-terminated;
 * `function` is NULL or a function of its declared type.
 */
GEARMAN_API
gearman_return_t gearman_worker_add_function(gearman_worker_st *worker,
                                             const char *function_name,
                                             uint32_t timeout,
                                             gearman_worker_fn *function,
                                             void *context);

/* Offers a function of any kind.
 *
 * The servers are told with the next call that asks for jobs. `function_name` has
 * `function_name_length` bytes, at most 512; a function that was added before under
 * this name is not called any more. `function` is what gearman_function_create(),
 * gearman_function_create_v1(), gearman_function_create_v2() or
 * gearman_function_create_partition() returned; it is called with a job and `context`.
 * `timeout` is the time in milliseconds after which the server gives an unfinished job
 * to another worker; 0 is no limit.
 *
 * Returns `GEARMAN_SUCCESS` or an error.
 *
 * Errors:
 * - `GEARMAN_INVALID_ARGUMENT`: `worker` is NULL, `function` has no function or an
 *   unknown kind, or `function_name` is empty or too long.
 *
 * Requires: `worker` is NULL or a live worker; `function_name` is NULL or readable for
 * `function_name_length` bytes; `function` was made by one of the functions named
 * above.
 */
GEARMAN_API
gearman_return_t gearman_worker_define_function(gearman_worker_st *worker,
                                                const char *function_name,
                                                size_t function_name_length,
                                                gearman_function_t function,
                                                uint32_t timeout,
                                                void *context);

/* Gets the options that are on.
 *
 * Returns the bits of `gearman_worker_options_t`; 0 if `worker` is NULL.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API gearman_worker_options_t gearman_worker_options(const gearman_worker_st *worker);

/* Turns the worker's options on or off, each as its bit in `options` says.
 *
 * `GEARMAN_WORKER_SSL` is never turned off. Without `GEARMAN_WORKER_TIMEOUT_RETURN`
 * the timeout becomes 10,000 ms and does not end gearman_worker_work().
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API
void gearman_worker_set_options(gearman_worker_st *worker,
                                gearman_worker_options_t options);

/* Turns options of the worker on.
 *
 * Options that `options` does not have stay as they are. `GEARMAN_WORKER_GRAB_ALL` and
 * `GEARMAN_WORKER_GRAB_UNIQ` choose the packet that asks for jobs: GRAB_JOB_ALL, which
 * is the default, or GRAB_JOB_UNIQ. The option that was turned on last counts; after
 * either was turned off, the packet is GRAB_JOB.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API
void gearman_worker_add_options(gearman_worker_st *worker,
                                gearman_worker_options_t options);

/* Turns options of the worker off.
 *
 * Options that `options` does not have stay as they are, and so does
 * `GEARMAN_WORKER_SSL`. Without `GEARMAN_WORKER_TIMEOUT_RETURN` the timeout becomes
 * 10,000 ms and does not end gearman_worker_work().
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API
void gearman_worker_remove_options(gearman_worker_st *worker,
                                   gearman_worker_options_t options);

/* Gets the worker's timeout.
 *
 * Returns the timeout in milliseconds as it was set; -1, the default, for no timeout.
 * If `worker` is NULL, 0.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API int gearman_worker_timeout(gearman_worker_st *worker);

/* Sets the worker's timeout, and turns the option `GEARMAN_WORKER_TIMEOUT_RETURN` on.
 *
 * `timeout` is in milliseconds: gearman_worker_work() returns `GEARMAN_TIMEOUT` if no
 * job arrives within it. A negative number is no limit; with 0 the worker does not
 * wait. Sending results is not limited. While the parts of a partitioned job are run, a
 * server that is silent for this time makes the job fail; 0 is no limit there.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API void gearman_worker_set_timeout(gearman_worker_st *worker, int timeout);

/* Waits for one job, calls its function, and sends its result to the server.
 *
 * The result has been passed to the kernel when this function returns, and no further
 * job was asked for. Call it in a loop.
 *
 * In non-blocking mode it returns `GEARMAN_IO_WAIT` instead of waiting: call
 * gearman_worker_wait() and then this function again.
 *
 * Returns `GEARMAN_SUCCESS` if a job was done, or was given back to the server because
 * its function asked for that; the code of the function if it failed the job; or
 * another code.
 *
 * Errors:
 * - `GEARMAN_TIMEOUT`: no job arrived within the timeout.
 * - `GEARMAN_SHUTDOWN`: gearman_kill() has asked the worker to stop.
 * - `GEARMAN_SHUTDOWN_GRACEFUL`: gearman_kill() has asked the worker to stop after its
 *   job.
 * - `GEARMAN_COULD_NOT_CONNECT`: no server can be reached. The next call pauses before
 *   it tries again.
 * - `GEARMAN_LOST_CONNECTION`: a server closed the connection. The next call connects
 *   again.
 * - `GEARMAN_NO_SERVERS`: no server was added.
 * - `GEARMAN_NO_REGISTERED_FUNCTIONS`: the worker offers no function.
 * - `GEARMAN_IO_WAIT`: the worker is in non-blocking mode and would have to wait; or a
 *   signal arrived and `GEARMAN_WORKER_STOP_WAIT_ON_SIGNAL` is on.
 * - `GEARMAN_NO_JOBS`: in non-blocking mode, every server was asked and none gave a
 *   job, which includes servers that are down. The next call begins anew.
 * - `GEARMAN_INVALID_ARGUMENT`: `worker` is NULL.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API gearman_return_t gearman_worker_work(gearman_worker_st *worker);

/* Adds a server to the worker.
 *
 * The host is looked up; nothing is sent. The server that was added last is asked for
 * jobs first. `host` is a name, an IPv4 or IPv6 address, or, if it starts with "/",
 * the path of a Unix socket; NULL and "" mean localhost. `port` is in host byte order;
 * 0 means 4730.
 *
 * Returns `GEARMAN_SUCCESS` or an error.
 *
 * Errors:
 * - `GEARMAN_GETADDRINFO`: `host` has no address.
 * - `GEARMAN_INVALID_ARGUMENT`: `worker` is NULL.
 *
 * Requires: `worker` is NULL or a live worker; `host` is NULL or NUL-terminated.
 */
GEARMAN_API
gearman_return_t gearman_worker_add_server(gearman_worker_st *worker,
                                           const char *host,
                                           in_port_t port);

/* Adds a list of servers to the worker.
 *
 * `servers` has the form "host:port,host,...", with IPv6 addresses in brackets; NULL
 * means localhost. The servers are added in the order of the list, each as
 * gearman_worker_add_server() adds it, so the last one is asked first. The first
 * server that has no address ends the list.
 *
 * Returns `GEARMAN_SUCCESS` or an error.
 *
 * Errors:
 * - `GEARMAN_GETADDRINFO`: a host has no address; the servers before it were added.
 * - `GEARMAN_INVALID_ARGUMENT`: `worker` is NULL.
 *
 * Requires: `worker` is NULL or a live worker; `servers` is NULL or NUL-terminated.
 */
GEARMAN_API
gearman_return_t gearman_worker_add_servers(gearman_worker_st *worker,
                                            const char *servers);

/* Closes the worker's connections and removes all its servers.
 *
 * What is sent for their jobs afterwards fails with `GEARMAN_LOST_CONNECTION`.
 *
 * Requires: `worker` is NULL or a live worker.
 */
GEARMAN_API void gearman_worker_remove_servers(gearman_worker_st *worker);

#ifdef __cplusplus
}
#endif
