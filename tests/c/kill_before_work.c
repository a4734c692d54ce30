/* A stop request that comes before gearman_worker_work is noticed by it, and stays. */
#include "common.h"

static gearman_worker_st *idle_worker(void)
{
  gearman_worker_st *worker = worker_for(server_port);
  gearman_worker_add_function(worker, "idle", 0, job_echo, NULL);
  gearman_worker_set_timeout(worker, 10000);
  return worker;
}

static void before(const char *what, gearman_signal_t signal)
{
  gearman_worker_st *worker = idle_worker();
  printf("-- %s before work\n", what);
  show("  kill", gearman_kill(gearman_worker_id(worker), signal));
  show("  work", gearman_worker_work(worker));
  show("  work again", gearman_worker_work(worker));
  gearman_worker_free(worker);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  before("INTERRUPT", GEARMAN_SIGNAL_INTERRUPT);
  before("KILL", GEARMAN_SIGNAL_KILL);
  return 0;
}
