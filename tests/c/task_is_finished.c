/* gearman_task_is_finished before and after the run. */
#include "common.h"

int main(int argc, char **argv)
{
  gearman_return_t rc;
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  gearman_client_st *client = client_for(server_port);
  gearman_task_st *task = gearman_client_add_task(client, NULL, NULL, "echo", NULL, "x", 1, &rc);
  printf("added: finished %s\n", yes(gearman_task_is_finished(task)));
  show("run_tasks", gearman_client_run_tasks(client));
  printf("run: finished %s state %s\n", yes(gearman_task_is_finished(task)),
         gearman_task_strstate(task));
  gearman_client_free(client);
  worker_stop(&worker);
  return 0;
}
