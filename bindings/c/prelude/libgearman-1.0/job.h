/* Jobs, as their worker sees them. */
#pragma once

#include <libgearman-1.0/constants.h>
#include <libgearman-1.0/interface/job.h>

@prototypes job
