/* What the library is. */
#pragma once

#include <libgearman-1.0/constants.h>

@prototypes util
