/* A non-blocking client: run_tasks and wait until all is done. */
#include "common.h"

int main(int argc, char **argv)
{
  static journal logs[3];
  gearman_return_t rc;
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  gearman_client_st *client = client_for(server_port);
  gearman_client_add_options(client, GEARMAN_CLIENT_NON_BLOCKING);
  journal_every_event(client);

  static const char *const functions[] = {"reverse", "everything", "fail"};
  for (int x = 0; x < 3; ++x)
  {
    logs[x].name = functions[x];
    gearman_client_add_task(client, NULL, &logs[x], functions[x], NULL, "abc", 3, &rc);
  }
  rc = gearman_client_run_tasks(client);
  show("first run_tasks", rc);
  int bad_waits = 0;
  while (rc == GEARMAN_IO_WAIT)
  {
    if (gearman_client_wait(client) != GEARMAN_SUCCESS) ++bad_waits;
    rc = gearman_client_run_tasks(client);
  }
  show("last run_tasks", rc);
  printf("waits that failed %d\n", bad_waits);
  for (int x = 0; x < 3; ++x) journal_print(&logs[x]);
  printf("still non-blocking %s\n",
         yes(gearman_client_has_option(client, GEARMAN_CLIENT_NON_BLOCKING)));
  gearman_client_task_free_all(client);
  gearman_client_clear_fn(client);

  gearman_client_free(client);
  worker_stop(&worker);
  return 0;
}
