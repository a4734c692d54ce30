/* UNBUFFERED_RESULT: the callback reads the result in pieces with gearman_task_recv_data. */
#include "common.h"

static gearman_return_t read_all_pieces(gearman_task_st *task)
{
  static char result[200000];
  size_t used = 0;
  gearman_return_t rc;
  printf("  size announced %zu\n", gearman_task_data_size(task));
  for (;;)
  {
    size_t got = gearman_task_recv_data(task, result + used, 1000, &rc);
    used += got;
    if (rc != GEARMAN_SUCCESS || got == 0) break;
  }
  printf("  read %s, last code %s\n", bytes(result, used), rc_name(rc));
  return GEARMAN_SUCCESS;
}

static void run(const char *function, size_t size)
{
  gearman_return_t rc;
  char *workload = (char *)must(malloc(size), "malloc");
  for (size_t x = 0; x < size; ++x) workload[x] = (char)('a' + x % 26);
  gearman_client_st *client = client_for(server_port);
  gearman_client_set_timeout(client, 5000);
  gearman_client_add_options(client, GEARMAN_CLIENT_UNBUFFERED_RESULT);
  gearman_client_set_complete_fn(client, read_all_pieces);
  gearman_client_set_data_fn(client, read_all_pieces);
  printf("-- %s of %zu bytes\n", function, size);
  gearman_task_st *task = gearman_client_add_task(client, NULL, NULL, function, NULL, workload, size, &rc);
  show("run_tasks", gearman_client_run_tasks(client));
  printf("task %s %s\n", rc_name(gearman_task_return(task)), gearman_task_strstate(task));
  gearman_client_free(client);
  free(workload);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  run("echo", 1);
  run("reverse", 999);
  run("echo", 5000);
  run("echo", 150000);
  run("chunks", 3);
  worker_stop(&worker);
  return 0;
}
