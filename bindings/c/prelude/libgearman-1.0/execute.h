/* Running one task by one call. */
#pragma once

#include <libgearman-1.0/argument.h>
#include <libgearman-1.0/constants.h>
#include <libgearman-1.0/task_attr.h>

@prototypes execute
