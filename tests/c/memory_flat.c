/* Memory stays flat over many calls of every kind: only the verdict is printed. */
#include "common.h"

#include <malloc.h>

static gearman_client_st *client;

static void one_round(void)
{
  gearman_return_t rc;
  gearman_job_handle_t handle;
  size_t size;
  gearman_client_do_background(client, "absent", "always the same", "abc", 3, handle);
  free(gearman_client_do(client, "reverse", NULL, "abc", 3, &size, &rc));
  free(gearman_client_do(client, "fail", NULL, "abc", 3, &size, &rc));
  gearman_client_add_task(client, NULL, NULL, "everything", NULL, "abc", 3, &rc);
  gearman_client_run_tasks(client);
  gearman_client_task_free_all(client);
  gearman_client_job_status(client, handle, NULL, NULL, NULL, NULL);
  gearman_client_echo(client, "x", 1);
  gearman_argument_t argument = gearman_argument_make(NULL, 0, "abc", 3);
  gearman_task_free(gearman_execute(client, "reverse", 7, NULL, 0, NULL, &argument, NULL));
  free(gearman_client_do(client, "", NULL, "abc", 3, &size, &rc));
}

static void handles_come_and_go(void)
{
  gearman_client_st *other = client_for(server_port);
  gearman_client_st *copy = gearman_client_clone(NULL, other);
  gearman_client_echo(copy, "x", 1);
  gearman_client_free(other);
  gearman_client_free(copy);
  gearman_worker_st *idle = worker_for(server_port);
  gearman_worker_add_function(idle, "idle", 0, job_echo, NULL);
  gearman_worker_free(gearman_worker_clone(NULL, idle));
  gearman_worker_free(idle);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  client = client_for(server_port);
  for (int x = 0; x < 20; ++x) one_round();
  size_t before = mallinfo2().uordblks;
  int rounds = scaled(300);
  for (int x = 0; x < rounds; ++x) one_round();
  size_t after = mallinfo2().uordblks;
  printf("calls: memory flat %s\n", yes(after < before + 8192));

  for (int x = 0; x < 20; ++x) handles_come_and_go();
  before = mallinfo2().uordblks;
  for (int x = 0; x < rounds; ++x) handles_come_and_go();
  after = mallinfo2().uordblks;
  printf("handles: memory flat %s\n", yes(after < before + 8192));
  gearman_client_free(client);
  worker_stop(&worker);
  return 0;
}
