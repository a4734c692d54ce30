/* What an aggregator function can ask. */
#pragma once

#include <libgearman-1.0/constants.h>

@prototypes aggregator
