/* Return codes. */
#pragma once

#ifndef __cplusplus
#include <stdbool.h>
#endif

/* The return codes of the library. gearman_strerror() returns their names; gearman_success(),
 * gearman_failed() and gearman_continue() test them. */
enum gearman_return_t {
  GEARMAN_SUCCESS, /* The call succeeded. */
  GEARMAN_IO_WAIT, /* The call would have to wait, or a signal has ended its wait. */
  GEARMAN_SHUTDOWN, /* gearman_kill() has asked the worker to stop. */
  GEARMAN_SHUTDOWN_GRACEFUL, /* gearman_kill() has asked the worker to stop after its job. */
  GEARMAN_ERRNO, /* A system call failed: see gearman_client_errno() and gearman_worker_errno(). */
  GEARMAN_EVENT, /* Not returned by this library. */
  GEARMAN_TOO_MANY_ARGS, /* Not returned by this library. */
  GEARMAN_NO_ACTIVE_FDS, /* There is nothing to wait for. */
  GEARMAN_INVALID_MAGIC, /* The server sent bytes that are not a packet. */
  GEARMAN_INVALID_COMMAND, /* The server sent a packet of an unknown type. */
  GEARMAN_INVALID_PACKET, /* The server sent a packet that is not valid. */
  GEARMAN_UNEXPECTED_PACKET, /* The server sent a packet that does not belong here. */
  GEARMAN_GETADDRINFO, /* A host has no address. */
  GEARMAN_NO_SERVERS, /* No server was added. */
  GEARMAN_LOST_CONNECTION, /* The server closed the connection. */
  GEARMAN_MEMORY_ALLOCATION_FAILURE, /* There is no memory. */
  GEARMAN_JOB_EXISTS, /* From gearman_client_job_status(): the job waits. */
  GEARMAN_JOB_QUEUE_FULL, /* The queue of the function has no room (see GEARMAN_QUEUE_ERROR). */
  GEARMAN_SERVER_ERROR, /* The server refused a request. */
  GEARMAN_WORK_ERROR, /* From a function of a worker: have a worker do the job again. */
  GEARMAN_WORK_DATA, /* Not returned by this library. */
  GEARMAN_WORK_WARNING, /* Not returned by this library. */
  GEARMAN_WORK_STATUS, /* Not returned by this library. */
  GEARMAN_WORK_EXCEPTION, /* The job raised an exception. */
  GEARMAN_WORK_FAIL, /* The job failed. */
  GEARMAN_NOT_CONNECTED, /* Not returned by this library. */
  GEARMAN_COULD_NOT_CONNECT, /* No server can be reached. */
  GEARMAN_SEND_IN_PROGRESS, /* Not returned by this library. */
  GEARMAN_RECV_IN_PROGRESS, /* Not returned by this library. */
  GEARMAN_NOT_FLUSHING, /* Not returned by this library. */
  GEARMAN_DATA_TOO_LARGE, /* A workload has more bytes than were declared. */
  GEARMAN_INVALID_FUNCTION_NAME, /* A job is of a function that the worker does not offer. */
  GEARMAN_INVALID_WORKER_FUNCTION, /* Not returned by this library. */
  GEARMAN_NO_REGISTERED_FUNCTION, /* The worker does not offer the function. */
  GEARMAN_NO_REGISTERED_FUNCTIONS, /* The worker offers no function. */
  GEARMAN_NO_JOBS, /* No server has a job. */
  GEARMAN_ECHO_DATA_CORRUPTION, /* The server sent other bytes back. */
  GEARMAN_NEED_WORKLOAD_FN, /* Not returned by this library. */
  GEARMAN_PAUSE, /* From a callback: end the run; the next run calls the callback again. */
  GEARMAN_UNKNOWN_STATE, /* The task has not ended; or a bug has made the handle unusable. */
  GEARMAN_PTHREAD, /* Not returned by this library. */
  GEARMAN_PIPE_EOF, /* Not returned by this library. */
  GEARMAN_QUEUE_ERROR, /* The queue of the function has no room for the job. */
  GEARMAN_FLUSH_DATA, /* Not returned by this library. */
  GEARMAN_SEND_BUFFER_TOO_SMALL, /* Not returned by this library. */
  GEARMAN_IGNORE_PACKET, /* Not returned by this library. */
  GEARMAN_UNKNOWN_OPTION, /* The server does not know the option. */
  GEARMAN_TIMEOUT, /* No server answered, or no job arrived, within the timeout. */
  GEARMAN_ARGUMENT_TOO_LARGE, /* An argument is larger than the protocol allows. */
  GEARMAN_INVALID_ARGUMENT, /* An argument is not valid, or a pointer is NULL that must not be. */
  GEARMAN_IN_PROGRESS, /* From gearman_client_job_status(): a worker has the job. */
  GEARMAN_INVALID_SERVER_OPTION, /* Not returned by this library. */
  GEARMAN_JOB_NOT_FOUND, /* No server knows the job. */
  GEARMAN_MAX_RETURN, /* The number of codes. */
  GEARMAN_FAIL = GEARMAN_WORK_FAIL, /* The same as GEARMAN_WORK_FAIL. */
  GEARMAN_FATAL = GEARMAN_WORK_FAIL, /* The same: from a function, fail the job. */
  GEARMAN_ERROR = GEARMAN_WORK_ERROR /* The same as GEARMAN_WORK_ERROR. */
};

#ifndef __cplusplus
typedef enum gearman_return_t gearman_return_t;
#endif

/* Tells whether a call has to be repeated.
 *
 * Returns true if `rc` is `GEARMAN_IO_WAIT`, `GEARMAN_IN_PROGRESS`, `GEARMAN_JOB_EXISTS` or
 * `GEARMAN_PAUSE`. */
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

/* Tells whether a call has failed.
 *
 * Returns true if `rc` is any code but `GEARMAN_SUCCESS`. */
static inline bool gearman_failed(enum gearman_return_t rc)
{
  return rc != GEARMAN_SUCCESS;
}

/* Tells whether a call has succeeded.
 *
 * Returns true if `rc` is `GEARMAN_SUCCESS`. */
static inline bool gearman_success(enum gearman_return_t rc)
{
  return rc == GEARMAN_SUCCESS;
}
