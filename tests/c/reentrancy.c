/* Calls into the library from inside a task's callback: adding tasks, using another client,
 * changing callbacks and context. */
#include "common.h"

static gearman_client_st *client;
static int left;

static gearman_return_t add_another(gearman_task_st *task)
{
  gearman_return_t rc;
  printf("  complete %s\n", bytes(gearman_task_data(task), gearman_task_data_size(task)));
  if (left-- > 0)
  {
    char workload[16];
    snprintf(workload, sizeof(workload), "left %d", left);
    gearman_client_add_task(client, NULL, NULL, "echo", NULL, workload, strlen(workload), &rc);
    show("  add_task in complete_fn", rc);
  }
  return GEARMAN_SUCCESS;
}

static gearman_return_t add_in_created(gearman_task_st *task)
{
  gearman_return_t rc;
  (void)task;
  if (left-- > 0)
  {
    gearman_client_add_task(client, NULL, NULL, "echo", NULL, "from created", 12, &rc);
    show("  add_task in created_fn", rc);
  }
  return GEARMAN_SUCCESS;
}

static gearman_return_t other_client(gearman_task_st *task)
{
  gearman_return_t rc;
  size_t size;
  gearman_client_st *other = client_for(server_port);
  char *result = (char *)gearman_client_do(other, "reverse", NULL, gearman_task_data(task),
                                           gearman_task_data_size(task), &size, &rc);
  printf("  do on another client in complete_fn: %s %s\n", rc_name(rc), bytes(result, size));
  free(result);
  gearman_client_free(other);
  return GEARMAN_SUCCESS;
}

static gearman_return_t change_callbacks(gearman_task_st *task)
{
  (void)task;
  printf("  complete, clearing the callbacks and changing the context\n");
  gearman_task_set_context(task, client);
  gearman_client_clear_fn(client);
  return GEARMAN_SUCCESS;
}

static void start(const char *what, gearman_complete_fn *complete)
{
  printf("-- %s\n", what);
  client = client_for(server_port);
  gearman_client_set_complete_fn(client, complete);
}

int main(int argc, char **argv)
{
  gearman_return_t rc;
  setup(argc, argv);
  worker_process worker = worker_start(server_port);

  start("adding tasks in complete_fn", add_another);
  left = 5;
  gearman_client_add_task(client, NULL, NULL, "echo", NULL, "first", 5, &rc);
  show("run_tasks", gearman_client_run_tasks(client));
  printf("active tasks left %s\n", yes(gearman_client_has_active_tasks(client)));
  gearman_client_free(client);

  start("the same with FREE_TASKS", add_another);
  gearman_client_add_options(client, GEARMAN_CLIENT_FREE_TASKS);
  left = 5;
  gearman_client_add_task(client, NULL, NULL, "echo", NULL, "first", 5, &rc);
  show("run_tasks", gearman_client_run_tasks(client));
  printf("tasks left %s\n", yes(gearman_client_has_tasks(client)));
  gearman_client_free(client);

  start("adding tasks in created_fn", NULL);
  gearman_client_set_created_fn(client, add_in_created);
  left = 3;
  gearman_client_add_task(client, NULL, NULL, "echo", NULL, "first", 5, &rc);
  show("run_tasks", gearman_client_run_tasks(client));
  printf("active tasks left %s\n", yes(gearman_client_has_active_tasks(client)));
  gearman_client_free(client);

  start("another client in complete_fn", other_client);
  gearman_client_add_task(client, NULL, NULL, "echo", NULL, "palindrome", 10, &rc);
  show("run_tasks", gearman_client_run_tasks(client));
  gearman_client_free(client);

  start("changing callbacks in complete_fn", change_callbacks);
  gearman_client_add_task(client, NULL, NULL, "echo", NULL, "x", 1, &rc);
  gearman_task_st *second = gearman_client_add_task(client, NULL, NULL, "echo", NULL, "x", 1, &rc);
  show("run_tasks", gearman_client_run_tasks(client));
  printf("context changed %s\n", yes(gearman_task_context(second) == client));
  gearman_client_free(client);
  worker_stop(&worker);
  return 0;
}
