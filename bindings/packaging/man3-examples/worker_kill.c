/* gearman_kill gearman_worker_id gearman_id_t gearman_signal_t */
#define _POSIX_C_SOURCE 200809L

#include <libgearman/gearman.h>

#include <signal.h>

static gearman_id_t worker_id;

static void on_signal(int number)
{
  (void)number;
  (void)gearman_kill(worker_id, GEARMAN_INTERRUPT);
}

/* Does jobs until SIGTERM arrives, and finishes the current one. */
gearman_return_t run(gearman_worker_st *worker)
{
  worker_id= gearman_worker_id(worker);
  struct sigaction action= { 0 };
  action.sa_handler= on_signal;
  (void)sigaction(SIGTERM, &action, NULL);

  gearman_return_t rc;
  do
  {
    rc= gearman_worker_work(worker);
  } while (gearman_success(rc));

  return rc == GEARMAN_SHUTDOWN_GRACEFUL ? GEARMAN_SUCCESS : rc;
}
