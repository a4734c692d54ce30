/* gearman_execute whose task is freed while it runs, in a callback of another task. */
#include "common.h"

static gearman_client_st *client;
static int calls;

static gearman_return_t free_all(gearman_task_st *task)
{
  (void)task;
  ++calls;
  gearman_client_task_free_all(client);
  return GEARMAN_SUCCESS;
}

static gearman_task_st *execute(const char *how, gearman_argument_t *argument)
{
  if (strcmp(how, "by partition") == 0)
    return gearman_execute_by_partition(client, "absent", 6, "reverse", 7, NULL, 0, NULL, argument,
                                        NULL);
  return gearman_execute(client, "absent", 6, NULL, 0, NULL, argument, NULL);
}

static void freed_during(const char *how)
{
  gearman_return_t rc;
  gearman_argument_t argument = gearman_argument_make(NULL, 0, "100", 3);
  client = client_for(server_port);
  gearman_client_set_created_fn(client, free_all);
  calls = 0;
  gearman_client_add_task_background(client, NULL, NULL, "absent", NULL, "x", 1, &rc);
  gearman_task_st *task = execute(how, &argument);
  printf("%s: callbacks %d, task %s, tasks left %s\n", how, calls, task == NULL ? "NULL" : "given",
         yes(gearman_client_has_tasks(client)));

  gearman_client_set_created_fn(client, NULL);
  size_t size;
  void *result = gearman_client_do(client, "echo", NULL, "abc", 3, &size, &rc);
  printf("  do: %s %s\n", rc_name(rc), bytes(result, size));
  free(result);
  gearman_client_free(client);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  freed_during("execute");
  freed_during("by partition");
  worker_stop(&worker);
  return 0;
}
