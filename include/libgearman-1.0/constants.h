/* Options, log levels, and the types that the other headers share. */

/* Generated from bindings/c/prelude/libgearman-1.0/constants.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#ifndef __cplusplus
#include <stdbool.h>
#endif
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include <libgearman-1.0/limits.h>
#include <libgearman-1.0/priority.h>
#include <libgearman-1.0/protocol.h>
#include <libgearman-1.0/return.h>
#include <libgearman-1.0/visibility.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Log levels: see gearman_client_set_log_fn() and gearman_worker_set_log_fn(). The library
 * logs errors only. */
typedef enum {
  GEARMAN_VERBOSE_NEVER, /* Nothing is logged. */
  GEARMAN_VERBOSE_FATAL, /* Not used by the library. */
  GEARMAN_VERBOSE_ERROR, /* Errors: the level of every line. */
  GEARMAN_VERBOSE_INFO, /* Not used by the library. */
  GEARMAN_VERBOSE_DEBUG, /* Not used by the library. */
  GEARMAN_VERBOSE_CRAZY, /* Not used by the library. */
  GEARMAN_VERBOSE_MAX /* The number of levels. */
} gearman_verbose_t;

/* Published by older versions; no function takes these. */
typedef enum {
  GEARMAN_NON_BLOCKING,
  GEARMAN_DONT_TRACK_PACKETS,
  GEARMAN_MAX
} gearman_universal_options_t;

/* Published by older versions; no function takes these. */
typedef enum {
  GEARMAN_CON_READY,
  GEARMAN_CON_PACKET_IN_USE,
  GEARMAN_CON_EXTERNAL_FD,
  GEARMAN_CON_IGNORE_LOST_CONNECTION,
  GEARMAN_CON_CLOSE_AFTER_FLUSH,
  GEARMAN_CON_MAX
} gearman_connection_options_t;

/* The options of a client, as bits: see gearman_client_add_options(). */
typedef enum {
  /* The library allocated the struct. Read-only. */
  GEARMAN_CLIENT_ALLOCATED = (1 << 0),
  /* Non-blocking mode: gearman_client_run_tasks() and gearman_execute() do not wait. */
  GEARMAN_CLIENT_NON_BLOCKING = (1 << 1),
  /* Not used. */
  GEARMAN_CLIENT_TASK_IN_USE = (1 << 2),
  /* Callbacks receive the data with gearman_task_recv_data(). */
  GEARMAN_CLIENT_UNBUFFERED_RESULT = (1 << 3),
  /* Used internally by the original library. */
  GEARMAN_CLIENT_NO_NEW = (1 << 4),
  /* The library frees tasks that were added when they are finished. */
  GEARMAN_CLIENT_FREE_TASKS = (1 << 5),
  /* No effect: a unique id is always made for jobs without one. */
  GEARMAN_CLIENT_GENERATE_UNIQUE = (1 << 6),
  /* Ask the servers to forward exceptions of jobs. */
  GEARMAN_CLIENT_EXCEPTION = (1 << 7),
  /* Connect with TLS: see gearman_client_set_ssl(). */
  GEARMAN_CLIENT_SSL = (1 << 8),
  /* Not an option. */
  GEARMAN_CLIENT_MAX = (1 << 9),
  /* A signal ends a wait with GEARMAN_IO_WAIT. */
  GEARMAN_CLIENT_STOP_WAIT_ON_SIGNAL = (1 << 10)
} gearman_client_options_t;

/* The options of a worker, as bits: see gearman_worker_add_options(). */
typedef enum {
  /* The library allocated the struct. Read-only. */
  GEARMAN_WORKER_ALLOCATED = (1 << 0),
  /* Non-blocking mode: gearman_worker_work() and gearman_worker_grab_job() do not wait. */
  GEARMAN_WORKER_NON_BLOCKING = (1 << 1),
  /* Always on. Read-only. */
  GEARMAN_WORKER_PACKET_INIT = (1 << 2),
  /* Not used. */
  GEARMAN_WORKER_GRAB_JOB_IN_USE = (1 << 3),
  /* Not used. */
  GEARMAN_WORKER_PRE_SLEEP_IN_USE = (1 << 4),
  /* Not used. */
  GEARMAN_WORKER_WORK_JOB_IN_USE = (1 << 5),
  /* The servers are not told yet of functions that were added or withdrawn. Read-only. */
  GEARMAN_WORKER_CHANGE = (1 << 6),
  /* Ask servers for the unique id of each job. */
  GEARMAN_WORKER_GRAB_UNIQ = (1 << 7),
  /* gearman_worker_work() returns after the timeout. */
  GEARMAN_WORKER_TIMEOUT_RETURN = (1 << 8),
  /* Ask servers for the unique id and the reducer of each job. */
  GEARMAN_WORKER_GRAB_ALL = (1 << 9),
  /* Connect with TLS: see gearman_worker_set_ssl(). */
  GEARMAN_WORKER_SSL = (1 << 10),
  /* The worker has an identifier: see gearman_worker_set_identifier(). */
  GEARMAN_WORKER_IDENTIFIER = (1 << 11),
  /* Not an option. */
  GEARMAN_WORKER_MAX = (1 << 12),
  /* A signal ends a wait with GEARMAN_IO_WAIT. */
  GEARMAN_WORKER_STOP_WAIT_ON_SIGNAL = (1 << 13)
} gearman_worker_options_t;

