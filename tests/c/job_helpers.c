/* gearman_job_use_client, gearman_job_clone_worker and gearman_job_take_workload inside a
 * function. */
#include "common.h"

static void *relay(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  size_t taken = 0;
  (void)context;
  gearman_client_st *client = gearman_job_use_client(job);
  printf("  a client %s, the same again %s\n", yes(client != NULL),
         yes(client == gearman_job_use_client(job)));
  char *workload = (char *)gearman_job_take_workload(job, &taken);
  printf("  taken %s, left %s\n", bytes(workload, taken),
         bytes(gearman_job_workload(job), gearman_job_workload_size(job)));
  void *result = gearman_client_do(client, "reverse", NULL, workload, taken, size, ret);
  printf("  do inside the job: %s %s\n", rc_name(*ret), bytes(result, *size));
  free(workload);

  gearman_worker_st *worker = gearman_job_clone_worker(job);
  printf("  a worker %s, knows the function %s\n", yes(worker != NULL),
         yes(worker != NULL && gearman_worker_function_exist(worker, "relay", 5)));
  if (worker != NULL)
  {
    show("  its echo", gearman_worker_echo(worker, "x", 1));
    gearman_worker_free(worker);
  }
  return result;
}

static void client_side(void *argument)
{
  gearman_return_t rc;
  size_t size;
  (void)argument;
  gearman_client_st *client = client_for(server_port);
  void *result = gearman_client_do(client, "relay", NULL, "palindrome", 10, &size, &rc);
  printf("client: %s %s\n", rc_name(rc), bytes(result, size));
  free(result);
  gearman_client_free(client);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  worker_process process = worker_start(server_port);
  gearman_worker_st *worker = worker_for(server_port);
  gearman_worker_add_function(worker, "relay", 0, relay, NULL);
  for (int x = 0; x < 2; ++x)
  {
    side_process client = aside(client_side, NULL);
    show("work", gearman_worker_work(worker));
    join(&client);
  }
  gearman_worker_free(worker);
  worker_stop(&process);
  return 0;
}
