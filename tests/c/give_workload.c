/* A workload given to a task after it was added without one. */
#include "common.h"

static gearman_return_t complete(gearman_task_st *task)
{
  printf("complete: %s\n", bytes(gearman_task_data(task), gearman_task_data_size(task)));
  return GEARMAN_SUCCESS;
}

static int freed;

static void count_free(void *pointer, void *context)
{
  (void)context;
  ++freed;
  free(pointer);
}

int main(int argc, char **argv)
{
  gearman_return_t rc;
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  gearman_client_st *client = client_for(server_port);
  gearman_client_set_timeout(client, 2000);
  gearman_client_set_complete_fn(client, complete);
  gearman_client_set_workload_free_fn(client, count_free, NULL);

  gearman_task_st *task = gearman_client_add_task(client, NULL, NULL, "reverse", NULL, NULL, 0, &rc);
  show("add_task", rc);
  gearman_task_give_workload(task, copy_of("xyz", 3), 3);
  show("run_tasks", gearman_client_run_tasks(client));
  gearman_task_free(task);
  printf("freed through the hook: %s\n", yes(freed > 0));

  gearman_client_add_task(client, NULL, NULL, "reverse", NULL, "abc", 3, &rc);
  show("run_tasks, next task", gearman_client_run_tasks(client));
  gearman_client_free(client);
  worker_stop(&worker);
  return 0;
}
