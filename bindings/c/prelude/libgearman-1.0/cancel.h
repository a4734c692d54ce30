/* Cancelling a background job. */
#pragma once

#include <libgearman-1.0/constants.h>
#include <libgearman-1.0/job_handle.h>

@prototypes cancel gearman_client_cancel_job
