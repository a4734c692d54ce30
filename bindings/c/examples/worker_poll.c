/* Drives a worker from a poll(2) loop: one thread, any number of other
 * descriptors, and no call that waits.
 *
 *   worker_poll [-h HOST] [-p PORT]
 *
 * Reverses the bytes of every job of "reverse". SIGTERM and SIGINT let it finish its job
 * and then stop; it then prints how many jobs it has done and how often it had to wait.
 * While the job server is down the library makes pauses between its attempts. The three
 * functions that an event loop needs are in libgearman-1.0/extension.h; the original
 * library does not have them.
 */
#define _POSIX_C_SOURCE 200809L

#include "server_options.h"

#include <libgearman-1.0/extension.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>

static gearman_id_t worker_id;

/* The request also makes the worker's descriptor readable. */
static void on_signal(int number)
{
  (void)number;
  (void)gearman_kill(worker_id, GEARMAN_INTERRUPT);
}

/* The last error that was printed. */
static char last_error[GEARMAN_MAX_ERROR_SIZE];

/* Prints each error of the library, such as a server that is down, unless it is the same as
 * the last one: every attempt to connect makes a line. */
static void on_error(const char *line, gearman_verbose_t verbose, void *context)
{
  (void)verbose;
  (void)context;
  if (strcmp(line, last_error) != 0)
  {
    fprintf(stderr, "worker_poll: %s\n", line);
    (void)snprintf(last_error, sizeof(last_error), "%s", line);
  }
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
  struct server_st server;
  (void)read_options(argc, argv, "", 0, &server);
  int status= EXIT_FAILURE;
  unsigned long jobs= 0;
  unsigned long waits= 0;

  gearman_worker_st *worker= gearman_worker_create(NULL);
  if (worker == NULL)
  {
    fprintf(stderr, "worker_poll: gearman_worker_create() failed\n");
    return EXIT_FAILURE;
  }
  gearman_worker_add_options(worker, GEARMAN_WORKER_NON_BLOCKING);
  gearman_worker_set_log_fn(worker, on_error, NULL, GEARMAN_VERBOSE_ERROR);

  worker_id= gearman_worker_id(worker);
  struct sigaction action= { 0 };
  action.sa_handler= on_signal;
  if (sigaction(SIGTERM, &action, NULL) != 0 || sigaction(SIGINT, &action, NULL) != 0)
  {
    perror("sigaction");
    goto done;
  }

  if (gearman_failed(gearman_worker_add_server(worker, server.host, server.port)) ||
      gearman_failed(gearman_worker_add_function(worker, "reverse", 0, reverse, NULL)))
  {
    fprintf(stderr, "worker_poll: %s\n", gearman_worker_error(worker));
    goto done;
  }

  for (;;)
  {
    gearman_return_t rc= gearman_worker_work(worker);
    if (rc == GEARMAN_SUCCESS)
    {
      jobs++;
      last_error[0]= '\0';
      continue;
    }
    if (rc == GEARMAN_SHUTDOWN || rc == GEARMAN_SHUTDOWN_GRACEFUL)
    {
      break;
    }
    if (rc != GEARMAN_IO_WAIT && rc != GEARMAN_NO_JOBS && rc != GEARMAN_WORK_FAIL)
    {
      fprintf(stderr, "worker_poll: %s\n", gearman_worker_error(worker));
      goto done;
    }

    /* Packets that were received already do not make the descriptor readable. */
    if (gearman_worker_has_buffered_work(worker))
    {
      continue;
    }

    /* Ask for the descriptor each time: it may change. A program adds its other
     * descriptors to the array. */
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
