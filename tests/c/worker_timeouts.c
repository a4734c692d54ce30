/* How long gearman_worker_work waits without a job, and what it returns then. */
#include "common.h"

static void timed(const char *what, gearman_worker_st *worker, long long at_least)
{
  long long start = now_ms();
  gearman_return_t rc = gearman_worker_work(worker);
  long long took = now_ms() - start;
  printf("%s: %s, waited long enough %s, not much longer %s\n", what, rc_name(rc),
         yes(took >= at_least - 5), yes(took < at_least + 2000));
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  gearman_worker_st *worker = worker_for(server_port);
  gearman_worker_add_function(worker, "idle", 0, job_echo, NULL);
  gearman_worker_set_timeout(worker, 200);
  timed("200 ms", worker, 200);
  show_worker_error(worker);
  timed("again", worker, 200);
  gearman_worker_set_timeout(worker, 50);
  timed("50 ms", worker, 50);
  show("wait", gearman_worker_wait(worker));

  gearman_client_st *client = client_for(server_port);
  gearman_job_handle_t handle;
  gearman_client_do_background(client, "idle", NULL, "x", 1, handle);
  show("work with a job", gearman_worker_work(worker));
  timed("and none left", worker, 50);
  gearman_client_free(client);
  gearman_worker_free(worker);
  return 0;
}
