/* Only includes the version macros. */
#pragma once

#include <libgearman/version.h>
