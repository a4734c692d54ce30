/* The argument of gearman_execute(). */
#pragma once

#include <libgearman-1.0/constants.h>
#include <libgearman-1.0/string.h>

/* The argument of gearman_execute() and gearman_execute_by_partition(), as
 * gearman_argument_make() makes it. */
struct gearman_argument_t {
  gearman_string_t name; /* Ignored. */
  gearman_string_t value; /* The workload. */
};

@prototypes argument
