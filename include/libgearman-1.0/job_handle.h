/* A job handle: what a server calls a job, NUL-terminated. */

/* Generated from bindings/c/prelude/libgearman-1.0/job_handle.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman-1.0/limits.h>

typedef char gearman_job_handle_t[GEARMAN_JOB_HANDLE_SIZE];
