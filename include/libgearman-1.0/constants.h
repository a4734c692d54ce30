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

/* How much a log function wants to hear. */
typedef enum {
  GEARMAN_VERBOSE_NEVER,
  GEARMAN_VERBOSE_FATAL,
  GEARMAN_VERBOSE_ERROR,
  GEARMAN_VERBOSE_INFO,
  GEARMAN_VERBOSE_DEBUG,
  GEARMAN_VERBOSE_CRAZY,
  GEARMAN_VERBOSE_MAX /* Not a level: how many there are. */
} gearman_verbose_t;

/* Historical: no function takes these. */
typedef enum {
  GEARMAN_NON_BLOCKING,
  GEARMAN_DONT_TRACK_PACKETS,
  GEARMAN_MAX
} gearman_universal_options_t;

/* Historical: no function takes these. */
typedef enum {
  GEARMAN_CON_READY,
  GEARMAN_CON_PACKET_IN_USE,
  GEARMAN_CON_EXTERNAL_FD,
  GEARMAN_CON_IGNORE_LOST_CONNECTION,
  GEARMAN_CON_CLOSE_AFTER_FLUSH,
  GEARMAN_CON_MAX
} gearman_connection_options_t;

/* Option bits of a client. */
typedef enum {
  GEARMAN_CLIENT_ALLOCATED = (1 << 0), /* The library allocated the struct. */
  GEARMAN_CLIENT_NON_BLOCKING = (1 << 1), /* Return IO_WAIT instead of waiting. */
  GEARMAN_CLIENT_TASK_IN_USE = (1 << 2), /* Historical. */
  GEARMAN_CLIENT_UNBUFFERED_RESULT = (1 << 3), /* Callbacks receive the data. */
  GEARMAN_CLIENT_NO_NEW = (1 << 4), /* Internal. */
  GEARMAN_CLIENT_FREE_TASKS = (1 << 5), /* Free added tasks once finished. */
  GEARMAN_CLIENT_GENERATE_UNIQUE = (1 << 6), /* Historical: always done. */
  GEARMAN_CLIENT_EXCEPTION = (1 << 7), /* Ask servers for exceptions. */
  GEARMAN_CLIENT_SSL = (1 << 8), /* Connect with TLS. */
  GEARMAN_CLIENT_MAX = (1 << 9),
  GEARMAN_CLIENT_STOP_WAIT_ON_SIGNAL = (1 << 10) /* A signal ends a wait. */
} gearman_client_options_t;

/* Option bits of a worker. */
typedef enum {
  GEARMAN_WORKER_ALLOCATED = (1 << 0), /* The library allocated the struct. */
  GEARMAN_WORKER_NON_BLOCKING = (1 << 1), /* Return IO_WAIT instead of waiting. */
  GEARMAN_WORKER_PACKET_INIT = (1 << 2), /* Internal. */
  GEARMAN_WORKER_GRAB_JOB_IN_USE = (1 << 3), /* Historical. */
  GEARMAN_WORKER_PRE_SLEEP_IN_USE = (1 << 4), /* Historical. */
  GEARMAN_WORKER_WORK_JOB_IN_USE = (1 << 5), /* Historical. */
  GEARMAN_WORKER_CHANGE = (1 << 6), /* Internal: functions have changed. */
  GEARMAN_WORKER_GRAB_UNIQ = (1 << 7), /* Ask for the unique id with each job. */
  GEARMAN_WORKER_TIMEOUT_RETURN = (1 << 8), /* Waiting ends after the timeout. */
  GEARMAN_WORKER_GRAB_ALL = (1 << 9), /* Ask for unique id and reducer. */
  GEARMAN_WORKER_SSL = (1 << 10), /* Connect with TLS. */
  GEARMAN_WORKER_IDENTIFIER = (1 << 11), /* Internal: has an identifier. */
  GEARMAN_WORKER_MAX = (1 << 12),
  GEARMAN_WORKER_STOP_WAIT_ON_SIGNAL = (1 << 13) /* A signal ends a wait. */
} gearman_worker_options_t;

typedef struct gearman_aggregator_st gearman_aggregator_st;
typedef struct gearman_allocator_t gearman_allocator_t;
typedef struct gearman_argument_t gearman_argument_t;
typedef struct gearman_client_st gearman_client_st;
typedef struct gearman_job_st gearman_job_st;
typedef struct gearman_result_st gearman_result_st;
typedef struct gearman_status_t gearman_status_t;
typedef struct gearman_string_t gearman_string_t;
typedef struct gearman_task_attr_t gearman_task_attr_t;
typedef struct gearman_task_st gearman_task_st;
typedef struct gearman_worker_st gearman_worker_st;

/* Allocators; context is what was given with them. */
typedef void *(gearman_malloc_fn)(size_t size, void *context);
typedef void *(gearman_realloc_fn)(void *ptr, size_t size, void *context);
typedef void *(gearman_calloc_fn)(size_t nelm, size_t size, void *context);
typedef void(gearman_free_fn)(void *ptr, void *context);

/* Gets one server of a list: see gearman_parse_servers(). */
typedef gearman_return_t(gearman_parse_server_fn)(const char *host, in_port_t port, void *context);

/* Frees a task's context when the task is freed. */
typedef void(gearman_task_context_free_fn)(gearman_task_st *task, void *context);

/* Gets one log line without its newline. */
typedef void(gearman_log_fn)(const char *line, gearman_verbose_t verbose, void *context);

/* A worker's function, first kind: returns its result in memory that the library
 * frees, puts its size at result_size and its outcome at ret_ptr. */
typedef void *(gearman_worker_fn)(gearman_job_st *job, void *context, size_t *result_size,
                                  gearman_return_t *ret_ptr);

/* A worker's function, second kind: sends its results itself and returns its
 * outcome. */
typedef gearman_return_t(gearman_function_fn)(gearman_job_st *job, void *worker_context);

/* Puts the results of a partitioned job together: the finished tasks start at
 * task and go on with gearman_next(). */
typedef gearman_return_t(gearman_aggregator_fn)(gearman_aggregator_st *aggregator,
                                                gearman_task_st *task, gearman_result_st *result);

#ifdef __cplusplus
}
#endif
