/* Reading the answer of gearman_client_unique_status(). */
#pragma once

#include <libgearman-1.0/constants.h>
#include <libgearman-1.0/interface/status.h>

@prototypes status
