/* gearman_worker_work after a job that failed: it does the next job. */
#include "common.h"

static int calls;

static void *work(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  (void)job;
  (void)context;
  *size = 0;
  *ret = ++calls == 1 ? GEARMAN_WORK_FAIL : GEARMAN_SUCCESS;
  return NULL;
}

int main(int argc, char **argv)
{
  gearman_job_handle_t handle;
  setup(argc, argv);
  gearman_client_st *client = client_for(server_port);
  gearman_client_do_background(client, "failing", NULL, "x", 1, handle);
  gearman_client_do_background(client, "failing", NULL, "x", 1, handle);
  gearman_worker_st *worker = worker_for(server_port);
  gearman_worker_add_function(worker, "failing", 0, work, NULL);
  show("first work", gearman_worker_work(worker));
  printf("calls %d\n", calls);
  show("second work", gearman_worker_work(worker));
  printf("calls %d\n", calls);
  gearman_worker_free(worker);
  gearman_client_free(client);
  return 0;
}
