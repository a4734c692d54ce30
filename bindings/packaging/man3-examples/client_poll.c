/* gearman_client_poll_fd gearman_client_has_buffered_work gearman_client_next_timeout */
#include <libgearman/gearman.h>
#include <libgearman-1.0/extension.h>

#include <poll.h>

/* Runs the tasks of a client in non-blocking mode from a loop around poll(). */
gearman_return_t run(gearman_client_st *client)
{
  gearman_return_t rc;
  while ((rc= gearman_client_run_tasks(client)) == GEARMAN_IO_WAIT)
  {
    if (!gearman_client_has_buffered_work(client))
    {
      struct pollfd fd= { gearman_client_poll_fd(client), POLLIN, 0 };
      (void)poll(&fd, 1, gearman_client_next_timeout(client));
    }
  }
  return rc;
}
