/* The value that a task ended with, or that an aggregator makes. */
#pragma once

#include <libgearman-1.0/constants.h>
#include <libgearman-1.0/string.h>

@prototypes result
