/* Who frees tasks, and when task_context_free_fn is called: with and without FREE_TASKS, for
 * added, caller-allocated and executed tasks, task_free, task_free_all and client_free. */
#include "common.h"

static int freed;

static void context_freed(gearman_task_st *task, void *context)
{
  (void)task;
  (void)context;
  ++freed;
}

static void tell(const char *what, gearman_client_st *client)
{
  printf("%s: freed %d, tasks left %s\n", what, freed, yes(gearman_client_has_tasks(client)));
  freed = 0;
}

static void with(bool free_tasks, int complete)
{
  gearman_return_t rc;
  printf("== FREE_TASKS %s, %s complete callback\n", yes(free_tasks), complete ? "a" : "no");
  gearman_client_st *client = client_for(server_port);
  gearman_client_add_options(client, GEARMAN_CLIENT_EXCEPTION);
  if (free_tasks) gearman_client_add_options(client, GEARMAN_CLIENT_FREE_TASKS);
  gearman_client_set_task_context_free_fn(client, context_freed);
  if (complete) gearman_client_set_complete_fn(client, on_complete);

  static const char *const functions[] = {"echo", "fail", "exception", "chunks"};
  static journal log;
  for (int x = 0; x < 4; ++x)
  {
    gearman_client_add_task(client, NULL, &log, functions[x], NULL, "x", 1, &rc);
    tell("added", client);
    show(functions[x], gearman_client_run_tasks(client));
    tell("run", client);
    gearman_client_task_free_all(client);
    tell("task_free_all", client);
  }
  gearman_client_add_task_background(client, NULL, &log, "echo", NULL, "x", 1, &rc);
  show("background", gearman_client_run_tasks(client));
  tell("run", client);
  gearman_client_task_free_all(client);
  tell("task_free_all", client);
  gearman_client_add_task_status(client, NULL, &log, "H:nowhere:1", &rc);
  show("status", gearman_client_run_tasks(client));
  tell("run", client);
  gearman_client_task_free_all(client);
  tell("task_free_all", client);

  gearman_client_add_task_background(client, NULL, NULL, "echo", NULL, "x", 1, &rc);
  show("no context", gearman_client_run_tasks(client));
  gearman_client_task_free_all(client);
  tell("no context", client);

  gearman_task_st own;
  gearman_task_st *task = gearman_client_add_task(client, &own, &log, "echo", NULL, "x", 1, &rc);
  printf("the caller's memory: same %s, allocated %s\n", yes(task == &own),
         yes(own.options.is_allocated));
  show("run_tasks", gearman_client_run_tasks(client));
  tell("run", client);
  if (!free_tasks)
  {
    gearman_task_free(&own);
    tell("task_free", client);
    gearman_client_add_task(client, &own, &log, "reverse", NULL, "xy", 2, &rc);
    show("the same memory again", gearman_client_run_tasks(client));
    gearman_task_free(&own);
    tell("task_free", client);
  }

  gearman_argument_t argument = gearman_argument_make(NULL, 0, "x", 1);
  task = gearman_execute(client, "echo", 4, NULL, 0, NULL, &argument, &log);
  tell("execute", client);
  printf("its result %s\n", bytes(gearman_result_value(gearman_task_result(task)),
                                  gearman_result_size(gearman_task_result(task))));
  gearman_task_free(task);
  tell("task_free", client);

  gearman_client_add_task(client, NULL, &log, "echo", NULL, "x", 1, &rc);
  gearman_client_add_task(client, NULL, &log, "echo", NULL, "x", 1, &rc);
  gearman_client_free(client);
  printf("client_free: freed %d\n", freed);
  freed = 0;
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  with(false, 0);
  with(false, 1);
  with(true, 0);
  with(true, 1);
  worker_stop(&worker);
  return 0;
}
