/* A callback that is set after tasks were added: they keep their own, and the log function is told
 * at INFO. */
#include "common.h"

static void log_line(const char *line, gearman_verbose_t verbose, void *context)
{
  (void)context;
  printf("%s: %s\n", gearman_verbose_name(verbose), line);
}

static gearman_return_t print_complete(gearman_task_st *task)
{
  printf("complete: %s\n", bytes(gearman_task_data(task), gearman_task_data_size(task)));
  return GEARMAN_SUCCESS;
}

static void add(gearman_client_st *client)
{
  gearman_return_t rc;
  gearman_client_add_task(client, NULL, NULL, "echo", NULL, "x", 1, &rc);
  show("add_task", rc);
}

static void with_verbosity(gearman_verbose_t verbose)
{
  printf("- %s\n", gearman_verbose_name(verbose));
  gearman_client_st *client = client_for(server_port);
  gearman_client_set_log_fn(client, log_line, NULL, verbose);
  add(client);
  add(client);
  gearman_client_set_complete_fn(client, print_complete);
  show("run_tasks", gearman_client_run_tasks(client));
  gearman_client_set_fail_fn(client, print_complete);
  add(client);
  show("run_tasks", gearman_client_run_tasks(client));
  gearman_client_free(client);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  with_verbosity(GEARMAN_VERBOSE_ERROR);
  with_verbosity(GEARMAN_VERBOSE_INFO);
  worker_stop(&worker);
  return 0;
}
