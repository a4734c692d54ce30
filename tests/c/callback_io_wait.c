/* Callbacks that return IO_WAIT, with a non-blocking client: run_tasks returns it, and calls the
 * same callback again with the same data when it is called again. */
#include "common.h"

static const char *at;
static int times;

static gearman_return_t decide(gearman_task_st *task, const char *event)
{
  note((journal *)gearman_task_context(task), "  %s %s\n", event,
       bytes(gearman_task_data(task), gearman_task_data_size(task)));
  if (strcmp(event, at) == 0 && times > 0)
  {
    --times;
    return GEARMAN_IO_WAIT;
  }
  return GEARMAN_SUCCESS;
}

static gearman_return_t created(gearman_task_st *task) { return decide(task, "created"); }
static gearman_return_t data(gearman_task_st *task) { return decide(task, "data"); }
static gearman_return_t warning(gearman_task_st *task) { return decide(task, "warning"); }
static gearman_return_t status(gearman_task_st *task) { return decide(task, "status"); }
static gearman_return_t complete(gearman_task_st *task) { return decide(task, "complete"); }
static gearman_return_t fail(gearman_task_st *task) { return decide(task, "fail"); }

static void run(const char *function, const char *event)
{
  static journal log;
  gearman_return_t rc;
  gearman_client_st *client = client_for(server_port);
  gearman_client_add_options(client, GEARMAN_CLIENT_NON_BLOCKING);
  gearman_client_set_created_fn(client, created);
  gearman_client_set_data_fn(client, data);
  gearman_client_set_warning_fn(client, warning);
  gearman_client_set_status_fn(client, status);
  gearman_client_set_complete_fn(client, complete);
  gearman_client_set_fail_fn(client, fail);
  at = event;
  times = 2;
  log.name = function;
  printf("-- %s_fn returns IO_WAIT twice\n", event);
  gearman_client_add_task(client, NULL, &log, function, NULL, "xy", 2, &rc);
  gearman_client_set_timeout(client, 10);
  int rounds = 0;
  while ((rc = gearman_client_run_tasks(client)) == GEARMAN_IO_WAIT && ++rounds < 50)
    gearman_client_wait(client);
  show("run_tasks at last", rc);
  journal_print(&log);
  gearman_client_free(client);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  run("everything", "created");
  run("everything", "data");
  run("everything", "warning");
  run("everything", "status");
  run("everything", "complete");
  run("fail", "fail");
  worker_stop(&worker);
  return 0;
}
