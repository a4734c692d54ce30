/* Job handles. */
#pragma once

#include <libgearman-1.0/limits.h>

/* A job handle: the name that a server gives a job, NUL-terminated.
 *
 * gearman_client_do_background() stores one, gearman_client_job_status() takes one. */
typedef char gearman_job_handle_t[GEARMAN_JOB_HANDLE_SIZE];
