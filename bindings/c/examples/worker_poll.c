/* Drives a worker from a poll(2) loop: one thread, any number of other
 * descriptors, and no call that waits.
 *
 *   worker_poll SERVERS
 *
 * Turns the bytes of every job of "reverse" around. SIGTERM and SIGINT let it
 * finish the job at hand and then stop; it says then how many jobs it has done
 * and how often it had to wait. The three functions that an event loop needs are
 * in libgearman-1.0/extension.h; the original library does not have them.
 */
#define _POSIX_C_SOURCE 200809L

#include <libgearman/gearman.h>
#include <libgearman-1.0/extension.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static gearman_id_t worker_id;

/* The request also makes the worker's descriptor readable. */
static void on_signal(int number)
{
  (void)number;
  (void)gearman_kill(worker_id, GEARMAN_INTERRUPT);
}

static void *reverse(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  (void)context;
  const char *workload= gearman_job_workload(job);
  *size= gearman_job_workload_size(job);
  *ret= GEARMAN_SUCCESS;

  char *reversed= malloc(*size + 1);
  if (reversed == NULL)
  {
    *size= 0;
    *ret= GEARMAN_FATAL;
    return NULL;
  }
  for (size_t x= 0; x < *size; x++)
  {
    reversed[x]= workload[*size - 1 - x];
  }
  return reversed; /* The library frees it. */
}

int main(int argc, char *argv[])
{
  int status= EXIT_FAILURE;
  unsigned long jobs= 0;
  unsigned long waits= 0;

  gearman_worker_st *worker= gearman_worker_create(NULL);
  if (worker == NULL)
  {
    fprintf(stderr, "gearman_worker_create() failed\n");
    return EXIT_FAILURE;
  }
  gearman_worker_add_options(worker, GEARMAN_WORKER_NON_BLOCKING);

  worker_id= gearman_worker_id(worker);
  struct sigaction action= { 0 };
  action.sa_handler= on_signal;
  if (sigaction(SIGTERM, &action, NULL) != 0 || sigaction(SIGINT, &action, NULL) != 0)
  {
    perror("sigaction");
    goto done;
  }

  if (gearman_failed(gearman_worker_add_servers(worker, argc > 1 ? argv[1] : "localhost")) ||
      gearman_failed(gearman_worker_add_function(worker, "reverse", 0, reverse, NULL)))
  {
    fprintf(stderr, "%s\n", gearman_worker_error(worker));
    goto done;
  }

  for (;;)
  {
    gearman_return_t rc= gearman_worker_work(worker);
    if (rc == GEARMAN_SUCCESS)
    {
      jobs++;
      continue;
    }
    if (rc == GEARMAN_SHUTDOWN || rc == GEARMAN_SHUTDOWN_GRACEFUL)
    {
      break;
    }
    if (rc == GEARMAN_NO_JOBS && gearman_worker_error(worker) != NULL)
    {
      /* A server is down or was lost. A later call connects again: a worker outlives
       * its server. */
      fprintf(stderr, "%s\n", gearman_worker_error(worker));
    }
    else if (rc != GEARMAN_IO_WAIT && rc != GEARMAN_NO_JOBS)
    {
      fprintf(stderr, "%s\n", gearman_worker_error(worker));
      goto done;
    }

    /* Something has been received already: no descriptor will announce it. */
    if (gearman_worker_has_buffered_work(worker))
    {
      continue;
    }

    /* Ask for the descriptor each time: it may change. A program's own
     * descriptors would stand next to it. */
    struct pollfd fds[1];
    fds[0].fd= gearman_worker_poll_fd(worker);
    fds[0].events= POLLIN;
    fds[0].revents= 0;
    waits++;
    if (poll(fds, 1, gearman_worker_next_timeout(worker)) == -1 && errno != EINTR)
    {
      perror("poll");
      goto done;
    }
  }

  printf("%lu jobs, %lu waits\n", jobs, waits);
  status= EXIT_SUCCESS;

done:
  gearman_worker_free(worker);

  return status;
}
