/* Freeing the client inside a callback of one of its tasks. */
#include "common.h"

static gearman_client_st *client;

static gearman_return_t free_client(gearman_task_st *task)
{
  (void)task;
  printf("  callback, freeing the client\n");
  gearman_client_free(client);
  return GEARMAN_SUCCESS;
}

int main(int argc, char **argv)
{
  gearman_return_t rc;
  setup(argc, argv);
  alarm(10);
  worker_process worker = worker_start(server_port);
  for (int x = 0; x < 3; ++x)
  {
    client = client_for(server_port);
    if (x == 0) gearman_client_set_created_fn(client, free_client);
    if (x == 1) gearman_client_set_data_fn(client, free_client);
    if (x == 2) gearman_client_set_complete_fn(client, free_client);
    gearman_client_add_task(client, NULL, NULL, "everything", NULL, "abc", 3, &rc);
    rc = gearman_client_run_tasks(client);
    printf("run_tasks came back\n");
  }
  worker_stop(&worker);
  return 0;
}
