/* Functions for gearman_worker_define_function(). */
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

@prototypes function
