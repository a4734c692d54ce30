/* Workers, which offer functions and do jobs. */
#pragma once

#include <libgearman-1.0/constants.h>
#include <libgearman-1.0/function.h>
#include <libgearman-1.0/interface/worker.h>
#include <libgearman-1.0/kill.h>

/* Published by older versions; no function takes these. */
enum gearman_worker_state_t {
  GEARMAN_WORKER_STATE_START,
  GEARMAN_WORKER_STATE_FUNCTION_SEND,
  GEARMAN_WORKER_STATE_CONNECT,
  GEARMAN_WORKER_STATE_GRAB_JOB_SEND,
  GEARMAN_WORKER_STATE_GRAB_JOB_RECV,
  GEARMAN_WORKER_STATE_PRE_SLEEP
};

/* Published by older versions; no function takes these. */
enum gearman_worker_universal_t {
  GEARMAN_WORKER_WORK_UNIVERSAL_GRAB_JOB,
  GEARMAN_WORKER_WORK_UNIVERSAL_FUNCTION,
  GEARMAN_WORKER_WORK_UNIVERSAL_COMPLETE,
  GEARMAN_WORKER_WORK_UNIVERSAL_FAIL
};

@prototypes worker gearman_job_free_all
