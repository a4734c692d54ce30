/* The answer of gearman_client_unique_status(). */
#pragma once

#ifndef __cplusplus
#include <stdbool.h>
#endif
#include <stdint.h>

#include <libgearman-1.0/return.h>

/* The versions of the answer. */
enum gearman_status_version_t {
  GEARMAN_STATUS_V1 /* The only one. */
};

/* The fields of the answer, version 1. */
struct gearman_status_v1_t {
  gearman_return_t result_rc; /* The code of the request. */
  bool is_known; /* The server knows the job. */
  bool is_running; /* A worker has the job. */
  uint32_t numerator; /* The progress of the job, */
  uint32_t denominator; /* out of this number. */
  uint32_t client_count; /* The number of clients that wait for the job. */
};

/* The answer of gearman_client_unique_status().
 *
 * gearman_status_return(), gearman_status_is_known(), gearman_status_is_running(),
 * gearman_status_numerator() and gearman_status_denominator() read it. */
struct gearman_status_t {
  enum gearman_status_version_t version_; /* GEARMAN_STATUS_V1. */
  union {
    struct gearman_status_v1_t mesg_;
    uint8_t raw_[sizeof(struct gearman_status_v1_t)];
  } status_;
};
