/* Calling the library on the same client inside every kind of callback: adding tasks, single-job
 * calls, queries, options, servers, and what is only for streaming callbacks. */
#include "every_callback.h"

static void add_tasks(gearman_task_st *task)
{
  gearman_return_t rc;
  (void)task;
  gearman_client_add_task(client, NULL, NULL, "echo", NULL, "abc", 3, &rc);
  show("  add_task", rc);
  gearman_client_add_task_background(client, NULL, NULL, "echo", NULL, "abc", 3, &rc);
  show("  add_task_background", rc);
  gearman_client_add_task_status(client, NULL, NULL, "H:absent:1", &rc);
  show("  add_task_status", rc);
}

static void single_jobs(gearman_task_st *task)
{
  gearman_return_t rc;
  size_t size;
  gearman_job_handle_t handle;
  (void)task;
  void *result = gearman_client_do(client, "reverse", NULL, "abc", 3, &size, &rc);
  printf("  do: %s %s\n", rc_name(rc), bytes(result, size));
  free(result);
  show("  do_background", gearman_client_do_background(client, "echo", NULL, "abc", 3, handle));
}

static void queries(gearman_task_st *task)
{
  bool known, running;
  uint32_t numerator, denominator;
  gearman_job_handle_t handle = "H:absent:1";
  (void)task;
  show("  job_status", gearman_client_job_status(client, handle, &known, &running, &numerator,
                                                 &denominator));
  gearman_status_t status = gearman_client_unique_status(client, "absent", 6);
  printf("  unique_status: %s, known %s\n", rc_name(gearman_status_return(status)),
         yes(gearman_status_is_known(status)));
  gearman_argument_t argument = gearman_argument_make(NULL, 0, "abc", 3);
  gearman_task_st *executed =
      gearman_execute(client, "reverse", 7, NULL, 0, NULL, &argument, NULL);
  gearman_result_st *result = gearman_task_result(executed);
  printf("  execute: %s\n", bytes(gearman_result_value(result), gearman_result_size(result)));
  gearman_task_free(executed);
  show("  echo", gearman_client_echo(client, "abc", 3));
  printf("  set_server_option: %s\n",
         yes(gearman_client_set_server_option(client, "exceptions", 10)));
}

static void streaming(gearman_task_st *task)
{
  gearman_return_t rc = GEARMAN_SUCCESS;
  char buffer[8];
  size_t size = gearman_task_send_workload(task, "abc", 3, &rc);
  printf("  send_workload: %zu %s\n", size, rc_name(rc));
  rc = GEARMAN_SUCCESS;
  size = gearman_task_recv_data(task, buffer, sizeof(buffer), &rc);
  printf("  recv_data: %zu %s\n", size, rc_name(rc));
}

/* They hold at once, but the run that is under way goes on as it began. */
static void settings(gearman_task_st *task)
{
  (void)task;
  gearman_client_add_options(client, GEARMAN_CLIENT_NON_BLOCKING);
  gearman_client_set_timeout(client, 20000);
  printf("  non-blocking %s, timeout %d\n",
         yes(gearman_client_has_option(client, GEARMAN_CLIENT_NON_BLOCKING)),
         gearman_client_timeout(client));
}

/* The server that was added last is the first to be asked. */
static void add_server(gearman_task_st *task)
{
  gearman_return_t rc;
  (void)task;
  show("  add_server", gearman_client_add_server(client, "127.0.0.1", second_port));
  gearman_client_add_task_background(client, NULL, NULL, "second", NULL, "abc", 3, &rc);
}

static void in_every_callback(const char *what, void (*how)(gearman_task_st *))
{
  gearman_return_t rc;
  printf("== %s\n", what);
  for (int kind = CREATED; kind < KINDS; ++kind)
  {
    where = (enum kind)kind;
    make_client();
    outer = gearman_client_add_task(client, NULL, NULL, kinds[kind].function, NULL, "abc", 3, &rc);
    action = how;
    printf("-- %s\n", kinds[kind].name);
    show("  run_tasks", gearman_client_run_tasks(client));
    printf("  the task: %s, callbacks %d, of others %d\n", rc_name(gearman_task_return(outer)), calls,
           others);
    gearman_client_free(client);
  }
}

static void remove_servers(gearman_task_st *task)
{
  (void)task;
  gearman_client_remove_servers(client);
}

/* What was sent is lost with its connection, but not a task whose end has come. */
static void servers_removed(void)
{
  gearman_return_t rc;
  printf("== remove_servers\n");
  for (int kind = CREATED; kind < KINDS; ++kind)
  {
    where = (enum kind)kind;
    make_client();
    gearman_task_st *waits =
        gearman_client_add_task(client, NULL, NULL, "absent", NULL, "abc", 3, &rc);
    outer = gearman_client_add_task(client, NULL, NULL, kinds[kind].function, NULL, "abc", 3, &rc);
    action = remove_servers;
    printf("-- %s\n", kinds[kind].name);
    rc = gearman_client_run_tasks(client);
    printf("  run_tasks failed %s\n", yes(gearman_failed(rc)));
    printf("  the task: %s, another: %s\n", rc_name(gearman_task_return(outer)),
           rc_name(gearman_task_return(waits)));
    gearman_client_free(client);
  }
}

/* A callback that reads its data itself, piece by piece, runs the other tasks in between. */
static gearman_return_t read_and_run(gearman_task_st *task)
{
  gearman_return_t rc;
  char buffer[4];
  size_t got;
  if (task != outer) return GEARMAN_SUCCESS;
  got = gearman_task_recv_data(task, buffer, sizeof(buffer), &rc);
  printf("  first %s %s\n", bytes(buffer, got), rc_name(rc));
  rc = gearman_client_run_tasks(client);
  printf("  run_tasks inside: %s\n", rc_name(rc));
  show("  echo inside", gearman_client_echo(client, "abc", 3));
  while ((got = gearman_task_recv_data(task, buffer, sizeof(buffer), &rc)) > 0)
    printf("  then %s %s\n", bytes(buffer, got), rc_name(rc));
  printf("  end: %s\n", rc_name(rc));
  return GEARMAN_SUCCESS;
}

static void run_while_streaming(void)
{
  gearman_return_t rc;
  printf("== run_tasks and echo while a body is being read\n");
  client = client_for(server_port);
  gearman_client_add_options(client, GEARMAN_CLIENT_UNBUFFERED_RESULT);
  gearman_client_set_complete_fn(client, read_and_run);
  outer = gearman_client_add_task(client, NULL, NULL, "echo", NULL, "0123456789", 10, &rc);
  show("  run_tasks", gearman_client_run_tasks(client));
  printf("  the task: %s\n", rc_name(gearman_task_return(outer)));
  gearman_client_free(client);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  in_every_callback("adding tasks", add_tasks);
  in_every_callback("single jobs", single_jobs);
  in_every_callback("queries", queries);
  in_every_callback("streaming calls", streaming);
  in_every_callback("settings", settings);
  in_every_callback("add_server", add_server);
  wait_for_jobs(second_port, "second", KINDS, 0);
  servers_removed();
  run_while_streaming();
  worker_stop(&worker);
  return 0;
}
