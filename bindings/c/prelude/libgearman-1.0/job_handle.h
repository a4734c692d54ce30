/* A job handle: what a server calls a job, NUL-terminated. */
#pragma once

#include <libgearman-1.0/limits.h>

typedef char gearman_job_handle_t[GEARMAN_JOB_HANDLE_SIZE];
