/* gearman_worker_wait gearman_worker_add_options gearman_worker_options_t */
#include <libgearman/gearman.h>

#include <unistd.h>

/* Does jobs in non-blocking mode until the worker is asked to stop. */
gearman_return_t run(gearman_worker_st *worker)
{
  gearman_worker_add_options(worker, GEARMAN_WORKER_NON_BLOCKING);
  gearman_worker_set_timeout(worker, 1000);
  for (;;)
  {
    gearman_return_t rc= gearman_worker_work(worker);
    if (rc == GEARMAN_IO_WAIT || rc == GEARMAN_NO_JOBS)
    {
      /* Other work may be done here. */
      rc= gearman_worker_wait(worker);
    }
    if (rc == GEARMAN_NO_ACTIVE_FDS)
    {
      (void)sleep(1);  /* No server is connected. */
    }
    else if (gearman_failed(rc) && rc != GEARMAN_TIMEOUT)
    {
      return rc;
    }
  }
}
