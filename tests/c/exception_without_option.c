/* An exception for a client that has not asked for exceptions: it gets a failure. */
#include "common.h"

int main(int argc, char **argv)
{
  gearman_return_t rc;
  size_t size;
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  gearman_client_st *client = client_for(server_port);
  gearman_client_set_timeout(client, 2000);
  void *result = gearman_client_do(client, "exception", NULL, "x", 1, &size, &rc);
  printf("do: %s %s\n", rc_name(rc), bytes(result, size));

  static journal log = {.name = "task"};
  journal_every_event(client);
  gearman_task_st *task =
      gearman_client_add_task(client, NULL, &log, "exception", NULL, "x", 1, &rc);
  show("run_tasks", gearman_client_run_tasks(client));
  journal_print(&log);
  show_task("task", task);
  gearman_client_free(client);
  worker_stop(&worker);
  return 0;
}
