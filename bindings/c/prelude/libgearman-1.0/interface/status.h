/* The answer to gearman_client_unique_status(); status.h reads it. */
#pragma once

#ifndef __cplusplus
#include <stdbool.h>
#endif
#include <stdint.h>

#include <libgearman-1.0/return.h>

enum gearman_status_version_t {
  GEARMAN_STATUS_V1
};

struct gearman_status_v1_t {
  gearman_return_t result_rc;
  bool is_known;
  bool is_running;
  uint32_t numerator;
  uint32_t denominator;
  uint32_t client_count; /* How many clients wait for the job. */
};

struct gearman_status_t {
  enum gearman_status_version_t version_;
  union {
    struct gearman_status_v1_t mesg_;
    uint8_t raw_[sizeof(struct gearman_status_v1_t)];
  } status_;
};
