/* Only includes allocator.h. */
#pragma once

#include <libgearman-1.0/allocator.h>
