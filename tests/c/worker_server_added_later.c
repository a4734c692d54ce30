/* A server that is added after the worker has worked, and one that replaces all others. */
#include "common.h"

static void *where(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  printf("  function %s\n", bytes(gearman_job_workload(job), gearman_job_workload_size(job)));
  return job_empty(job, context, size, ret);
}

static void submit(in_port_t port, const char *workload)
{
  gearman_job_handle_t handle;
  gearman_client_st *client = client_for(port);
  gearman_client_do_background(client, "where", NULL, workload, strlen(workload), handle);
  gearman_client_free(client);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  gearman_worker_st *worker = worker_for(server_port);
  gearman_worker_add_function(worker, "where", 0, where, NULL);
  gearman_worker_set_timeout(worker, 1000);
  submit(server_port, "first server");
  show("work", gearman_worker_work(worker));
  show("add_server", gearman_worker_add_server(worker, "127.0.0.1", second_port));
  submit(second_port, "second server");
  show("work", gearman_worker_work(worker));
  gearman_worker_remove_servers(worker);
  gearman_worker_add_server(worker, "127.0.0.1", server_port);
  submit(server_port, "first server, alone");
  show("work", gearman_worker_work(worker));
  gearman_worker_free(worker);
  return 0;
}
