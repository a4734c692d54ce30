/* Operators that print return codes and statuses in C++. */
#pragma once

#include <ostream>

#include <libgearman-1.0/gearman.h>

static inline std::ostream &operator<<(std::ostream &output, const enum gearman_return_t &arg)
{
  return output << gearman_strerror(arg);
}

static inline std::ostream &operator<<(std::ostream &output, const gearman_status_t &arg)
{
  return output << std::boolalpha << " is_known: " << gearman_status_is_known(arg)
                << " is_running: " << gearman_status_is_running(arg)
                << " complete: " << gearman_status_numerator(arg) << "/"
                << gearman_status_denominator(arg)
                << " ret: " << gearman_strerror(gearman_status_return(arg));
}
