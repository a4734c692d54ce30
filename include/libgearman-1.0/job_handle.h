/* Job handles. */

/* Generated from bindings/c/prelude/libgearman-1.0/job_handle.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman-1.0/limits.h>

/* A job handle: the name that a server gives a job, NUL-terminated.
 *
 * gearman_client_do_background() stores one, gearman_client_job_status() takes one. */
typedef char gearman_job_handle_t[GEARMAN_JOB_HANDLE_SIZE];
