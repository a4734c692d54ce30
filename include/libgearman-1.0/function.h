/* What gearman_worker_define_function() can register. */

/* Generated from bindings/c/prelude/libgearman-1.0/function.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#ifdef __cplusplus
#include <ctime>
#else
#include <time.h>
#endif

#include <libgearman-1.0/constants.h>

enum gearman_function_kind_t {
  GEARMAN_WORKER_FUNCTION_NULL,
  GEARMAN_WORKER_FUNCTION_V1,
  GEARMAN_WORKER_FUNCTION_V2,
  GEARMAN_WORKER_FUNCTION_PARTITION
};

struct gearman_function_v1_t {
  gearman_worker_fn *func;
};

struct gearman_function_v2_t {
  gearman_function_fn *func;
};

struct gearman_function_partition_v1_t {
  gearman_function_fn *func;
  gearman_aggregator_fn *aggregator;
};

/* Made by the functions below; kind tells which member of callback holds. */
struct gearman_function_t {
  const enum gearman_function_kind_t kind;
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

/* A function that sends its results itself: the same as
 * gearman_function_create_v2().
 */
GEARMAN_API gearman_function_t gearman_function_create(gearman_function_fn *func);

/* A function that returns its result in memory that the library frees, as
 * gearman_worker_add_function() takes it.
 */
GEARMAN_API gearman_function_t gearman_function_create_v1(gearman_worker_fn *func);

/* A function that sends its results itself, with gearman_job_send_data() and
 * its like, and returns how it ended: SUCCESS, ERROR to have the job run again,
 * FATAL, or WORK_EXCEPTION.
 */
GEARMAN_API gearman_function_t gearman_function_create_v2(gearman_function_fn *func);

/* A function that splits a workload: `func` sends each part with
 * gearman_job_send_data(), and `aggregator` puts the results of the parts
 * together.
 */
GEARMAN_API
gearman_function_t gearman_function_create_partition(gearman_function_fn *func,
                                                     gearman_aggregator_fn *aggregator);

#ifdef __cplusplus
}
#endif
