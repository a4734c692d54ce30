/* Freeing the task inside its own last callback. */
#include "common.h"

static gearman_return_t free_it(gearman_task_st *task)
{
  printf("  callback %s, freeing the task\n",
         bytes(gearman_task_data(task), gearman_task_data_size(task)));
  gearman_task_free(task);
  return GEARMAN_SUCCESS;
}

int main(int argc, char **argv)
{
  gearman_return_t rc;
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  gearman_client_st *client = client_for(server_port);
  gearman_client_set_complete_fn(client, free_it);
  gearman_client_set_fail_fn(client, free_it);
  gearman_client_add_task(client, NULL, NULL, "echo", NULL, "one", 3, &rc);
  gearman_client_add_task(client, NULL, NULL, "echo", NULL, "one", 3, &rc);
  show("run_tasks", gearman_client_run_tasks(client));
  gearman_client_add_task(client, NULL, NULL, "fail", NULL, "one", 3, &rc);
  show("run_tasks", gearman_client_run_tasks(client));
  printf("tasks left %s\n", yes(gearman_client_has_tasks(client)));
  gearman_client_free(client);
  worker_stop(&worker);
  return 0;
}
