/* What a function of the library says about its outcome. */

/* Generated from bindings/c/prelude/libgearman-1.0/return.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#ifndef __cplusplus
#include <stdbool.h>
#endif

enum gearman_return_t {
  GEARMAN_SUCCESS,
  GEARMAN_IO_WAIT, /* Non-blocking: wait, then call again. */
  GEARMAN_SHUTDOWN, /* gearman_kill() asked the worker to stop. */
  GEARMAN_SHUTDOWN_GRACEFUL, /* The same, after the job at hand. */
  GEARMAN_ERRNO, /* A system call failed: see gearman_client_errno(). */
  GEARMAN_EVENT, /* Historical. */
  GEARMAN_TOO_MANY_ARGS,
  GEARMAN_NO_ACTIVE_FDS, /* Nothing to wait for. */
  GEARMAN_INVALID_MAGIC, /* A packet from the server makes no sense. */
  GEARMAN_INVALID_COMMAND,
  GEARMAN_INVALID_PACKET,
  GEARMAN_UNEXPECTED_PACKET,
  GEARMAN_GETADDRINFO, /* A host name cannot be looked up. */
  GEARMAN_NO_SERVERS,
  GEARMAN_LOST_CONNECTION,
  GEARMAN_MEMORY_ALLOCATION_FAILURE,
  GEARMAN_JOB_EXISTS, /* From gearman_client_job_status(): the server knows it. */
  GEARMAN_JOB_QUEUE_FULL,
  GEARMAN_SERVER_ERROR,
  GEARMAN_WORK_ERROR, /* From a worker's function: have the job run again. */
  GEARMAN_WORK_DATA,
  GEARMAN_WORK_WARNING,
  GEARMAN_WORK_STATUS,
  GEARMAN_WORK_EXCEPTION, /* The job ended with an exception. */
  GEARMAN_WORK_FAIL, /* The job failed. */
  GEARMAN_NOT_CONNECTED,
  GEARMAN_COULD_NOT_CONNECT,
  GEARMAN_SEND_IN_PROGRESS, /* Historical. */
  GEARMAN_RECV_IN_PROGRESS, /* Historical. */
  GEARMAN_NOT_FLUSHING,
  GEARMAN_DATA_TOO_LARGE,
  GEARMAN_INVALID_FUNCTION_NAME,
  GEARMAN_INVALID_WORKER_FUNCTION,
  GEARMAN_NO_REGISTERED_FUNCTION,
  GEARMAN_NO_REGISTERED_FUNCTIONS,
  GEARMAN_NO_JOBS,
  GEARMAN_ECHO_DATA_CORRUPTION,
  GEARMAN_NEED_WORKLOAD_FN,
  GEARMAN_PAUSE, /* From a callback: stop here, go on with the next call. */
  GEARMAN_UNKNOWN_STATE, /* Nothing is known yet. */
  GEARMAN_PTHREAD, /* Historical. */
  GEARMAN_PIPE_EOF, /* Historical. */
  GEARMAN_QUEUE_ERROR, /* Historical. */
  GEARMAN_FLUSH_DATA, /* Internal. */
  GEARMAN_SEND_BUFFER_TOO_SMALL,
  GEARMAN_IGNORE_PACKET, /* Internal. */
  GEARMAN_UNKNOWN_OPTION, /* Historical. */
  GEARMAN_TIMEOUT,
  GEARMAN_ARGUMENT_TOO_LARGE,
  GEARMAN_INVALID_ARGUMENT,
  GEARMAN_IN_PROGRESS, /* From gearman_client_job_status(): a worker has it. */
  GEARMAN_INVALID_SERVER_OPTION, /* The server knows no such option. */
  GEARMAN_JOB_NOT_FOUND, /* The server knows no such job. */
  GEARMAN_MAX_RETURN, /* Not a code: how many there are. */
  GEARMAN_FAIL = GEARMAN_WORK_FAIL,
  GEARMAN_FATAL = GEARMAN_WORK_FAIL,
  GEARMAN_ERROR = GEARMAN_WORK_ERROR
};

#ifndef __cplusplus
typedef enum gearman_return_t gearman_return_t;
#endif

/* Whether the call has not failed but wants to be made again. */
static inline bool gearman_continue(enum gearman_return_t rc)
{
  switch (rc) {
  case GEARMAN_IO_WAIT:
  case GEARMAN_IN_PROGRESS:
  case GEARMAN_JOB_EXISTS:
  case GEARMAN_PAUSE:
    return true;
  default:
    return false;
  }
}

/* Whether the code is any but SUCCESS. */
static inline bool gearman_failed(enum gearman_return_t rc)
{
  return rc != GEARMAN_SUCCESS;
}

/* Whether the code is SUCCESS. */
static inline bool gearman_success(enum gearman_return_t rc)
{
  return rc == GEARMAN_SUCCESS;
}
