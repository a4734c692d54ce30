/* The names of the return codes. */
#pragma once

#include <libgearman-1.0/return.h>
#include <libgearman-1.0/visibility.h>

@prototypes strerror
