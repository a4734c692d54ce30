/* Functions for gearman_worker_define_function(). */

/* Generated from bindings/c/prelude/libgearman-1.0/function.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#ifdef __cplusplus
#include <ctime>
#else
#include <time.h>
#endif

#include <libgearman-1.0/constants.h>

/* The kinds of function that a worker can offer. */
enum gearman_function_kind_t {
  GEARMAN_WORKER_FUNCTION_NULL, /* No function. */
  GEARMAN_WORKER_FUNCTION_V1, /* Returns its result: gearman_function_create_v1(). */
  GEARMAN_WORKER_FUNCTION_V2, /* Sends its results: gearman_function_create_v2(). */
  GEARMAN_WORKER_FUNCTION_PARTITION /* gearman_function_create_partition(). */
};

/* The pointer of a function that returns its result. */
struct gearman_function_v1_t {
  gearman_worker_fn *func; /* The function. */
};

/* The pointer of a function that sends its results. */
struct gearman_function_v2_t {
  gearman_function_fn *func; /* The function. */
};

/* The pointers of a partition function. */
struct gearman_function_partition_v1_t {
  gearman_function_fn *func; /* Splits the workload. */
  gearman_aggregator_fn *aggregator; /* Combines the results. */
};

/* The description of a function for gearman_worker_define_function().
 *
 * gearman_function_create(), gearman_function_create_v1(), gearman_function_create_v2()
 * and gearman_function_create_partition() make it. */
struct gearman_function_t {
  const enum gearman_function_kind_t kind; /* The member of callback that is set. */
  union {
    char bytes[sizeof(struct gearman_function_partition_v1_t)];
    struct gearman_function_v1_t function_v1;
    struct gearman_function_v2_t function_v2;
    struct gearman_function_partition_v1_t partitioner;
  } callback;
};

#ifndef __cplusplus
typedef struct gearman_function_t gearman_function_t;
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Describes a function that sends its results itself; the same as
 * gearman_function_create_v2().
 *
 * `func` is the function.
 *
 * Returns the description, by value, for gearman_worker_define_function().
 */
GEARMAN_API gearman_function_t gearman_function_create(gearman_function_fn *func);

/* Describes a function that returns its result, as gearman_worker_add_function() takes
 * it.
 *
 * `func` is the function.
 *
 * Returns the description, by value, for gearman_worker_define_function().
 */
GEARMAN_API gearman_function_t gearman_function_create_v1(gearman_worker_fn *func);

/* Describes a function that sends its results itself, with gearman_job_send_data() or
 * gearman_job_send_complete().
 *
 * `func` is the function. It returns `GEARMAN_SUCCESS` to complete the job,
 * `GEARMAN_ERROR` to have the server give the job to a worker again, and
 * `GEARMAN_FATAL` or `GEARMAN_WORK_EXCEPTION` to fail it. `GEARMAN_SHUTDOWN` completes
 * the job too, and gearman_worker_work() returns it. Any other code is an error, and
 * gives the job back to the server.
 *
 * Returns the description, by value, for gearman_worker_define_function().
 */
GEARMAN_API gearman_function_t gearman_function_create_v2(gearman_function_fn *func);

/* Describes a partition function, which splits a workload into jobs.
 *
 * `func` sends each part of the workload with gearman_job_send_data(); the parts
 * become jobs of the function that gearman_execute_by_partition() names. When all of
 * them have ended, `aggregator` is called to combine their results: it gets the first
 * of their tasks, and the others by gearman_next(), and stores the result with
 * gearman_result_store_value().
 *
 * Returns the description, by value, for gearman_worker_define_function().
 */
GEARMAN_API
gearman_function_t gearman_function_create_partition(gearman_function_fn *func,
                                                     gearman_aggregator_fn *aggregator);

#ifdef __cplusplus
}
#endif
