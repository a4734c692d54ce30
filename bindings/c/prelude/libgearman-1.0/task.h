/* Tasks, which are jobs as their client sees them. */
#pragma once

#include <libgearman-1.0/actions.h>
#include <libgearman-1.0/constants.h>
#include <libgearman-1.0/interface/task.h>
#include <libgearman-1.0/string.h>

@prototypes task
