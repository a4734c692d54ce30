/* Arguments that the client refuses without asking a server: code, error text, what the out
 * parameters hold. */
#include "common.h"

static gearman_client_st *client;
static char long_name[600];

static void tell(const char *what, gearman_return_t rc)
{
  show(what, rc);
  if (rc != GEARMAN_SUCCESS) show_client_error(client);
}

static void do_with(const char *what, const char *function, const char *unique,
                    const void *workload, size_t size)
{
  size_t result_size = 4711;
  gearman_return_t rc = GEARMAN_MAX_RETURN;
  void *result = gearman_client_do(client, function, unique, workload, size, &result_size, &rc);
  printf("do with %s: %s %s\n", what, rc_name(rc), bytes(result, result_size));
  if (rc != GEARMAN_SUCCESS) show_client_error(client);
  free(result);
}

static void background_with(const char *what, const char *function, const char *unique,
                            const void *workload, size_t size)
{
  gearman_job_handle_t handle;
  memset(handle, 'x', sizeof(handle));
  gearman_return_t rc =
      gearman_client_do_background(client, function, unique, workload, size, handle);
  printf("do_background with %s: %s, handle starts with '%c'\n", what, rc_name(rc), handle[0]);
  if (rc != GEARMAN_SUCCESS) show_client_error(client);
}

static void add_with(const char *what, const char *function, const char *unique,
                     const void *workload, size_t size)
{
  gearman_return_t rc = GEARMAN_MAX_RETURN;
  gearman_task_st *task =
      gearman_client_add_task(client, NULL, NULL, function, unique, workload, size, &rc);
  printf("add_task with %s: %s %s\n", what, task == NULL ? "no task" : "a task", rc_name(rc));
  if (rc != GEARMAN_SUCCESS) show_client_error(client);
  if (task != NULL) gearman_task_free(task);
}

static void execute_with(const char *what, const char *function, size_t function_size,
                         const char *unique, size_t unique_size, const char *workload, size_t size)
{
  gearman_argument_t argument = gearman_argument_make(NULL, 0, workload, size);
  gearman_task_st *task = gearman_execute(client, function, function_size, unique, unique_size,
                                          NULL, &argument, NULL);
  printf("execute with %s: %s\n", what, task == NULL ? "no task" : "a task");
  if (task == NULL) show_client_error(client);
}

static void all(const char *what, const char *function, const char *unique, const void *workload,
                size_t size)
{
  do_with(what, function, unique, workload, size);
  background_with(what, function, unique, workload, size);
  add_with(what, function, unique, workload, size);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  client = client_for(server_port);
  memset(long_name, 'n', sizeof(long_name) - 1);

  all("an empty function", "", NULL, "x", 1);
  all("no function", NULL, NULL, "x", 1);
  all("a function of 599 bytes", long_name, NULL, "x", 1);
  long_name[513] = 0;
  all("a function of 513 bytes", long_name, NULL, "x", 1);
  long_name[65] = 0;
  all("a unique of 65 bytes", "echo", long_name, "x", 1);
  all("no workload but a size", "echo", NULL, NULL, 5);
  all("a workload of size 0", "echo", NULL, "", 0);

  execute_with("an empty function", "", 0, NULL, 0, "x", 1);
  execute_with("no function", NULL, 0, NULL, 0, "x", 1);
  execute_with("a unique of 65 bytes", "echo", 4, long_name, 65, "x", 1);
  execute_with("no workload but a size", "echo", 4, NULL, 0, NULL, 5);

  tell("echo without data", gearman_client_echo(client, NULL, 0));
  tell("echo of size 0", gearman_client_echo(client, "x", 0));
  tell("echo of nothing with a size", gearman_client_echo(client, NULL, 4));
  gearman_job_handle_t empty = "";
  tell("job_status of an empty handle",
       gearman_client_job_status(client, empty, NULL, NULL, NULL, NULL));
  show("set_memory_allocators, a part",
       gearman_client_set_memory_allocators(client, NULL, (gearman_free_fn *)(uintptr_t)1, NULL,
                                            NULL, NULL));
  printf("set_server_option(\"\"): %s\n", yes(gearman_client_set_server_option(client, "", 0)));
  printf("set_server_option(NULL): %s\n", yes(gearman_client_set_server_option(client, NULL, 0)));
  printf("set_server_option(\"nonsense\"): %s\n",
         yes(gearman_client_set_server_option(client, "nonsense", 8)));
  show("  error_code", gearman_client_error_code(client));
  printf("set_server_option(\"exceptions\"): %s\n",
         yes(gearman_client_set_server_option(client, "exceptions", 10)));

  gearman_client_free(client);
  worker_stop(&worker);
  return 0;
}
