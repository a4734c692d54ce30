/* A worker with several servers, one of which is down: jobs of each of the others. */
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
  char list[128];
  setup(argc, argv);
  gearman_worker_st *worker = gearman_worker_create(NULL);
  snprintf(list, sizeof(list), "127.0.0.1:%u,127.0.0.1:%u,127.0.0.1:%u", server_port, dead_port(),
           second_port);
  show("add_servers", gearman_worker_add_servers(worker, list));
  gearman_worker_add_function(worker, "where", 0, where, NULL);
  gearman_worker_set_timeout(worker, 5000);
  submit(server_port, "first server");
  show("work", gearman_worker_work(worker));
  submit(second_port, "second server");
  show("work", gearman_worker_work(worker));
  submit(server_port, "first server");
  show("work", gearman_worker_work(worker));
  show("a bad host", gearman_worker_add_server(worker, "no-such-host.invalid", 1));
  show_worker_error(worker);
  gearman_worker_free(worker);
  return 0;
}
