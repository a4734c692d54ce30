/* A worker: turns the bytes of every job around.
 *
 *   reverse_worker [SERVERS]
 *
 * SERVERS is a list like "host:port,host:port". SIGTERM and SIGINT let it finish
 * the job at hand and then stop.
 */
#define _POSIX_C_SOURCE 200809L

#include <libgearman/gearman.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* gearman_kill() is one of the few things that a signal handler may call. The
 * handle is a plain pair of descriptors, set before the handler is. */
static gearman_id_t worker_id;

static void on_signal(int number)
{
  (void)number;
  (void)gearman_kill(worker_id, GEARMAN_INTERRUPT);
}

/* The function that jobs are given to. SUCCESS means that the job is done: what
 * was sent as data is its result. */
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
    /* The job failed, and is not tried again. (GEARMAN_ERROR would give it to
     * another worker.) */
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

int main(int argc, char *argv[])
{
  int status= EXIT_FAILURE;
  const char *servers= argc > 1 ? argv[1] : "localhost";
  const char *function_name= "reverse";

  gearman_worker_st *worker= gearman_worker_create(NULL);
  if (worker == NULL)
  {
    fprintf(stderr, "gearman_worker_create() failed\n");
    return EXIT_FAILURE;
  }

  worker_id= gearman_worker_id(worker);
  struct sigaction action= { 0 };
  action.sa_handler= on_signal;
  if (sigaction(SIGTERM, &action, NULL) != 0 || sigaction(SIGINT, &action, NULL) != 0)
  {
    perror("sigaction");
    goto done;
  }

  if (gearman_failed(gearman_worker_add_servers(worker, servers)))
  {
    fprintf(stderr, "%s\n", gearman_worker_error(worker));
    goto done;
  }

  if (gearman_failed(gearman_worker_define_function(worker,
                                                    function_name, strlen(function_name),
                                                    gearman_function_create(reverse),
                                                    0,        /* No limit of time for a job. */
                                                    NULL)))   /* No context. */
  {
    fprintf(stderr, "%s\n", gearman_worker_error(worker));
    goto done;
  }

  /* Each call waits for one job and does it. */
  gearman_return_t rc;
  do
  {
    rc= gearman_worker_work(worker);
    if (rc == GEARMAN_COULD_NOT_CONNECT || rc == GEARMAN_LOST_CONNECTION)
    {
      /* The next call connects again: a worker outlives its server. */
      fprintf(stderr, "%s\n", gearman_worker_error(worker));
      rc= GEARMAN_SUCCESS;
    }
  } while (gearman_success(rc));

  if (rc == GEARMAN_SHUTDOWN || rc == GEARMAN_SHUTDOWN_GRACEFUL)
  {
    status= EXIT_SUCCESS;
  }
  else
  {
    fprintf(stderr, "%s\n", gearman_worker_error(worker));
  }

done:
  gearman_worker_free(worker);

  return status;
}
