/* Aggregator functions. */
#pragma once

#include <libgearman-1.0/constants.h>

@prototypes aggregator
