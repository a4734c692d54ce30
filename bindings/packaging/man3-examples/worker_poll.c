/* gearman_worker_poll_fd gearman_worker_has_buffered_work gearman_worker_next_timeout */
#include <libgearman/gearman.h>
#include <libgearman-1.0/extension.h>

#include <poll.h>

/* Does the jobs of a worker in non-blocking mode from a loop around poll(). */
gearman_return_t run(gearman_worker_st *worker)
{
  for (;;)
  {
    gearman_return_t rc= gearman_worker_work(worker);
    if (gearman_success(rc))
    {
      continue;
    }
    if (rc != GEARMAN_IO_WAIT && rc != GEARMAN_NO_JOBS)
    {
      return rc;
    }
    if (!gearman_worker_has_buffered_work(worker))
    {
      struct pollfd fd= { gearman_worker_poll_fd(worker), POLLIN, 0 };
      (void)poll(&fd, 1, gearman_worker_next_timeout(worker));
    }
  }
}
