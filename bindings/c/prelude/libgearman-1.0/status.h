/* Reading what gearman_client_unique_status() returns. */
#pragma once

#include <libgearman-1.0/constants.h>
#include <libgearman-1.0/interface/status.h>

@prototypes status
