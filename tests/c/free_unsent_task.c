/* Freeing a task that was added and never run, then using the client. */
#include "common.h"

int main(int argc, char **argv)
{
  gearman_return_t rc;
  size_t size;
  setup(argc, argv);
  alarm(5);
  worker_process worker = worker_start(server_port);
  gearman_client_st *client = client_for(server_port);
  gearman_task_free(gearman_client_add_task(client, NULL, NULL, "echo", NULL, "x", 1, &rc));
  printf("tasks left %s\n", yes(gearman_client_has_tasks(client)));
  void *result = gearman_client_do(client, "echo", NULL, "abc", 3, &size, &rc);
  printf("do: %s %s\n", rc_name(rc), bytes(result, size));
  free(result);
  gearman_client_add_task(client, NULL, NULL, "echo", NULL, "x", 1, &rc);
  gearman_client_add_task_background(client, NULL, NULL, "echo", NULL, "x", 1, &rc);
  gearman_client_task_free_all(client);
  show("run_tasks", gearman_client_run_tasks(client));
  result = gearman_client_do(client, "echo", NULL, "abc", 3, &size, &rc);
  printf("do: %s %s\n", rc_name(rc), bytes(result, size));
  free(result);
  gearman_client_free(client);
  worker_stop(&worker);
  return 0;
}
