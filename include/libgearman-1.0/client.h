/* Clients, which submit jobs and ask for their state. */

/* Generated from bindings/c/prelude/libgearman-1.0/client.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman-1.0/client_callbacks.h>
#include <libgearman-1.0/constants.h>
#include <libgearman-1.0/interface/client.h>
#include <libgearman-1.0/interface/status.h>
#include <libgearman-1.0/interface/task.h>
#include <libgearman-1.0/job_handle.h>

/* Published by older versions; no function takes these. */
enum gearman_client_t {
  GEARMAN_CLIENT_STATE_IDLE,
  GEARMAN_CLIENT_STATE_NEW,
  GEARMAN_CLIENT_STATE_SUBMIT,
  GEARMAN_CLIENT_STATE_PACKET
};

#ifdef __cplusplus
extern "C" {
#endif

/* Creates a client.
 *
 * `client` is memory that the program provides, or NULL for memory of the library. The
 * memory need not be initialised. If the environment variable `GEARMAN_SERVERS` is
 * set, its servers are added as gearman_client_add_servers() adds them; for
 * `GEARMAN_RESUBMISSIONS` see gearman_client_set_resubmissions(), for `GEARMAN_KEEPALIVE`
 * gearman_client_set_keepalive(). Nothing is sent.
 *
 * Returns the client, or NULL if `GEARMAN_SERVERS` names a host that has no address.
 * Free the client with gearman_client_free(), also if the program provided the memory.
 *
 * Requires: `client` is NULL or writable memory that is not a live client.
 */
GEARMAN_API gearman_client_st *gearman_client_create(gearman_client_st *client);

/* Creates a client with the settings of another one.
 *
 * The new client gets the servers of `from` in the same order, its settings and its
 * callbacks. It does not get the tasks, the context, the server options and the
 * allocators. If `from` is NULL, this is gearman_client_create(). `client` is
 * memory for the new client, or NULL for memory of the library.
 *
 * Returns the new client, or NULL if a server of `from` has no address any more. Free
 * it with gearman_client_free().
 *
 * Requires: `client` is NULL or writable memory that is not a live client; `from` is NULL or a
 * live client.
 */
GEARMAN_API
gearman_client_st *gearman_client_clone(gearman_client_st *client,
                                        const gearman_client_st *from);

/* Frees a client and its tasks, and closes its connections.
 *
 * It may be called inside a callback of the client. In a forked child, the connections
 * of the parent stay open. If `client` is NULL, nothing happens.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API void gearman_client_free(gearman_client_st *client);

/* Gets the text of the client's last error.
 *
 * The text has the form "function(GEARMAN_CODE) text -> file:line: pid(n)", or is the
 * name of the code alone.
 *
 * Returns the text, which belongs to the client and is valid until the next call on
 * it; NULL without an error and if `client` is NULL.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API const char *gearman_client_error(const gearman_client_st *client);

/* Gets the code of the client's last error.
 *
 * Returns the code; `GEARMAN_SUCCESS` without an error, `GEARMAN_INVALID_ARGUMENT` if
 * `client` is NULL.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API gearman_return_t gearman_client_error_code(const gearman_client_st *client);

/* Gets the `errno` of the client's last error.
 *
 * Returns the number; 0 if the error did not come from a system call, `EINVAL` if
 * `client` is NULL.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API int gearman_client_errno(const gearman_client_st *client);

/* Gets the client's timeout.
 *
 * Returns the timeout in milliseconds as it was set; -1, the default, for no timeout.
 * If `client` is NULL, -1.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API int gearman_client_timeout(gearman_client_st *client);

/* Sets the client's timeout.
 *
 * `timeout` is in milliseconds. It limits how long connecting takes, over all servers
 * together, and how long a server may be silent while the client waits for it: every
 * complete packet starts the time anew. A negative number is no limit, which is the
 * default; with 0 the client does not wait.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API void gearman_client_set_timeout(gearman_client_st *client, int timeout);

/* Gets the pointer that gearman_client_set_context() stored.
 *
 * Returns the pointer; NULL if none was stored or `client` is NULL.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API void *gearman_client_context(const gearman_client_st *client);

/* Stores a pointer of the program in the client.
 *
 * The library does not use `context` and does not free it.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API void gearman_client_set_context(gearman_client_st *client, void *context);

/* Sets the function that gets the client's log lines.
 *
 * `function` is called with `context` once for each error, with the level
 * `GEARMAN_VERBOSE_ERROR`, if `verbose` is that level or a higher one; from INFO on also for
 * callbacks that are set too late for tasks. If `function` is NULL, nothing is logged.
 *
 * Requires: `client` is NULL or a live client; `function` is NULL or a function of its declared
 * type.
 */
GEARMAN_API
void gearman_client_set_log_fn(gearman_client_st *client,
                               gearman_log_fn *function,
                               void *context,
                               gearman_verbose_t verbose);

/* Sets the function that allocates memory for results and workloads.
 *
 * `function` is called with a size in bytes and `context`. It allocates the results of
 * gearman_client_do(), each with a NUL after its last byte; the data that callbacks
 * get, of exactly its size; and the copies of the workloads of tasks. If `function` is
 * NULL, `malloc` is used.
 *
 * Requires: `client` is NULL or a live client; `function` is NULL or a function of its declared
 * type.
 */
GEARMAN_API
void gearman_client_set_workload_malloc_fn(gearman_client_st *client,
                                           gearman_malloc_fn *function,
                                           void *context);

/* Sets the function that frees results and workloads.
 *
 * `function` is called with the memory and `context`. It frees the data of callbacks
 * that the program did not take, and the workloads of tasks, including those of
 * gearman_task_give_workload(). If `function` is NULL, `free` is used.
 *
 * Requires: `client` is NULL or a live client; `function` is NULL or a function of its declared
 * type.
 */
GEARMAN_API
void gearman_client_set_workload_free_fn(gearman_client_st *client,
                                         gearman_free_fn *function,
                                         void *context);

/* Sets the functions that allocate and free results and workloads.
 *
 * `malloc_fn` and `free_fn` are used as gearman_client_set_workload_malloc_fn() and
 * gearman_client_set_workload_free_fn() say; `context` is passed to both. Either all
 * four functions are given, or all are NULL for those of the system. The library never
 * calls `realloc_fn` and `calloc_fn`.
 *
 * Returns `GEARMAN_SUCCESS`, or an error, which leaves the functions as they are.
 *
 * Errors:
 * - `GEARMAN_FATAL`: some of the functions are NULL and others are not.
 * - `GEARMAN_INVALID_ARGUMENT`: `client` is NULL.
 *
 * Requires: `client` is NULL or a live client; each function is NULL or a function of its
 * declared type.
 */
GEARMAN_API
gearman_return_t gearman_client_set_memory_allocators(gearman_client_st *client,
                                                      gearman_malloc_fn *malloc_fn,
                                                      gearman_free_fn *free_fn,
                                                      gearman_realloc_fn *realloc_fn,
                                                      gearman_calloc_fn *calloc_fn,
                                                      void *context);

/* Sets the prefix that the client puts before every function name.
 *
 * `namespace_key` has `namespace_key_size` bytes, which are copied. If it is NULL or
 * empty, there is no prefix.
 *
 * Requires: `client` is NULL or a live client; `namespace_key` is NULL or readable for
 * `namespace_key_size` bytes.
 */
GEARMAN_API
void gearman_client_set_namespace(gearman_client_st *client,
                                  const char *namespace_key,
                                  size_t namespace_key_size);

/* Gets the prefix that gearman_client_set_namespace() set.
 *
 * The original library declares this function but does not export it.
 *
 * Returns the prefix, NUL-terminated, which belongs to the client and is valid until
 * the prefix is set again; NULL without a prefix and if `client` is NULL.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API const char *gearman_client_namespace(gearman_client_st *client);

/* Sets the identifier under which servers list this client.
 *
 * `id` has `id_size` bytes, which are copied. Servers that are connected are told with
 * the next packet that is sent to them, others when they are connected.
 *
 * Returns `GEARMAN_SUCCESS` or an error.
 *
 * Errors:
 * - `GEARMAN_ARGUMENT_TOO_LARGE`: `id_size` is more than 254 bytes.
 * - `GEARMAN_INVALID_ARGUMENT`: `client` is NULL, or `id` is empty or has characters
 *   that are not printable.
 *
 * Requires: `client` is NULL or a live client; `id` is NULL or readable for `id_size` bytes.
 */
GEARMAN_API
gearman_return_t gearman_client_set_identifier(gearman_client_st *client,
                                               const char *id,
                                               size_t id_size);

/* Asks a server for the state of a background job, by its handle.
 *
 * It waits for the answer, in non-blocking mode too. `job_handle` is the handle that
 * gearman_client_do_background() gave. `is_known` tells whether the server knows the
 * job, `is_running` whether a worker has it, and `numerator` and `denominator` what
 * its worker last reported as its progress. Each of the four may be NULL.
 *
 * Returns `GEARMAN_SUCCESS` for every answer of the server, also if it does not know
 * the job. If `is_known` and `is_running` are both NULL, the code tells the state
 * instead: `GEARMAN_IN_PROGRESS` for a running job, `GEARMAN_JOB_EXISTS` for a waiting
 * one, `GEARMAN_SUCCESS` for an unknown one.
 *
 * Errors:
 * - `GEARMAN_INVALID_ARGUMENT`: `client` or `job_handle` is NULL.
 * - `GEARMAN_COULD_NOT_CONNECT`: no server can be reached.
 * - `GEARMAN_NO_SERVERS`: no server was added.
 * - `GEARMAN_LOST_CONNECTION`: the server closed the connection before it answered.
 * - `GEARMAN_TIMEOUT`: no server answered within the timeout.
 * - `GEARMAN_SERVER_ERROR`: the server refused the request.
 *
 * Requires: `client` is NULL or a live client; `job_handle` is NULL or NUL-terminated;
 * `is_known`, `is_running`, `numerator` and `denominator` are NULL or writable.
 */
GEARMAN_API
gearman_return_t gearman_client_job_status(gearman_client_st *client,
                                           const gearman_job_handle_t job_handle,
                                           bool *is_known,
                                           bool *is_running,
                                           uint32_t *numerator,
                                           uint32_t *denominator);

/* Asks a server for the state of a job, by its unique id.
 *
 * It waits for the answer, in non-blocking mode too. `unique` is NUL-terminated.
 * `unique_length` is ignored, as in the original library.
 *
 * Returns the answer by value. gearman_status_return() gives its code,
 * gearman_status_is_known(), gearman_status_is_running(), gearman_status_numerator()
 * and gearman_status_denominator() the state.
 *
 * Errors:
 * - `GEARMAN_UNKNOWN_STATE`: `unique` is NULL or longer than 64 bytes.
 * - `GEARMAN_INVALID_ARGUMENT`: `client` is NULL.
 * - `GEARMAN_COULD_NOT_CONNECT`: no server can be reached.
 * - `GEARMAN_NO_SERVERS`: no server was added.
 * - `GEARMAN_LOST_CONNECTION`: the server closed the connection before it answered.
 * - `GEARMAN_TIMEOUT`: no server answered within the timeout.
 * - `GEARMAN_SERVER_ERROR`: the server refused the request.
 *
 * Requires: `client` is NULL or a live client; `unique` is NULL or NUL-terminated.
 */
GEARMAN_API
gearman_status_t gearman_client_unique_status(gearman_client_st *client,
                                              const char *unique,
                                              size_t unique_length);

/* Checks that every server answers, by having each send bytes back.
 *
 * It waits for the answers, in non-blocking mode too. `workload` has `workload_size`
 * bytes, at least one.
 *
 * Returns `GEARMAN_SUCCESS` if every server sent the same bytes back, or an error.
 *
 * Errors:
 * - `GEARMAN_INVALID_ARGUMENT`: `client` is NULL, or `workload` has no bytes.
 * - `GEARMAN_ARGUMENT_TOO_LARGE`: `workload_size` is more than a packet can hold.
 * - `GEARMAN_ECHO_DATA_CORRUPTION`: a server sent other bytes back.
 * - `GEARMAN_COULD_NOT_CONNECT`: a server cannot be reached.
 * - `GEARMAN_NO_SERVERS`: no server was added.
 * - `GEARMAN_LOST_CONNECTION`: a server closed the connection.
 * - `GEARMAN_TIMEOUT`: a server did not answer within the timeout.
 *
 * Requires: `client` is NULL or a live client; `workload` is NULL or readable for
 * `workload_size` bytes.
 */
GEARMAN_API
gearman_return_t gearman_client_echo(gearman_client_st *client,
                                     const void *workload,
                                     size_t workload_size);

/* Turns an option of the servers on, such as "exceptions".
 *
 * Every server is asked, and asked again on every later connection. It waits for the
 * answers, in non-blocking mode too. `option_arg` has `option_arg_size` bytes.
 * gearman_client_greet_with_option() does not wait.
 *
 * Returns true if at least one server accepted the option and none refused it. A
 * server that is down is asked when it is connected again. False on any error;
 * gearman_client_error() says which.
 *
 * Requires: `client` is NULL or a live client; `option_arg` is NULL or readable for
 * `option_arg_size` bytes.
 */
GEARMAN_API
bool gearman_client_set_server_option(gearman_client_st *client,
                                      const char *option_arg,
                                      size_t option_arg_size);

/* Submits a background job and waits until a server has queued it.
 *
 * The priority of the job is normal. The function waits in non-blocking mode too. The
 * job runs later, and nothing tells the client how it ended. The name of its function
 * is `function_name`. `unique` identifies the job: a server that has a job of the same
 * function and unique id does not queue a second one. If `unique` is NULL or empty,
 * the library makes one; if it is "#", it is replaced with a hash of the workload.
 * `workload` has `workload_size` bytes; it is only read. `job_handle`, unless NULL,
 * receives the handle of the job, for gearman_client_job_status().
 *
 * Returns `GEARMAN_SUCCESS` if a server has queued the job, or an error.
 *
 * Errors:
 * - `GEARMAN_INVALID_ARGUMENT`: `client` is NULL; `function_name` is NULL, empty or
 *   longer than 512 bytes; `unique` is longer than 64 bytes; or only one of `workload`
 *   and `workload_size` is given.
 * - `GEARMAN_ARGUMENT_TOO_LARGE`: `workload_size` is more than a packet can hold.
 * - `GEARMAN_COULD_NOT_CONNECT`: no server can be reached.
 * - `GEARMAN_NO_SERVERS`: no server was added.
 * - `GEARMAN_LOST_CONNECTION`: the server closed the connection before it answered.
 * - `GEARMAN_TIMEOUT`: no server answered within the timeout.
 * - `GEARMAN_SERVER_ERROR`: the server refused the request.
 * - `GEARMAN_QUEUE_ERROR`: the queue of the function has no room for the job.
 *
 * Requires: `client` is NULL or a live client; `function_name` and `unique` are NULL or
 * NUL-terminated; `workload` is NULL or readable for `workload_size` bytes until the
 * function returns; `job_handle` is NULL or writable for 64 bytes.
 */
GEARMAN_API
gearman_return_t gearman_client_do_background(gearman_client_st *client,
                                              const char *function_name,
                                              const char *unique,
                                              const void *workload,
                                              size_t workload_size,
                                              gearman_job_handle_t job_handle);

/* Like gearman_client_do_background(), with high priority.
 *
 * Requires: As for gearman_client_do_background().
 */
GEARMAN_API
gearman_return_t gearman_client_do_high_background(gearman_client_st *client,
                                                   const char *function_name,
                                                   const char *unique,
                                                   const void *workload,
                                                   size_t workload_size,
                                                   gearman_job_handle_t job_handle);

/* Like gearman_client_do_background(), with low priority.
 *
 * Requires: As for gearman_client_do_background().
 */
GEARMAN_API
gearman_return_t gearman_client_do_low_background(gearman_client_st *client,
                                                  const char *function_name,
                                                  const char *unique,
                                                  const void *workload,
                                                  size_t workload_size,
                                                  gearman_job_handle_t job_handle);

/* Gets the handle of the last job that gearman_client_do_background() or a variant of
 * it submitted.
 *
 * Returns the handle, which belongs to the client and is valid until the next such
 * call; an empty string before the first such call and after one that failed, NULL if
 * `client` is NULL.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API const char *gearman_client_do_job_handle(gearman_client_st *client);

/* Gets the progress of the job of gearman_client_do(), which is always 0 of 0.
 *
 * It is deprecated: gearman_client_do() returns only when its job has ended. `client`
 * is ignored; `numerator` and `denominator` receive 0.
 *
 * Requires: `numerator` and `denominator` are NULL or writable.
 */
GEARMAN_API
void gearman_client_do_status(gearman_client_st *client,
                              uint32_t *numerator,
                              uint32_t *denominator);

/* Gets the options that are on.
 *
 * Returns the bits of `gearman_client_options_t`. `GEARMAN_CLIENT_EXCEPTION` is never
 * among them. If `client` is NULL, the value of `GEARMAN_WORKER_MAX`, as in the
 * original library.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API gearman_client_options_t gearman_client_options(const gearman_client_st *client);

/* Turns the client's options on or off, each as its bit in `options` says.
 *
 * `GEARMAN_CLIENT_EXCEPTION` and `GEARMAN_CLIENT_SSL` are never turned off. If
 * `GEARMAN_CLIENT_EXCEPTION` is among the bits, the servers are asked for exceptions,
 * and the function waits for their answers.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API
void gearman_client_set_options(gearman_client_st *client,
                                gearman_client_options_t options);

/* Turns options of the client on.
 *
 * Options that `options` does not have stay as they are. If `GEARMAN_CLIENT_EXCEPTION`
 * is among the bits, the servers are asked for exceptions, and the function waits for
 * their answers.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API
void gearman_client_add_options(gearman_client_st *client,
                                gearman_client_options_t options);

/* Tells whether an option of the client is on.
 *
 * `option` is one bit of `gearman_client_options_t`.
 *
 * Returns true if it is on; false if it is off, several bits were given, or `client`
 * is NULL.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API
bool gearman_client_has_option(gearman_client_st *client,
                               gearman_client_options_t option);

/* Turns options of the client off.
 *
 * Options that `options` does not have stay as they are, and so do
 * `GEARMAN_CLIENT_EXCEPTION`, `GEARMAN_CLIENT_SSL` and `GEARMAN_CLIENT_NO_NEW`.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API
void gearman_client_remove_options(gearman_client_st *client,
                                   gearman_client_options_t options);

/* Turns TLS on, or off if `ssl` is false, for connections that are made later.
 *
 * `ca_file` has the certificates of the authorities that may sign a server's
 * certificate, and may have their revocation lists; `certificate` and `key_file` are the
 * client's own, which a server may require. All are PEM. For a file that is NULL, the
 * environment's is used (`GEARMAND_CA_CERTIFICATE`, `GEARMAN_CLIENT_PEM`,
 * `GEARMAN_CLIENT_KEY`), or the one below /etc/ssl/certs, if it exists. What is verified
 * is said by `GEARMAN_TLS_VERIFY`: `ca`, which is the default, `full` or `none`. The
 * files are read when a connection is made; if one is wrong, connecting fails with an
 * error that names it. Unix sockets stay without TLS.
 *
 * Requires: `client` is NULL or a live client; `ca_file`, `certificate` and `key_file` are NULL
 * or NUL-terminated.
 */
GEARMAN_API
void gearman_client_set_ssl(gearman_client_st *client,
                            bool ssl,
                            const char *ca_file,
                            const char *certificate,
                            const char *key_file);

/* Sends the tasks that were added, and calls their callbacks until all are finished.
 *
 * Tasks are sent in the order in which they were added, without waiting for one
 * another. In non-blocking mode the function returns `GEARMAN_IO_WAIT` instead of
 * waiting: call gearman_client_wait() and then this function again.
 *
 * Returns `GEARMAN_SUCCESS` if every task is finished, however its job ended:
 * gearman_task_return() tells that. If a callback returns another code than
 * `GEARMAN_SUCCESS`, the function returns that code; the next run calls the callback
 * again for the same event. Otherwise an error of the connection is returned, and
 * unfinished tasks stay for the next run.
 *
 * Errors:
 * - `GEARMAN_IO_WAIT`: the client is in non-blocking mode and would have to wait; or a
 *   signal arrived and `GEARMAN_CLIENT_STOP_WAIT_ON_SIGNAL` is on.
 * - `GEARMAN_COULD_NOT_CONNECT`: no server can be reached.
 * - `GEARMAN_NO_SERVERS`: no server was added.
 * - `GEARMAN_LOST_CONNECTION`: a server closed the connection.
 * - `GEARMAN_TIMEOUT`: a server was silent for longer than the timeout.
 * - `GEARMAN_INVALID_ARGUMENT`: `client` is NULL.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API gearman_return_t gearman_client_run_tasks(gearman_client_st *client);

/* Frees all tasks of the client.
 *
 * Jobs that were submitted are not cancelled; what their servers send for them is
 * ignored.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API void gearman_client_task_free_all(gearman_client_st *client);

/* Tells whether the client has any task, finished or not.
 *
 * Returns true if it has one; false if it has not or `client` is NULL.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API bool gearman_client_has_tasks(const gearman_client_st *client);

/* Tells whether a task of the client waits for a packet from a server.
 *
 * Returns true if one does; false if none does or `client` is NULL.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API bool gearman_client_has_active_tasks(gearman_client_st *client);

/* Chooses the server of each job by the job's unique id.
 *
 * By default, the server that was added last gets all jobs that it can take. If `enable`
 * is true, jobs with the same unique id go to the same server, from every client that has
 * the same servers: their hosts have to be written alike, their order does not matter. If
 * that server cannot be reached, all clients agree on the one that takes its place.
 *
 * This holds for submissions. Requests for the state of a job, and jobs that are submitted
 * without a unique id, go to the server added last as before. It is off in a new
 * client, is no bit of gearman_client_options_t, and is taken over by
 * gearman_client_clone().
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API
void gearman_client_set_server_selection_by_unique(gearman_client_st *client,
                                                   bool enable);

/* Tells whether the client chooses the server of each job by the job's unique id.
 *
 * Returns true if it does; false if it does not or `client` is NULL.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API bool gearman_client_server_selection_by_unique(const gearman_client_st *client);

/* Adds a server to the client.
 *
 * The host is looked up; nothing is sent. The server that was added last is tried
 * first. `host` is a name, an IPv4 or IPv6 address, or, if it starts with "/", the
 * path of a Unix socket; NULL and "" mean localhost. `port` is in host byte order; 0
 * means 4730.
 *
 * Returns `GEARMAN_SUCCESS` or an error.
 *
 * Errors:
 * - `GEARMAN_GETADDRINFO`: `host` has no address.
 * - `GEARMAN_INVALID_ARGUMENT`: `client` is NULL.
 *
 * Requires: `client` is NULL or a live client; `host` is NULL or NUL-terminated.
 */
GEARMAN_API
gearman_return_t gearman_client_add_server(gearman_client_st *client,
                                           const char *host,
                                           in_port_t port);

/* Adds a list of servers to the client.
 *
 * `servers` has the form "host:port,host,...", with IPv6 addresses in brackets; NULL
 * means localhost. The servers are added in the order of the list, each as
 * gearman_client_add_server() adds it, so the last one is tried first. The first
 * server that has no address ends the list.
 *
 * Returns `GEARMAN_SUCCESS` or an error.
 *
 * Errors:
 * - `GEARMAN_GETADDRINFO`: a host has no address; the servers before it were added.
 * - `GEARMAN_INVALID_ARGUMENT`: `client` is NULL.
 *
 * Requires: `client` is NULL or a live client; `servers` is NULL or NUL-terminated.
 */
GEARMAN_API
gearman_return_t gearman_client_add_servers(gearman_client_st *client,
                                            const char *servers);

/* Closes the client's connections and removes all its servers.
 *
 * Tasks that were sent end with `GEARMAN_LOST_CONNECTION`.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API void gearman_client_remove_servers(gearman_client_st *client);

/* Waits until a call on the client can make progress.
 *
 * It is for non-blocking mode: after `GEARMAN_IO_WAIT`, call it and then repeat the
 * call. It waits for a connection that is being made, for one that has more to send,
 * and for an answer or a result that is due.
 *
 * Returns `GEARMAN_SUCCESS` once for each such event, or another code.
 *
 * Errors:
 * - `GEARMAN_TIMEOUT`: nothing happened within the timeout.
 * - `GEARMAN_NO_ACTIVE_FDS`: there is nothing to wait for, or what was reported was
 *   not yet looked at by another call. It is returned at once.
 * - `GEARMAN_IO_WAIT`: a signal arrived and `GEARMAN_CLIENT_STOP_WAIT_ON_SIGNAL` is
 *   on.
 * - `GEARMAN_INVALID_ARGUMENT`: `client` is NULL.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API gearman_return_t gearman_client_wait(gearman_client_st *client);

/* Compares the servers that two clients try first.
 *
 * `first` and `second` may be the same client.
 *
 * Returns true if both have the same host and port; false if they differ, or if a
 * client is NULL or has no server.
 *
 * Requires: `first` and `second` are NULL or live clients.
 */
GEARMAN_API
bool gearman_client_compare(const gearman_client_st *first,
                            const gearman_client_st *second);

/* Sets the function that frees the contexts of tasks.
 *
 * `function` is called with a task and its context when a task with a context is
 * freed. If `function` is NULL, contexts are not freed.
 *
 * Requires: `client` is NULL or a live client; `function` is NULL or a function of its declared
 * type.
 */
GEARMAN_API
void gearman_client_set_task_context_free_fn(gearman_client_st *client,
                                             gearman_task_context_free_fn *function);

/* Sets the callback that sends the workload of a task that was added without one.
 *
 * `function` calls gearman_task_send_workload(). If it is NULL, there is no such
 * callback. Tasks that were added before keep their callbacks.
 *
 * Requires: `client` is NULL or a live client; `function` is NULL or a function of its declared
 * type.
 */
GEARMAN_API
void gearman_client_set_workload_fn(gearman_client_st *client,
                                    gearman_workload_fn *function);

/* Sets the callback that is called when a server has queued a job.
 *
 * In `function`, gearman_task_job_handle() gives the handle of the job. If it is NULL,
 * there is no such callback. Tasks that were added before keep their callbacks.
 *
 * Requires: `client` is NULL or a live client; `function` is NULL or a function of its declared
 * type.
 */
GEARMAN_API
void gearman_client_set_created_fn(gearman_client_st *client,
                                   gearman_created_fn *function);

/* Sets the callback that is called for each piece of a result.
 *
 * In `function`, gearman_task_data() and gearman_task_data_size() give the piece. If
 * it is NULL, there is no such callback. Tasks that were added before keep their
 * callbacks.
 *
 * Requires: `client` is NULL or a live client; `function` is NULL or a function of its declared
 * type.
 */
GEARMAN_API void gearman_client_set_data_fn(gearman_client_st *client, gearman_data_fn *function);

/* Sets the callback that is called for each warning of a job.
 *
 * In `function`, gearman_task_data() and gearman_task_data_size() give the warning. If
 * it is NULL, there is no such callback. Tasks that were added before keep their
 * callbacks.
 *
 * Requires: `client` is NULL or a live client; `function` is NULL or a function of its declared
 * type.
 */
GEARMAN_API
void gearman_client_set_warning_fn(gearman_client_st *client,
                                   gearman_warning_fn *function);

/* Sets the callback that is called for each progress report and each answer to a
 * status request.
 *
 * In `function`, gearman_task_numerator() and gearman_task_denominator() give the
 * progress. If it is NULL, there is no such callback. Tasks that were added before
 * keep their callbacks.
 *
 * Requires: `client` is NULL or a live client; `function` is NULL or a function of its declared
 * type.
 */
GEARMAN_API
void gearman_client_set_status_fn(gearman_client_st *client,
                                  gearman_universal_status_fn *function);

/* Sets the callback that is called when a job is complete.
 *
 * In `function`, gearman_task_data() and gearman_task_data_size() give the last piece
 * of the result. If it is NULL, there is no such callback. Tasks that were added
 * before keep their callbacks.
 *
 * Requires: `client` is NULL or a live client; `function` is NULL or a function of its declared
 * type.
 */
GEARMAN_API
void gearman_client_set_complete_fn(gearman_client_st *client,
                                    gearman_complete_fn *function);

/* Sets the callback that is called when a job has raised an exception.
 *
 * In `function`, gearman_task_data() and gearman_task_data_size() give the exception.
 * Servers send exceptions only to clients with the option `GEARMAN_CLIENT_EXCEPTION`.
 * If `function` is NULL, there is no such callback. Tasks that were added before keep
 * their callbacks.
 *
 * Requires: `client` is NULL or a live client; `function` is NULL or a function of its declared
 * type.
 */
GEARMAN_API
void gearman_client_set_exception_fn(gearman_client_st *client,
                                     gearman_exception_fn *function);

/* Sets the callback that is called when a job has failed.
 *
 * If `function` is NULL, there is no such callback. Tasks that were added before keep
 * their callbacks.
 *
 * Requires: `client` is NULL or a live client; `function` is NULL or a function of its declared
 * type.
 */
GEARMAN_API void gearman_client_set_fail_fn(gearman_client_st *client, gearman_fail_fn *function);

/* Removes all callbacks of the client.
 *
 * Tasks that were added before keep their callbacks.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API void gearman_client_clear_fn(gearman_client_st *client);

/* Submits a job, waits until it has ended, and returns its result.
 *
 * The priority of the job is normal. The function waits in non-blocking mode too. The
 * name of the job's function is `function_name`. `unique` identifies the job: a server
 * that has a job of the same function and unique id attaches the client to that one.
 * If `unique` is NULL or empty, the library makes one; if it is "#", it is replaced
 * with a hash of the workload. `workload` has `workload_size` bytes; it is only read.
 * `result_size` and `ret_ptr` receive the size of the result in bytes and the code;
 * either may be NULL.
 *
 * Tasks that were added before may be sent meanwhile, and their callbacks called.
 *
 * Returns the result: all the data that the job sent, and its final result. The caller
 * frees it, with `free` or as the allocator of gearman_client_set_workload_malloc_fn()
 * needs it. Returns NULL, with `GEARMAN_SUCCESS` in `ret_ptr`, if the job returned no
 * bytes, and NULL with another code on an error. `GEARMAN_WORK_DATA`,
 * `GEARMAN_WORK_STATUS` and `GEARMAN_PAUSE` are never returned, so one call is enough.
 *
 * Errors:
 * - `GEARMAN_WORK_FAIL`: the job failed.
 * - `GEARMAN_WORK_EXCEPTION`: the job raised an exception.
 * - `GEARMAN_INVALID_ARGUMENT`: `client` is NULL; `function_name` is NULL, empty or
 *   longer than 512 bytes; `unique` is longer than 64 bytes; or only one of `workload`
 *   and `workload_size` is given.
 * - `GEARMAN_ARGUMENT_TOO_LARGE`: `workload_size` is more than a packet can hold.
 * - `GEARMAN_COULD_NOT_CONNECT`: no server can be reached.
 * - `GEARMAN_NO_SERVERS`: no server was added.
 * - `GEARMAN_LOST_CONNECTION`: the server closed the connection before it answered.
 * - `GEARMAN_TIMEOUT`: no server answered within the timeout.
 * - `GEARMAN_SERVER_ERROR`: the server refused the request.
 * - `GEARMAN_QUEUE_ERROR`: the queue of the function has no room for the job.
 * - `GEARMAN_MEMORY_ALLOCATION_FAILURE`: there is no memory for the result.
 *
 * Requires: `client` is NULL or a live client; `function_name` and `unique` are NULL or
 * NUL-terminated; `workload` is NULL or readable for `workload_size` bytes until the
 * function returns; `result_size` and `ret_ptr` are NULL or writable.
 */
GEARMAN_API
void *gearman_client_do(gearman_client_st *client,
                        const char *function_name,
                        const char *unique,
                        const void *workload,
                        size_t workload_size,
                        size_t *result_size,
                        gearman_return_t *ret_ptr);

/* Like gearman_client_do(), with high priority.
 *
 * Requires: As for gearman_client_do().
 */
GEARMAN_API
void *gearman_client_do_high(gearman_client_st *client,
                             const char *function_name,
                             const char *unique,
                             const void *workload,
                             size_t workload_size,
                             size_t *result_size,
                             gearman_return_t *ret_ptr);

/* Like gearman_client_do(), with low priority.
 *
 * Requires: As for gearman_client_do().
 */
GEARMAN_API
void *gearman_client_do_low(gearman_client_st *client,
                            const char *function_name,
                            const char *unique,
                            const void *workload,
                            size_t workload_size,
                            size_t *result_size,
                            gearman_return_t *ret_ptr);

/* Adds a task for a foreground job of normal priority; gearman_client_run_tasks()
 * sends it.
 *
 * `task` is memory for the task, or NULL for memory of the library. `context` is a
 * pointer of the program, which gearman_task_context() returns. `function_name` and
 * `unique` are as for gearman_client_do(). `workload` has `workload_size` bytes, which
 * are copied. If gearman_client_set_workload_fn() has set a function and `workload` is
 * NULL, that function sends the `workload_size` bytes. The task gets the callbacks
 * that the client has now. `ret_ptr`, unless NULL, receives the code.
 *
 * Returns the task, or NULL on an error. Free the task with gearman_task_free(),
 * unless `GEARMAN_CLIENT_FREE_TASKS` is on.
 *
 * Errors:
 * - `GEARMAN_INVALID_ARGUMENT`: `client` is NULL; `function_name` is NULL, empty or
 *   longer than 512 bytes; `unique` is longer than 64 bytes; or only one of `workload`
 *   and `workload_size` is given.
 * - `GEARMAN_ARGUMENT_TOO_LARGE`: `workload_size` is more than a packet can hold.
 * - `GEARMAN_MEMORY_ALLOCATION_FAILURE`: there is no memory for the workload.
 *
 * Requires: `client` is NULL or a live client; `task` is NULL or writable memory that is not a
 * live task; `function_name` and `unique` are NULL or NUL-terminated; `workload` is
 * NULL or readable for `workload_size` bytes; `ret_ptr` is NULL or writable.
 */
GEARMAN_API
gearman_task_st *gearman_client_add_task(gearman_client_st *client,
                                         gearman_task_st *task,
                                         void *context,
                                         const char *function_name,
                                         const char *unique,
                                         const void *workload,
                                         size_t workload_size,
                                         gearman_return_t *ret_ptr);

/* Like gearman_client_add_task(), with high priority.
 *
 * Requires: As for gearman_client_add_task().
 */
GEARMAN_API
gearman_task_st *gearman_client_add_task_high(gearman_client_st *client,
                                              gearman_task_st *task,
                                              void *context,
                                              const char *function_name,
                                              const char *unique,
                                              const void *workload,
                                              size_t workload_size,
                                              gearman_return_t *ret_ptr);

/* Like gearman_client_add_task(), with low priority.
 *
 * Requires: As for gearman_client_add_task().
 */
GEARMAN_API
gearman_task_st *gearman_client_add_task_low(gearman_client_st *client,
                                             gearman_task_st *task,
                                             void *context,
                                             const char *function_name,
                                             const char *unique,
                                             const void *workload,
                                             size_t workload_size,
                                             gearman_return_t *ret_ptr);

/* Adds a task for a background job of normal priority; gearman_client_run_tasks()
 * sends it.
 *
 * The arguments are those of gearman_client_add_task(). The task is finished when a
 * server has queued the job; gearman_task_job_handle() then gives its handle.
 *
 * Returns the task, or NULL on an error. Free the task with gearman_task_free(),
 * unless `GEARMAN_CLIENT_FREE_TASKS` is on.
 *
 * Errors:
 * - `GEARMAN_INVALID_ARGUMENT`: `client` is NULL; `function_name` is NULL, empty or
 *   longer than 512 bytes; `unique` is longer than 64 bytes; or only one of `workload`
 *   and `workload_size` is given.
 * - `GEARMAN_ARGUMENT_TOO_LARGE`: `workload_size` is more than a packet can hold.
 * - `GEARMAN_MEMORY_ALLOCATION_FAILURE`: there is no memory for the workload.
 *
 * Requires: `client` is NULL or a live client; `task` is NULL or writable memory that is not a
 * live task; `function_name` and `unique` are NULL or NUL-terminated; `workload` is
 * NULL or readable for `workload_size` bytes; `ret_ptr` is NULL or writable.
 */
GEARMAN_API
gearman_task_st *gearman_client_add_task_background(gearman_client_st *client,
                                                    gearman_task_st *task,
                                                    void *context,
                                                    const char *function_name,
                                                    const char *unique,
                                                    const void *workload,
                                                    size_t workload_size,
                                                    gearman_return_t *ret_ptr);

/* Like gearman_client_add_task_background(), with high priority.
 *
 * Requires: As for gearman_client_add_task_background().
 */
GEARMAN_API
gearman_task_st *gearman_client_add_task_high_background(gearman_client_st *client,
                                                         gearman_task_st *task,
                                                         void *context,
                                                         const char *function_name,
                                                         const char *unique,
                                                         const void *workload,
                                                         size_t workload_size,
                                                         gearman_return_t *ret_ptr);

/* Like gearman_client_add_task_background(), with low priority.
 *
 * Requires: As for gearman_client_add_task_background().
 */
GEARMAN_API
gearman_task_st *gearman_client_add_task_low_background(gearman_client_st *client,
                                                        gearman_task_st *task,
                                                        void *context,
                                                        const char *function_name,
                                                        const char *unique,
                                                        const void *workload,
                                                        size_t workload_size,
                                                        gearman_return_t *ret_ptr);

/* Adds a task that asks for the state of a job, by its handle.
 *
 * The answer arrives with the callback of gearman_client_set_status_fn() and stays
 * with the task: see gearman_task_is_known(), gearman_task_is_running(),
 * gearman_task_numerator() and gearman_task_denominator(). `task` is memory for the
 * task, or NULL for memory of the library. `context` is a pointer of the program,
 * which gearman_task_context() returns. `job_handle` is the handle of the job.
 * `ret_ptr`, unless NULL, receives the code.
 *
 * Returns the task, or NULL on an error. Free the task with gearman_task_free(),
 * unless `GEARMAN_CLIENT_FREE_TASKS` is on.
 *
 * Errors:
 * - `GEARMAN_INVALID_ARGUMENT`: `client` or `job_handle` is NULL.
 *
 * Requires: `client` is NULL or a live client; `task` is NULL or writable memory that is not a
 * live task; `job_handle` is NULL or NUL-terminated; `ret_ptr` is NULL or writable.
 */
GEARMAN_API
gearman_task_st *gearman_client_add_task_status(gearman_client_st *client,
                                                gearman_task_st *task,
                                                void *context,
                                                const char *job_handle,
                                                gearman_return_t *ret_ptr);

/* Adds a task that asks for the state of a job, by its unique id.
 *
 * The answer arrives as for gearman_client_add_task_status(). `task` is memory for the
 * task, or NULL for memory of the library. `unique` is the unique id of the job.
 * `ret_ptr`, unless NULL, receives the code.
 *
 * Returns the task, or NULL on an error. Free the task with gearman_task_free(),
 * unless `GEARMAN_CLIENT_FREE_TASKS` is on.
 *
 * Errors:
 * - `GEARMAN_INVALID_ARGUMENT`: `client` or `unique` is NULL, or `unique` is longer
 *   than 64 bytes.
 *
 * Requires: `client` is NULL or a live client; `task` is NULL or writable memory that is not a
 * live task; `unique` is NULL or NUL-terminated; `ret_ptr` is NULL or writable.
 */
GEARMAN_API
gearman_task_st *gearman_client_add_task_status_by_unique(gearman_client_st *client,
                                                          gearman_task_st *task,
                                                          const char *unique,
                                                          gearman_return_t *ret_ptr);

#ifdef __cplusplus
}
#endif
