/* Clients: submitting jobs and asking for their state. */

/* Generated from bindings/c/prelude/libgearman-1.0/client.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman-1.0/client_callbacks.h>
#include <libgearman-1.0/constants.h>
#include <libgearman-1.0/interface/client.h>
#include <libgearman-1.0/interface/status.h>
#include <libgearman-1.0/interface/task.h>
#include <libgearman-1.0/job_handle.h>

/* Historical: no function takes these. */
enum gearman_client_t {
  GEARMAN_CLIENT_STATE_IDLE,
  GEARMAN_CLIENT_STATE_NEW,
  GEARMAN_CLIENT_STATE_SUBMIT,
  GEARMAN_CLIENT_STATE_PACKET
};

#ifdef __cplusplus
extern "C" {
#endif

/* Makes a client, in `client` or, when that is NULL, in memory of the library.
 * The memory need not be initialised. Servers of the environment's
 * `GEARMAN_SERVERS` are added.
 *
 * Returns the client, or NULL when `GEARMAN_SERVERS` names a host that has no
 * address. Free it with gearman_client_free() in either case of memory.
 *
 * Requires: `client` is NULL or writable memory that is not a live client.
 */
GEARMAN_API gearman_client_st *gearman_client_create(gearman_client_st *client);

/* Makes a client like `from`: its servers in the same order, its settings and
 * its callbacks, but not its tasks, server options, TLS files and allocators.
 * With `from` NULL this is gearman_client_create().
 *
 * Requires: As for gearman_client_create(); `from` is NULL or a live client.
 */
GEARMAN_API
gearman_client_st *gearman_client_clone(gearman_client_st *client,
                                        const gearman_client_st *from);

/* Frees a client with its tasks, and closes its connections. In a forked child
 * the connections stay the parent's. May be called inside a callback of the
 * client. NULL is fine.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API void gearman_client_free(gearman_client_st *client);

/* The text of the last error, "function(GEARMAN_CODE) text -> file:line:
 * pid(n)". It stays valid until the next call on the client. NULL for NULL.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API const char *gearman_client_error(const gearman_client_st *client);

/* The code of the last error. INVALID_ARGUMENT for NULL.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API gearman_return_t gearman_client_error_code(const gearman_client_st *client);

/* The `errno` of the last error, 0 if it was none of the system's. EINVAL for
 * NULL.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API int gearman_client_errno(const gearman_client_st *client);

/* The time limit in milliseconds, as it was set; -1, the default, is none.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API int gearman_client_timeout(gearman_client_st *client);

/* Sets the time limit in milliseconds: the longest that connecting may take,
 * and the longest silence of a server that something is waited for from.
 * Negative is no limit; 0 does not wait.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API void gearman_client_set_timeout(gearman_client_st *client, int timeout);

/* Asks for TLS. The library has none yet: with `ssl` true connecting fails
 * with a clear error, and nothing is ever sent in the clear.
 *
 * Requires: `client` is NULL or a live client; the names are NULL or NUL-terminated.
 */
GEARMAN_API
void gearman_client_set_ssl(gearman_client_st *client,
                            bool ssl,
                            const char *ca_file,
                            const char *certificate,
                            const char *key_file);

/* The pointer set by gearman_client_set_context(), or NULL.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API void *gearman_client_context(const gearman_client_st *client);

/* Keeps a pointer of the program's with the client. It is never freed.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API void gearman_client_set_context(gearman_client_st *client, void *context);

/* Sets the function that gets the client's log lines: one per error, from
 * level ERROR on; NULL for none.
 *
 * Requires: `client` is NULL or a live client; `function` has its declared type.
 */
GEARMAN_API
void gearman_client_set_log_fn(gearman_client_st *client,
                               gearman_log_fn *function,
                               void *context,
                               gearman_verbose_t verbose);

/* Sets the function that allocates the results of gearman_client_do(), which have
 * a NUL after their last byte, the data of callbacks, of exactly its size, and the
 * copies of workloads of tasks; NULL for `malloc`.
 *
 * Requires: `client` is NULL or a live client; `function` has its declared type.
 */
GEARMAN_API
void gearman_client_set_workload_malloc_fn(gearman_client_st *client,
                                           gearman_malloc_fn *function,
                                           void *context);

/* Sets the function that frees data of callbacks that was not taken and workloads
 * of tasks, also those that the program gave; NULL for `free`.
 *
 * Requires: `client` is NULL or a live client; `function` has its declared type.
 */
GEARMAN_API
void gearman_client_set_workload_free_fn(gearman_client_st *client,
                                         gearman_free_fn *function,
                                         void *context);

/* Sets both workload functions at once. All four are given, or all are NULL for
 * the system's; otherwise WORK_FAIL is returned and nothing changes. The
 * library never calls `realloc_fn` and `calloc_fn`.
 *
 * Requires: `client` is NULL or a live client; the functions have their declared types.
 */
GEARMAN_API
gearman_return_t gearman_client_set_memory_allocators(gearman_client_st *client,
                                                      gearman_malloc_fn *malloc_fn,
                                                      gearman_free_fn *free_fn,
                                                      gearman_realloc_fn *realloc_fn,
                                                      gearman_calloc_fn *calloc_fn,
                                                      void *context);

/* Sets the prefix that is put before every function name; no bytes for none.
 *
 * Requires: `client` is NULL or a live client; `namespace_key` is readable for its size.
 */
GEARMAN_API
void gearman_client_set_namespace(gearman_client_st *client,
                                  const char *namespace_key,
                                  size_t namespace_key_size);

/* The prefix set by gearman_client_set_namespace(), valid until it is set
 * again; NULL without one. (The original declares this and never exported it.)
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API const char *gearman_client_namespace(gearman_client_st *client);

/* Sets the identifier that servers show in their list of workers. Servers that
 * are connected hear of it with whatever is sent to them next.
 *
 * Returns SUCCESS, ARGUMENT_TOO_LARGE beyond 254 bytes, INVALID_ARGUMENT for
 * none, and for characters that are not printable.
 *
 * Requires: `client` is NULL or a live client; `id` is readable for its size.
 */
GEARMAN_API
gearman_return_t gearman_client_set_identifier(gearman_client_st *client,
                                               const char *id,
                                               size_t id_size);

/* Asks for the state of a job by its handle, and waits for the answer, also in
 * non-blocking mode. Each out-pointer may be NULL.
 *
 * Returns SUCCESS, also for a job that the server does not know. If `is_known`
 * and `is_running` are both NULL the code tells instead: IN_PROGRESS for a
 * running job, JOB_EXISTS for a waiting one, SUCCESS for an unknown one.
 *
 * Requires: `client` is NULL or a live client; `job_handle` is NULL or NUL-terminated;
 * the out-pointers are NULL or writable.
 */
GEARMAN_API
gearman_return_t gearman_client_job_status(gearman_client_st *client,
                                           const gearman_job_handle_t job_handle,
                                           bool *is_known,
                                           bool *is_running,
                                           uint32_t *numerator,
                                           uint32_t *denominator);

/* Asks for the state of a job by its unique id, and waits for the answer, also
 * in non-blocking mode. `unique` is NUL-terminated; `unique_length` is ignored,
 * as it always was.
 *
 * Requires: `client` is NULL or a live client; `unique` is NULL or NUL-terminated.
 */
GEARMAN_API
gearman_status_t gearman_client_unique_status(gearman_client_st *client,
                                              const char *unique,
                                              size_t unique_length);

/* Sends bytes to every server and waits, also in non-blocking mode, until each
 * has sent them back.
 *
 * Returns SUCCESS, INVALID_ARGUMENT for no bytes, COULD_NOT_CONNECT when any
 * server cannot be reached, ECHO_DATA_CORRUPTION when one sends others.
 *
 * Requires: `client` is NULL or a live client; `workload` is readable for its size.
 */
GEARMAN_API
gearman_return_t gearman_client_echo(gearman_client_st *client,
                                     const void *workload,
                                     size_t workload_size);

/* Turns a server option such as "exceptions" on: at every server, now and on
 * every later connection. Waits for the answers, also in non-blocking mode.
 *
 * Returns whether at least one server accepted it and none refused it; one that
 * is down is told when it is back.
 *
 * Requires: `client` is NULL or a live client; `option_arg` is readable for its size.
 */
GEARMAN_API
bool gearman_client_set_server_option(gearman_client_st *client,
                                      const char *option_arg,
                                      size_t option_arg_size);

/* Submits a background job of normal priority and waits until the server
 * has acknowledged it, also in non-blocking mode. The workload is only
 * borrowed; `job_handle`, unless NULL, gets the job's handle.
 *
 * Requires: `client` is NULL or a live client; the strings are NULL or NUL-terminated;
 * `workload` is readable for its size until this returns; `job_handle` is NULL
 * or has room for 64 bytes.
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
 * Requires: `client` is NULL or a live client; the strings are NULL or NUL-terminated;
 * `workload` is readable for its size until this returns; `job_handle` is NULL
 * or has room for 64 bytes.
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
 * Requires: `client` is NULL or a live client; the strings are NULL or NUL-terminated;
 * `workload` is readable for its size until this returns; `job_handle` is NULL
 * or has room for 64 bytes.
 */
GEARMAN_API
gearman_return_t gearman_client_do_low_background(gearman_client_st *client,
                                                  const char *function_name,
                                                  const char *unique,
                                                  const void *workload,
                                                  size_t workload_size,
                                                  gearman_job_handle_t job_handle);

/* The handle of the job that the last call of a `*_background` function made,
 * valid until the next; "" before and after one that failed. NULL for NULL.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API const char *gearman_client_do_job_handle(gearman_client_st *client);

/* Deprecated: always 0 of 0, since gearman_client_do() never returns in the
 * middle of a job.
 *
 * Requires: The out-pointers are NULL or writable.
 */
GEARMAN_API
void gearman_client_do_status(gearman_client_st *client,
                              uint32_t *numerator,
                              uint32_t *denominator);

/* The options that are on, as bits. EXCEPTION is never shown. For NULL the
 * number of GEARMAN_WORKER_MAX, as programs know it.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API gearman_client_options_t gearman_client_options(const gearman_client_st *client);

/* Turns every option that can be set on or off as its bit says. With EXCEPTION
 * the servers are asked, and that waits.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API
void gearman_client_set_options(gearman_client_st *client,
                                gearman_client_options_t options);

/* Turns options on. With EXCEPTION the servers are asked, and that waits.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API
void gearman_client_add_options(gearman_client_st *client,
                                gearman_client_options_t options);

/* Whether one option is on.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API
bool gearman_client_has_option(gearman_client_st *client,
                               gearman_client_options_t option);

/* Turns options off. EXCEPTION, SSL and NO_NEW stay as they are.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API
void gearman_client_remove_options(gearman_client_st *client,
                                   gearman_client_options_t options);

/* Adds a server, to be tried before those that were added earlier. NULL or ""
 * is localhost, port 0 is 4730, a host that starts with "/" is a Unix socket.
 * The host is looked up here; nothing is sent.
 *
 * Returns SUCCESS, GETADDRINFO for a host without an address, INVALID_ARGUMENT
 * for a NULL client.
 *
 * Requires: `client` is NULL or a live client; `host` is NULL or NUL-terminated.
 */
GEARMAN_API
gearman_return_t gearman_client_add_server(gearman_client_st *client,
                                           const char *host,
                                           in_port_t port);

/* Adds the servers of a list, "host:port,host,...", in its order:
 * the last one will be tried first. IPv6 addresses stand in brackets. Stops at
 * the first that has no address, and returns its error.
 *
 * Requires: `client` is NULL or a live client; `servers` is NULL, which is localhost, or
 * NUL-terminated.
 */
GEARMAN_API
gearman_return_t gearman_client_add_servers(gearman_client_st *client,
                                            const char *servers);

/* Closes the connections and forgets all servers. Tasks that were sent end
 * with LOST_CONNECTION.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API void gearman_client_remove_servers(gearman_client_st *client);

/* Waits until something has come of what calls have left under way, for
 * non-blocking mode: a connection that is being made or has more to send, an
 * answer or a result that is due.
 *
 * Returns SUCCESS, once for what has come; TIMEOUT; NO_ACTIVE_FDS at once when
 * nothing is under way, whether connections are open or not, or what was reported
 * was not looked at by another call; or IO_WAIT for a signal under
 * GEARMAN_CLIENT_STOP_WAIT_ON_SIGNAL.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API gearman_return_t gearman_client_wait(gearman_client_st *client);

/* Whether both clients' first servers have the same host and port.
 *
 * Requires: Both are NULL or live clients.
 */
GEARMAN_API
bool gearman_client_compare(const gearman_client_st *first,
                            const gearman_client_st *second);

/* Sets the function that is called with a task and its context when a task
 * with a context is freed; NULL for none.
 *
 * Requires: `client` is NULL or a live client; `function` has its declared type.
 */
GEARMAN_API
void gearman_client_set_task_context_free_fn(gearman_client_st *client,
                                             gearman_task_context_free_fn *function);

/* Sets the callback that sends the workload of a task which was added
 * without one.
 * NULL for none. Tasks that were added before keep what they have.
 *
 * Requires: `client` is NULL or a live client; `function` has its declared type.
 */
GEARMAN_API
void gearman_client_set_workload_fn(gearman_client_st *client,
                                    gearman_workload_fn *function);

/* Sets the callback for a job that the server has accepted.
 * NULL for none. Tasks that were added before keep what they have.
 *
 * Requires: `client` is NULL or a live client; `function` has its declared type.
 */
GEARMAN_API
void gearman_client_set_created_fn(gearman_client_st *client,
                                   gearman_created_fn *function);

/* Sets the callback for a piece of a result.
 * NULL for none. Tasks that were added before keep what they have.
 *
 * Requires: `client` is NULL or a live client; `function` has its declared type.
 */
GEARMAN_API void gearman_client_set_data_fn(gearman_client_st *client, gearman_data_fn *function);

/* Sets the callback for a warning.
 * NULL for none. Tasks that were added before keep what they have.
 *
 * Requires: `client` is NULL or a live client; `function` has its declared type.
 */
GEARMAN_API
void gearman_client_set_warning_fn(gearman_client_st *client,
                                   gearman_warning_fn *function);

/* Sets the callback for progress and for answers to status requests.
 * NULL for none. Tasks that were added before keep what they have.
 *
 * Requires: `client` is NULL or a live client; `function` has its declared type.
 */
GEARMAN_API
void gearman_client_set_status_fn(gearman_client_st *client,
                                  gearman_universal_status_fn *function);

/* Sets the callback for a job that is done.
 * NULL for none. Tasks that were added before keep what they have.
 *
 * Requires: `client` is NULL or a live client; `function` has its declared type.
 */
GEARMAN_API
void gearman_client_set_complete_fn(gearman_client_st *client,
                                    gearman_complete_fn *function);

/* Sets the callback for a job that raised an exception.
 * NULL for none. Tasks that were added before keep what they have.
 *
 * Requires: `client` is NULL or a live client; `function` has its declared type.
 */
GEARMAN_API
void gearman_client_set_exception_fn(gearman_client_st *client,
                                     gearman_exception_fn *function);

/* Sets the callback for a job that failed.
 * NULL for none. Tasks that were added before keep what they have.
 *
 * Requires: `client` is NULL or a live client; `function` has its declared type.
 */
GEARMAN_API void gearman_client_set_fail_fn(gearman_client_st *client, gearman_fail_fn *function);

/* Clears all callbacks. Tasks that were added before keep what they have.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API void gearman_client_clear_fn(gearman_client_st *client);

/* Submits a job of normal priority and waits until it is done, also in
 * non-blocking mode. The workload is only borrowed.
 *
 * Returns the result, which the caller frees (with `free`, or as its
 * allocator asks), and its size in bytes: the job's data and its final
 * result, joined. NULL with SUCCESS for a job that returned nothing, NULL
 * with WORK_FAIL, WORK_EXCEPTION, TIMEOUT or another code otherwise. The
 * codes WORK_DATA, WORK_STATUS and PAUSE are never returned.
 *
 * Requires: `client` is NULL or a live client; the strings are NULL or NUL-terminated;
 * `workload` is readable for its size until this returns; the out-pointers are
 * NULL or writable.
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
 * Requires: `client` is NULL or a live client; the strings are NULL or NUL-terminated;
 * `workload` is readable for its size until this returns; the out-pointers are
 * NULL or writable.
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
 * Requires: `client` is NULL or a live client; the strings are NULL or NUL-terminated;
 * `workload` is readable for its size until this returns; the out-pointers are
 * NULL or writable.
 */
GEARMAN_API
void *gearman_client_do_low(gearman_client_st *client,
                            const char *function_name,
                            const char *unique,
                            const void *workload,
                            size_t workload_size,
                            size_t *result_size,
                            gearman_return_t *ret_ptr);

/* Adds a foreground job of normal priority, to be sent by the next
 * gearman_client_run_tasks(). The workload is copied; with a
 * workload function set, NULL and a size leave it to that function. The
 * task gets the client's callbacks of this moment.
 *
 * Returns the task, in `task` or in memory of the library; NULL and the code
 * in `ret_ptr` when an argument is invalid. Free it with gearman_task_free(),
 * unless GEARMAN_CLIENT_FREE_TASKS is on.
 *
 * Requires: `client` is NULL or a live client; `task` is NULL or memory that is not a live
 * task; the strings are NULL or NUL-terminated; `workload` is NULL or readable
 * for its size; `ret_ptr` is NULL or writable.
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
 * Requires: `client` is NULL or a live client; `task` is NULL or memory that is not a live
 * task; the strings are NULL or NUL-terminated; `workload` is NULL or readable
 * for its size; `ret_ptr` is NULL or writable.
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
 * Requires: `client` is NULL or a live client; `task` is NULL or memory that is not a live
 * task; the strings are NULL or NUL-terminated; `workload` is NULL or readable
 * for its size; `ret_ptr` is NULL or writable.
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

/* Like gearman_client_add_task(), for a background job: the task is finished
 * when the server has it.
 *
 * Requires: `client` is NULL or a live client; `task` is NULL or memory that is not a live
 * task; the strings are NULL or NUL-terminated; `workload` is NULL or readable
 * for its size; `ret_ptr` is NULL or writable.
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
 * Requires: `client` is NULL or a live client; `task` is NULL or memory that is not a live
 * task; the strings are NULL or NUL-terminated; `workload` is NULL or readable
 * for its size; `ret_ptr` is NULL or writable.
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
 * Requires: `client` is NULL or a live client; `task` is NULL or memory that is not a live
 * task; the strings are NULL or NUL-terminated; `workload` is NULL or readable
 * for its size; `ret_ptr` is NULL or writable.
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

/* Adds a request for the state of a job by its handle. The answer comes with the
 * status callback and stays with the task.
 *
 * Returns the task, or NULL with the code in `ret_ptr`.
 *
 * Requires: As for gearman_client_add_task(); `job_handle` is NULL or NUL-terminated.
 */
GEARMAN_API
gearman_task_st *gearman_client_add_task_status(gearman_client_st *client,
                                                gearman_task_st *task,
                                                void *context,
                                                const char *job_handle,
                                                gearman_return_t *ret_ptr);

/* Adds a request for the state of a job by its unique id.
 *
 * Returns the task, or NULL with the code in `ret_ptr`.
 *
 * Requires: As for gearman_client_add_task(); `unique_handle` is NULL or NUL-terminated.
 */
GEARMAN_API
gearman_task_st *gearman_client_add_task_status_by_unique(gearman_client_st *client,
                                                          gearman_task_st *task_ptr,
                                                          const char *unique_handle,
                                                          gearman_return_t *ret_ptr);

/* Runs the tasks that were added, in the order of adding, and calls their
 * callbacks. In non-blocking mode it returns IO_WAIT instead of waiting; call
 * gearman_client_wait() and then it again.
 *
 * Returns SUCCESS when every task is finished, however its job ended: that is
 * told by the task. A code other than SUCCESS from a callback ends the run and
 * is returned; the next run offers that callback the same event again. Other
 * codes are the connection's: COULD_NOT_CONNECT, LOST_CONNECTION, TIMEOUT.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API gearman_return_t gearman_client_run_tasks(gearman_client_st *client);

/* Frees every task of a client.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API void gearman_client_task_free_all(gearman_client_st *client);

/* Whether the client has any task, finished or not.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API bool gearman_client_has_tasks(const gearman_client_st *client);

/* Whether any task still waits for something from a server.
 *
 * Requires: `client` is NULL or a live client.
 */
GEARMAN_API bool gearman_client_has_active_tasks(gearman_client_st *client);

#ifdef __cplusplus
}
#endif
