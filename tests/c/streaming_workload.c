/* A task added without a workload but with its size: workload_fn sends it in pieces. */
#include "common.h"

static int pieces;

static gearman_return_t send_pieces(gearman_task_st *task)
{
  static const char *const parts[] = {"alpha ", "beta ", "gamma"};
  gearman_return_t rc = GEARMAN_SUCCESS;
  while (pieces < 3)
  {
    size_t sent = gearman_task_send_workload(task, parts[pieces], strlen(parts[pieces]), &rc);
    printf("  send_workload: %s, all of it %s\n", rc_name(rc), yes(sent == strlen(parts[pieces])));
    if (rc != GEARMAN_SUCCESS) return rc;
    ++pieces;
    if (pieces == 2) return GEARMAN_IO_WAIT;
  }
  return GEARMAN_SUCCESS;
}

static gearman_return_t complete(gearman_task_st *task)
{
  printf("  complete %s\n", bytes(gearman_task_data(task), gearman_task_data_size(task)));
  return GEARMAN_SUCCESS;
}

int main(int argc, char **argv)
{
  gearman_return_t rc;
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  gearman_client_st *client = client_for(server_port);
  gearman_client_set_complete_fn(client, complete);
  printf("without workload_fn: %s",
         gearman_client_add_task(client, NULL, NULL, "echo", NULL, NULL, 16, &rc) == NULL
             ? "no task, "
             : "a task, ");
  printf("%s\n", rc_name(rc));
  gearman_client_set_workload_fn(client, send_pieces);
  printf("with it: %s",
         gearman_client_add_task(client, NULL, NULL, "echo", NULL, NULL, 16, &rc) == NULL
             ? "no task, "
             : "a task, ");
  printf("%s\n", rc_name(rc));
  while ((rc = gearman_client_run_tasks(client)) == GEARMAN_IO_WAIT) {}
  show("run_tasks", rc);
  gearman_client_free(client);
  worker_stop(&worker);
  return 0;
}
