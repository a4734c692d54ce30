/* Leaving a client's callback by longjmp, then going on with the same client. */
#include "common.h"

#include <setjmp.h>

static jmp_buf back;
static bool jump;

static gearman_return_t leave(gearman_task_st *task)
{
  printf("  callback %s\n", bytes(gearman_task_data(task), gearman_task_data_size(task)));
  if (jump)
  {
    jump = false;
    longjmp(back, 1);
  }
  return GEARMAN_SUCCESS;
}

static void run(const char *what, gearman_client_st *client, const char *function)
{
  gearman_return_t rc;
  printf("-- out of %s\n", what);
  gearman_client_add_task(client, NULL, NULL, function, NULL, "abc", 3, &rc);
  jump = true;
  if (setjmp(back) == 0)
    show("run_tasks", gearman_client_run_tasks(client));
  else
    printf("  jumped\n");
  show("run_tasks after it", gearman_client_run_tasks(client));
  gearman_client_task_free_all(client);
  gearman_client_clear_fn(client);
  size_t size;
  void *result = gearman_client_do(client, "reverse", NULL, "abc", 3, &size, &rc);
  printf("do after it: %s %s\n", rc_name(rc), bytes(result, size));
  free(result);
  gearman_client_free(client);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  gearman_client_st *client = client_for(server_port);
  gearman_client_set_created_fn(client, leave);
  run("created_fn", client, "echo");
  client = client_for(server_port);
  gearman_client_set_data_fn(client, leave);
  run("data_fn", client, "everything");
  client = client_for(server_port);
  gearman_client_set_complete_fn(client, leave);
  run("complete_fn", client, "echo");
  client = client_for(server_port);
  gearman_client_set_fail_fn(client, leave);
  run("fail_fn", client, "fail");
  worker_stop(&worker);
  return 0;
}
