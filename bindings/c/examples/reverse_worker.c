/* A worker: reverses the bytes of every job.
 *
 *   reverse_worker [-h HOST] [-p PORT]
 *
 * After SIGTERM or SIGINT it finishes its job and stops with code 0. While the job server is
 * down the worker tries again, after pauses of 1 to 32 seconds. Any other error ends it
 * with code 1.
 */
#define _POSIX_C_SOURCE 200809L

#include "server_options.h"

#include <signal.h>

/* gearman_kill() is one of the few functions that a signal handler may call. The stop
 * handle is a pair of descriptors, and is set before the signal handler is. */
static gearman_id_t worker_id;

/* Set when a signal has asked the worker to stop. */
static volatile sig_atomic_t stopping;

static void on_signal(int number)
{
  (void)number;
  stopping= 1;
  (void)gearman_kill(worker_id, GEARMAN_INTERRUPT);
}

/* The function that does the jobs. With GEARMAN_SUCCESS the job is complete, and the data
 * that was sent is its result. */
static gearman_return_t reverse(gearman_job_st *job, void *context)
{
  (void)context;

  /* The workload is any bytes: it has a size and need not end with a NUL. */
  const char *workload= gearman_job_workload(job);
  size_t size= gearman_job_workload_size(job);
  if (size == 0)
  {
    return GEARMAN_SUCCESS;
  }

  char *reversed= malloc(size);
  if (reversed == NULL)
  {
    /* The job fails and is not tried again. (With GEARMAN_ERROR the server would give it
     * to a worker again.) */
    return GEARMAN_FATAL;
  }
  for (size_t x= 0; x < size; x++)
  {
    reversed[x]= workload[size - 1 - x];
  }

  gearman_return_t rc= gearman_job_send_data(job, reversed, size);
  free(reversed);

  return gearman_failed(rc) ? GEARMAN_ERROR : GEARMAN_SUCCESS;
}

/* Does jobs until the worker is asked to stop, or until an error after which another
 * attempt would fail, too. */
static int run(gearman_worker_st *worker)
{
  unsigned int pause= 1;
  for (;;)
  {
    /* Waits for one job and does it. */
    gearman_return_t rc= gearman_worker_work(worker);
    switch (rc)
    {
    case GEARMAN_SUCCESS:
    case GEARMAN_WORK_FAIL:  /* The client was told that its job failed. */
      pause= 1;
      break;

    case GEARMAN_COULD_NOT_CONNECT:
    case GEARMAN_LOST_CONNECTION:
      if (stopping)
      {
        return EXIT_SUCCESS;
      }
      fprintf(stderr, "reverse_worker: %s; trying again in %u s\n", gearman_strerror(rc), pause);
      (void)sleep(pause);  /* A signal ends it. */
      pause= pause < 32 ? pause * 2 : pause;
      break;

    case GEARMAN_SHUTDOWN:
    case GEARMAN_SHUTDOWN_GRACEFUL:
      return EXIT_SUCCESS;

    default:
      fprintf(stderr, "reverse_worker: %s\n", gearman_worker_error(worker));
      return EXIT_FAILURE;
    }
  }
}

int main(int argc, char *argv[])
{
  struct server_st server;
  (void)read_options(argc, argv, "", 0, &server);
  const char *function_name= "reverse";
  int status= EXIT_FAILURE;

  gearman_worker_st *worker= gearman_worker_create(NULL);
  if (worker == NULL)
  {
    fprintf(stderr, "reverse_worker: gearman_worker_create() failed\n");
    return EXIT_FAILURE;
  }

  worker_id= gearman_worker_id(worker);
  struct sigaction action= { 0 };
  action.sa_handler= on_signal;
  if (sigaction(SIGTERM, &action, NULL) != 0 || sigaction(SIGINT, &action, NULL) != 0)
  {
    perror("sigaction");
  }
  else if (gearman_failed(gearman_worker_add_server(worker, server.host, server.port)) ||
           gearman_failed(gearman_worker_define_function(worker,
                                                         function_name, strlen(function_name),
                                                         gearman_function_create(reverse),
                                                         0,        /* No time limit for a job. */
                                                         NULL)))   /* No context. */
  {
    fprintf(stderr, "reverse_worker: %s\n", gearman_worker_error(worker));
  }
  else
  {
    status= run(worker);
  }
  gearman_worker_free(worker);

  return status;
}
