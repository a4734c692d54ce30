/* What the accessors of a task tell before, during and after a run: tasks of add_task without
 * callbacks, with a complete callback only, with all callbacks, and tasks of gearman_execute. */
#include "common.h"

static gearman_client_st *client;

static gearman_return_t in_complete(gearman_task_st *task)
{
  show_task("    in complete_fn", task);
  return GEARMAN_SUCCESS;
}

static gearman_return_t in_data(gearman_task_st *task)
{
  show_task("    in data_fn", task);
  return GEARMAN_SUCCESS;
}

static gearman_return_t in_fail(gearman_task_st *task)
{
  show_task("    in fail_fn", task);
  return GEARMAN_SUCCESS;
}

static void added(const char *function, bool background)
{
  gearman_return_t rc;
  gearman_task_st *task =
      background
          ? gearman_client_add_task_background(client, NULL, NULL, function, "u", "ab", 2, &rc)
          : gearman_client_add_task(client, NULL, NULL, function, "u", "ab", 2, &rc);
  printf("-- %s%s\n", function, background ? " in the background" : "");
  show("add_task", rc);
  show_task("  added", task);
  show("run_tasks", gearman_client_run_tasks(client));
  show_task("  after", task);
  printf("has_tasks %s has_active_tasks %s\n", yes(gearman_client_has_tasks(client)),
         yes(gearman_client_has_active_tasks(client)));
  size_t size = 77;
  void *taken = gearman_task_take_data(task, &size);
  printf("  take_data %s\n", bytes(taken, size));
  free(taken);
  show("run_tasks again", gearman_client_run_tasks(client));
  gearman_task_free(task);
}

static void executed(const char *function)
{
  gearman_argument_t argument = gearman_argument_make(NULL, 0, "ab", 2);
  printf("-- execute %s\n", function);
  gearman_task_st *task =
      gearman_execute(client, function, strlen(function), "u", 1, NULL, &argument, NULL);
  if (task == NULL)
  {
    printf("  no task\n");
    show_client_error(client);
    return;
  }
  show_task("  after", task);
  gearman_task_free(task);
}

static const char *const functions[] = {"reverse", "empty",      "fail",     "data_fail", "exception",
                                        "chunks",  "everything", "warning", NULL};

int main(int argc, char **argv)
{
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  client = client_for(server_port);
  gearman_client_add_options(client, GEARMAN_CLIENT_EXCEPTION);

  printf("== without callbacks\n");
  for (int x = 0; functions[x] != NULL; ++x) added(functions[x], false);
  added("reverse", true);

  printf("== with a complete callback\n");
  gearman_client_set_complete_fn(client, in_complete);
  for (int x = 0; functions[x] != NULL; ++x) added(functions[x], false);

  printf("== with complete, data and fail callbacks\n");
  gearman_client_set_data_fn(client, in_data);
  gearman_client_set_fail_fn(client, in_fail);
  for (int x = 0; functions[x] != NULL; ++x) added(functions[x], false);
  gearman_client_clear_fn(client);

  printf("== execute\n");
  for (int x = 0; functions[x] != NULL; ++x) executed(functions[x]);

  gearman_client_free(client);
  worker_stop(&worker);
  return 0;
}
