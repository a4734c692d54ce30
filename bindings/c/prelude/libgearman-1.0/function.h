/* What gearman_worker_define_function() can register. */
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

@prototypes function
