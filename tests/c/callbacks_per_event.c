/* Which callbacks a task gets, in which order and with what visible inside, for every kind of
 * outcome, for background tasks and for status tasks; with and without the exceptions option. */
#include "common.h"

static gearman_client_st *client;

typedef gearman_task_st *(add_fn)(gearman_client_st *, gearman_task_st *, void *, const char *,
                                  const char *, const void *, size_t, gearman_return_t *);

static void run(add_fn *add, const char *label, const char *function)
{
  static journal log;
  gearman_return_t rc;
  log.name = label;
  gearman_task_st *task = add(client, NULL, &log, function, NULL, "xyz", 3, &rc);
  show("add", rc);
  show("run_tasks", gearman_client_run_tasks(client));
  journal_print(&log);
  show("  task", gearman_task_return(task));
  gearman_task_free(task);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  client = client_for(server_port);
  journal_every_event(client);

  run(gearman_client_add_task, "reverse", "reverse");
  run(gearman_client_add_task_high, "reverse high", "reverse");
  run(gearman_client_add_task_low, "reverse low", "reverse");
  run(gearman_client_add_task, "empty", "empty");
  run(gearman_client_add_task, "fail", "fail");
  run(gearman_client_add_task, "data_fail", "data_fail");
  run(gearman_client_add_task, "chunks", "chunks");
  run(gearman_client_add_task, "everything", "everything");
  run(gearman_client_add_task, "warning", "warning");
  run(gearman_client_add_task, "status", "status");
  run(gearman_client_add_task_background, "background", "reverse");
  run(gearman_client_add_task_high_background, "background high", "reverse");
  run(gearman_client_add_task_low_background, "background low", "reverse");

  static journal log = {.name = "status of an unknown handle"};
  gearman_return_t rc;
  gearman_task_st *task = gearman_client_add_task_status(client, NULL, &log, "H:nowhere:1", &rc);
  show("add_task_status", rc);
  show_task("added", task);
  show("run_tasks", gearman_client_run_tasks(client));
  journal_print(&log);
  show_task("after", task);

  log.name = "status of an unknown unique";
  task = gearman_client_add_task_status_by_unique(client, NULL, "absent", &rc);
  show("add_task_status_by_unique", rc);
  gearman_task_set_context(task, &log);
  show("run_tasks", gearman_client_run_tasks(client));
  journal_print(&log);
  show_task("after", task);

  /* After a status task by unique the original loses replies: a new client. */
  gearman_client_free(client);
  client = client_for(server_port);
  journal_every_event(client);
  gearman_job_handle_t handle;
  show("do_background", gearman_client_do_background(client, "wait", "waiter", "x", 1, handle));
  wait_for_status(server_port, handle);
  log.name = "status of a running job";
  task = gearman_client_add_task_status(client, NULL, &log, handle, &rc);
  show("run_tasks", gearman_client_run_tasks(client));
  journal_print(&log);
  show_task("after", task);
  log.name = "status of a running job by unique";
  task = gearman_client_add_task_status_by_unique(client, NULL, "waiter", &rc);
  gearman_task_set_context(task, &log);
  show("run_tasks", gearman_client_run_tasks(client));
  journal_print(&log);
  show_task("after", task);
  printf("unique of the task: %s\n", text(gearman_task_unique(task)));
  worker_release(&worker);
  wait_for_jobs(server_port, "wait", 0, 0);

  gearman_client_free(client);
  client = client_for(server_port);
  gearman_client_add_options(client, GEARMAN_CLIENT_EXCEPTION);
  journal_every_event(client);
  run(gearman_client_add_task, "exception", "exception");
  gearman_client_set_exception_fn(client, NULL);
  run(gearman_client_add_task, "exception without its callback", "exception");
  gearman_client_set_complete_fn(client, NULL);
  run(gearman_client_add_task, "reverse without a complete callback", "reverse");

  gearman_client_free(client);
  worker_stop(&worker);
  return 0;
}
