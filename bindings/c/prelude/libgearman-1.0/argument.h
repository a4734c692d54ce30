/* The argument of gearman_execute(). */
#pragma once

#include <libgearman-1.0/constants.h>
#include <libgearman-1.0/string.h>

struct gearman_argument_t {
  gearman_string_t name; /* Nothing reads it. */
  gearman_string_t value; /* The workload. */
};

@prototypes argument
