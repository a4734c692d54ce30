/* Drives a client from a poll(2) loop: one thread, any number of other
 * descriptors, and no call that waits.
 *
 *   nonblocking_poll [-h HOST] [-p PORT] TEXT...
 *
 * Prints each text reversed, as the results arrive. The three functions that an event loop
 * needs are in libgearman-1.0/extension.h; the original library does not have them.
 */
#define _POSIX_C_SOURCE 200809L

#include "server_options.h"

#include <libgearman-1.0/extension.h>

#include <errno.h>
#include <poll.h>

static gearman_return_t on_data(gearman_task_st *task)
{
  size_t size= gearman_task_data_size(task);
  if (size > 0)
  {
    fwrite(gearman_task_data(task), 1, size, stdout);
  }
  return GEARMAN_SUCCESS;
}

static gearman_return_t on_complete(gearman_task_st *task)
{
  gearman_return_t rc= on_data(task);
  putchar('\n');
  return rc;
}

int main(int argc, char *argv[])
{
  struct server_st server;
  int first= read_options(argc, argv, "TEXT...", 1, &server);
  int status= EXIT_FAILURE;

  gearman_client_st *client= gearman_client_create(NULL);
  if (client == NULL)
  {
    fprintf(stderr, "nonblocking_poll: gearman_client_create() failed\n");
    return EXIT_FAILURE;
  }
  gearman_client_add_options(client, GEARMAN_CLIENT_NON_BLOCKING | GEARMAN_CLIENT_FREE_TASKS);
  gearman_client_set_timeout(client, 30 * 1000);
  gearman_client_set_data_fn(client, on_data);
  gearman_client_set_complete_fn(client, on_complete);

  if (gearman_failed(gearman_client_add_server(client, server.host, server.port)))
  {
    fprintf(stderr, "nonblocking_poll: %s\n", gearman_client_error(client));
    goto done;
  }
  for (int x= first; x < argc; x++)
  {
    gearman_return_t rc;
    if (gearman_client_add_task(client, NULL, NULL, "reverse", NULL,
                                argv[x], strlen(argv[x]), &rc) == NULL)
    {
      fprintf(stderr, "nonblocking_poll: %s\n", gearman_strerror(rc));
      goto done;
    }
  }

  gearman_return_t rc;
  while ((rc= gearman_client_run_tasks(client)) == GEARMAN_IO_WAIT)
  {
    /* Packets that were received already do not make the descriptor readable. */
    if (gearman_client_has_buffered_work(client))
    {
      continue;
    }

    /* Ask for the descriptor each time: it may change. A program adds its other
     * descriptors to the array. */
    struct pollfd fds[1];
    fds[0].fd= gearman_client_poll_fd(client);
    fds[0].events= POLLIN;
    fds[0].revents= 0;
    if (poll(fds, 1, gearman_client_next_timeout(client)) == -1 && errno != EINTR)
    {
      perror("poll");
      goto done;
    }

    /* Whether a packet arrived or the time is over, gearman_client_run_tasks() tells. */
  }

  if (gearman_failed(rc))
  {
    fprintf(stderr, "nonblocking_poll: %s\n", gearman_strerror(rc));
    goto done;
  }
  if (fflush(stdout) != 0 || ferror(stdout))
  {
    perror("stdout");
    goto done;
  }
  status= EXIT_SUCCESS;

done:
  gearman_client_free(client);

  return status;
}
