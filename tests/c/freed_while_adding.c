/* A task that user code frees before the call that adds it has returned. */
#include "common.h"

static gearman_client_st *client;
static int calls;

static void free_all_as_log(const char *line, gearman_verbose_t verbose, void *context)
{
  (void)line;
  (void)verbose;
  (void)context;
  ++calls;
  gearman_client_task_free_all(client);
}

static bool armed;

static void free_all_as_hook(void *memory, void *context)
{
  (void)context;
  free(memory);
  if (!armed) return;
  armed = false;
  ++calls;
  gearman_client_task_free_all(client);
}

static gearman_return_t pause_run(gearman_task_st *task)
{
  (void)task;
  return GEARMAN_PAUSE;
}

static void show_added(const char *what, const gearman_task_st *task, gearman_return_t rc)
{
  printf("%s: calls %d, %s, task %s, tasks left %s\n", what, calls, rc_name(rc),
         task == NULL ? "NULL" : "given", yes(gearman_client_has_tasks(client)));
}

/* The library has a line about a callback that is set too late, for the next call. */
static void by_log_function(const char *what, gearman_task_st *memory)
{
  gearman_return_t rc;
  calls = 0;
  client = client_for(server_port);
  gearman_client_set_log_fn(client, free_all_as_log, NULL, GEARMAN_VERBOSE_INFO);
  gearman_client_add_task(client, NULL, NULL, "reverse", NULL, "ab", 2, &rc);
  gearman_client_set_complete_fn(client, pause_run);
  show_added(what, gearman_client_add_task(client, memory, NULL, "reverse", NULL, "cd", 2, &rc), rc);
  gearman_task_free(memory);
  gearman_client_free(client);
}

static gearman_task_st *execute(void)
{
  gearman_argument_t argument = gearman_argument_make(NULL, 0, "ef", 2);
  return gearman_execute(client, "reverse", 7, NULL, 0, NULL, &argument, NULL);
}

/* The library has memory for the hook: the body of a task that was freed in its callback's turn. */
static void by_free_hook(const char *what, bool executed)
{
  gearman_return_t rc = GEARMAN_SUCCESS;
  calls = 0;
  client = client_for(server_port);
  gearman_client_set_workload_free_fn(client, free_all_as_hook, NULL);
  gearman_client_set_complete_fn(client, pause_run);
  gearman_task_st *first = gearman_client_add_task(client, NULL, NULL, "reverse", NULL, "ab", 2, &rc);
  show("run_tasks", gearman_client_run_tasks(client));
  gearman_task_free(first);
  armed = true;
  gearman_task_st *task = executed ? execute()
                                   : gearman_client_add_task(client, NULL, NULL, "reverse", NULL,
                                                             "cd", 2, &rc);
  show_added(what, task, rc);
  gearman_client_free(client);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  gearman_task_st memory;
  by_log_function("log function", NULL);
  by_log_function("log function, memory of the program", &memory);
  by_free_hook("free hook", false);
  by_free_hook("free hook, execute", true);
  worker_stop(&worker);
  return 0;
}
