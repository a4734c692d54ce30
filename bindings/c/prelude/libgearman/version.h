/* The version macros, under the path that configure.h has always included. */
#pragma once

#include <libgearman-1.0/version.h>
