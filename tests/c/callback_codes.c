/* What a code that a callback returns does: every callback in turn returns a failing code once,
 * and run_tasks is called until it succeeds. */
#include "common.h"

static gearman_return_t verdict;
static const char *at;
static int times;

static gearman_return_t decide(gearman_task_st *task, const char *event)
{
  note((journal *)gearman_task_context(task), "  %s %s\n", event,
       bytes(gearman_task_data(task), gearman_task_data_size(task)));
  if (strcmp(event, at) == 0 && times > 0)
  {
    --times;
    return verdict;
  }
  return GEARMAN_SUCCESS;
}

static gearman_return_t created(gearman_task_st *task) { return decide(task, "created"); }
static gearman_return_t data(gearman_task_st *task) { return decide(task, "data"); }
static gearman_return_t warning(gearman_task_st *task) { return decide(task, "warning"); }
static gearman_return_t status(gearman_task_st *task) { return decide(task, "status"); }
static gearman_return_t complete(gearman_task_st *task) { return decide(task, "complete"); }
static gearman_return_t exception(gearman_task_st *task) { return decide(task, "exception"); }
static gearman_return_t fail(gearman_task_st *task) { return decide(task, "fail"); }

static void run(const char *function, const char *event, gearman_return_t code)
{
  static journal log;
  gearman_return_t rc;
  gearman_client_st *client = client_for(server_port);
  gearman_client_add_options(client, GEARMAN_CLIENT_EXCEPTION);
  gearman_client_set_created_fn(client, created);
  gearman_client_set_data_fn(client, data);
  gearman_client_set_warning_fn(client, warning);
  gearman_client_set_status_fn(client, status);
  gearman_client_set_complete_fn(client, complete);
  gearman_client_set_exception_fn(client, exception);
  gearman_client_set_fail_fn(client, fail);

  at = event;
  verdict = code;
  times = 1;
  log.name = function;
  printf("-- %s: %s_fn returns %s\n", function, event, rc_name(code));
  gearman_task_st *task = gearman_client_add_task(client, NULL, &log, function, NULL, "xy", 2, &rc);
  for (int round = 0; round < 4; ++round)
  {
    rc = gearman_client_run_tasks(client);
    note(&log, "  run_tasks %s; task %s %s, active %s\n", rc_name(rc),
         rc_name(gearman_task_return(task)), gearman_task_strstate(task),
         yes(gearman_client_has_active_tasks(client)));
    if (rc == GEARMAN_SUCCESS) break;
  }
  journal_print(&log);
  gearman_client_free(client);
}

int main(int argc, char **argv)
{
  static const gearman_return_t codes[] = {GEARMAN_PAUSE, GEARMAN_WORK_FAIL, GEARMAN_WORK_EXCEPTION,
                                           GEARMAN_ERROR, GEARMAN_LOST_CONNECTION, GEARMAN_TIMEOUT};
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  for (size_t x = 0; x < sizeof(codes) / sizeof(codes[0]); ++x)
  {
    run("everything", "created", codes[x]);
    run("everything", "data", codes[x]);
    run("everything", "warning", codes[x]);
    run("everything", "status", codes[x]);
    run("everything", "complete", codes[x]);
    run("fail", "fail", codes[x]);
    run("exception", "exception", codes[x]);
  }
  worker_stop(&worker);
  return 0;
}