/* The argument of an aggregator function, which is opaque: see
 * gearman_aggegator_context(). */
typedef struct gearman_aggregator_st gearman_aggregator_st;

typedef struct gearman_allocator_t gearman_allocator_t;
typedef struct gearman_argument_t gearman_argument_t;
typedef struct gearman_client_st gearman_client_st;
typedef struct gearman_job_st gearman_job_st;
typedef struct gearman_status_t gearman_status_t;
typedef struct gearman_string_t gearman_string_t;
typedef struct gearman_task_attr_t gearman_task_attr_t;
typedef struct gearman_task_st gearman_task_st;
typedef struct gearman_worker_st gearman_worker_st;

/* The result of a task, which is opaque: nothing, an integer, or bytes.
 *
 * gearman_task_result() returns one, and an aggregator function stores its value in one.
 * gearman_result_value(), gearman_result_size() and gearman_result_integer() read it,
 * gearman_result_store_value() and gearman_result_store_integer() change it. */
typedef struct gearman_result_st gearman_result_st;

/* A function that allocates `size` bytes.
 *
 * `context` is the pointer that it was set with, by
 * gearman_client_set_workload_malloc_fn() or gearman_worker_set_workload_malloc_fn(). It
 * returns NULL if it has no memory. */
typedef void *(gearman_malloc_fn)(size_t size, void *context);

/* A function that changes the size of the memory at `ptr` to `size` bytes.
 *
 * `context` is the pointer that it was set with. The library never calls it: see
 * gearman_client_set_memory_allocators(). */
typedef void *(gearman_realloc_fn)(void *ptr, size_t size, void *context);

/* A function that allocates `nelm` elements of `size` zero bytes.
 *
 * `context` is the pointer that it was set with. The library never calls it: see
 * gearman_client_set_memory_allocators(). */
typedef void *(gearman_calloc_fn)(size_t nelm, size_t size, void *context);

/* A function that frees the memory at `ptr`.
 *
 * `context` is the pointer that it was set with, by gearman_client_set_workload_free_fn()
 * or gearman_worker_set_workload_free_fn(). */
typedef void(gearman_free_fn)(void *ptr, void *context);

/* The callback of gearman_parse_servers(), called for each server of a list.
 *
 * `host` is valid during the call, `port` is 0 if the list has none, and `context` is the
 * pointer that gearman_parse_servers() was called with. Any code but `GEARMAN_SUCCESS`
 * ends the iteration. */
typedef gearman_return_t(gearman_parse_server_fn)(const char *host, in_port_t port, void *context);

/* A function that frees the `context` of a `task` when the task is freed.
 * gearman_client_set_task_context_free_fn() sets it. */
typedef void(gearman_task_context_free_fn)(gearman_task_st *task, void *context);

/* A function that gets log lines.
 *
 * `line` is one line without its newline, valid during the call, `verbose` its level, and
 * `context` the pointer that gearman_client_set_log_fn() or gearman_worker_set_log_fn()
 * was called with. */
typedef void(gearman_log_fn)(const char *line, gearman_verbose_t verbose, void *context);

/* A function of a worker that returns its result: see gearman_worker_add_function().
 *
 * `context` is the pointer that it was added with. It returns the result, in memory that
 * the library frees, and stores its size in bytes at `result_size` and its code at
 * `ret_ptr`. */
typedef void *(gearman_worker_fn)(gearman_job_st *job, void *context, size_t *result_size,
                                  gearman_return_t *ret_ptr);

/* A function of a worker that sends its results itself: see gearman_function_create().
 *
 * `worker_context` is the pointer that gearman_worker_define_function() was called with.
 * It returns `GEARMAN_SUCCESS` to complete the job, `GEARMAN_ERROR` to have the server
 * give the job to a worker again, and `GEARMAN_FATAL` to fail it. */
typedef gearman_return_t(gearman_function_fn)(gearman_job_st *job, void *worker_context);

/* A function that combines the results of a partitioned job: see
 * gearman_function_create_partition().
 *
 * `task` is the first of the finished tasks; gearman_next() gives the others. It stores
 * the result of the job in `result`, with gearman_result_store_value(). */
typedef gearman_return_t(gearman_aggregator_fn)(gearman_aggregator_st *aggregator,
                                                gearman_task_st *task, gearman_result_st *result);

#ifdef __cplusplus
}
#endif
