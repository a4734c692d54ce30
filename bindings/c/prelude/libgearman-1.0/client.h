/* Clients, which submit jobs and ask for their state. */
#pragma once

#include <libgearman-1.0/client_callbacks.h>
#include <libgearman-1.0/constants.h>
#include <libgearman-1.0/interface/client.h>
#include <libgearman-1.0/interface/status.h>
#include <libgearman-1.0/interface/task.h>
#include <libgearman-1.0/job_handle.h>

/* Published by older versions; no function takes these. */
enum gearman_client_t {
  GEARMAN_CLIENT_STATE_IDLE,
  GEARMAN_CLIENT_STATE_NEW,
  GEARMAN_CLIENT_STATE_SUBMIT,
  GEARMAN_CLIENT_STATE_PACKET
};

@prototypes client
