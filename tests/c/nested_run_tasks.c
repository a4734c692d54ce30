/* run_tasks, do and do_background on the same client inside a task's callback. */
#include "common.h"

static gearman_client_st *client;
static int depth;

static gearman_return_t nest(gearman_task_st *task)
{
  gearman_return_t rc;
  gearman_job_handle_t handle;
  size_t size;
  int here = ++depth;
  printf("%d complete %s\n", here, bytes(gearman_task_data(task), gearman_task_data_size(task)));
  if (here < 4)
  {
    void *result = gearman_client_do(client, "reverse", NULL, "abc", 3, &size, &rc);
    printf("%d do: %s %s\n", here, rc_name(rc), bytes(result, size));
    free(result);
    rc = gearman_client_do_background(client, "echo", NULL, "x", 1, handle);
    printf("%d do_background: %s\n", here, rc_name(rc));
    gearman_client_add_task(client, NULL, NULL, "echo", NULL, "nested", 6, &rc);
    rc = gearman_client_run_tasks(client);
    printf("%d run_tasks: %s\n", here, rc_name(rc));
  }
  return GEARMAN_SUCCESS;
}

int main(int argc, char **argv)
{
  gearman_return_t rc;
  setup(argc, argv);
  alarm(10);
  worker_process worker = worker_start(server_port);
  client = client_for(server_port);
  gearman_client_set_complete_fn(client, nest);
  gearman_client_add_task(client, NULL, NULL, "echo", NULL, "outer", 5, &rc);
  show("run_tasks", gearman_client_run_tasks(client));
  printf("active tasks left %s\n", yes(gearman_client_has_active_tasks(client)));
  gearman_client_free(client);
  worker_stop(&worker);
  return 0;
}
