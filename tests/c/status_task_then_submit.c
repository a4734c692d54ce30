/* A job submitted on a connection after a status task, single or in one run with others. */
#include "common.h"

static void after_status_task(bool by_unique)
{
  gearman_return_t rc;
  gearman_client_st *client = client_for(server_port);
  gearman_client_set_timeout(client, 2000);
  if (by_unique)
    gearman_client_add_task_status_by_unique(client, NULL, "absent", &rc);
  else
    gearman_client_add_task_status(client, NULL, NULL, "H:nowhere:1", &rc);
  show("run_tasks", gearman_client_run_tasks(client));
  void *result = gearman_client_do(client, "echo", NULL, "abc", 3, NULL, &rc);
  printf("do after a status task%s: %s\n", by_unique ? " by unique" : "", rc_name(rc));
  free(result);
  gearman_client_free(client);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  after_status_task(false);
  after_status_task(true);
  worker_stop(&worker);
  return 0;
}
