/* A worker none of whose servers can be reached: codes, and how long work takes. */
#include "common.h"

int main(int argc, char **argv)
{
  setup(argc, argv);
  gearman_worker_st *worker = worker_for(dead_port());
  gearman_worker_add_server(worker, "127.0.0.1", dead_port());
  gearman_worker_add_function(worker, "idle", 0, job_echo, NULL);
  gearman_worker_set_timeout(worker, 300);
  for (int x = 0; x < 2; ++x)
  {
    long long start = now_ms();
    gearman_return_t rc = gearman_worker_work(worker);
    long long took = now_ms() - start;
    printf("work failed %s, took the timeout %s\n", yes(gearman_failed(rc)),
           yes(took >= 250 && took < 3000));
  }
  gearman_worker_add_server(worker, "127.0.0.1", server_port);
  gearman_client_st *client = client_for(server_port);
  gearman_job_handle_t handle;
  gearman_client_do_background(client, "idle", NULL, "x", 1, handle);
  show("work when one is up", gearman_worker_work(worker));
  gearman_client_free(client);
  gearman_worker_free(worker);
  return 0;
}
