/* Results of tasks and of aggregator functions. */
#pragma once

#include <libgearman-1.0/constants.h>
#include <libgearman-1.0/string.h>

@prototypes result
