/* The version of the library, and names of log levels. */
#pragma once

#include <libgearman-1.0/constants.h>

@prototypes util
