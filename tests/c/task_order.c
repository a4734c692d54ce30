/* In which order added tasks are sent: one worker, started after all are queued at the server. */
#include "common.h"

static char order[32];

static gearman_return_t complete(gearman_task_st *task)
{
  strncat(order, (const char *)gearman_task_data(task), gearman_task_data_size(task));
  return GEARMAN_SUCCESS;
}

static void add_and_run(void *unused)
{
  gearman_return_t rc;
  (void)unused;
  gearman_client_st *client = client_for(server_port);
  gearman_client_set_complete_fn(client, complete);
  for (int x = 0; x < 8; ++x)
  {
    char workload = (char)('a' + x);
    gearman_client_add_task(client, NULL, NULL, "echo", NULL, &workload, 1, &rc);
  }
  show("run_tasks", gearman_client_run_tasks(client));
  printf("order %s\n", order);
  gearman_client_free(client);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  side_process client = aside(add_and_run, NULL);
  wait_for_jobs(server_port, "echo", 8, 0);
  worker_process worker = worker_start(server_port);
  join(&client);
  worker_stop(&worker);
  return 0;
}
