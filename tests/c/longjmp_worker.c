/* Leaving a worker's function by longjmp: the next work() goes on with another job; the job that
 * was left is done by another worker. */
#include "common.h"

#include <setjmp.h>

static jmp_buf back;
static bool jump;

static void *work(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  printf("  function %s\n", bytes(gearman_job_workload(job), gearman_job_workload_size(job)));
  if (jump)
  {
    jump = false;
    longjmp(back, 1);
  }
  return job_echo(job, context, size, ret);
}

int main(int argc, char **argv)
{
  gearman_job_handle_t handle;
  setup(argc, argv);
  gearman_client_st *client = client_for(server_port);
  gearman_worker_st *worker = worker_for(server_port);
  gearman_worker_add_function(worker, "left", 0, work, NULL);
  gearman_client_do_background(client, "left", NULL, "first", 5, handle);
  jump = true;
  if (setjmp(back) == 0)
    show("work", gearman_worker_work(worker));
  else
    printf("jumped\n");
  gearman_client_do_background(client, "left", NULL, "second", 6, handle);
  gearman_worker_set_timeout(worker, 5000);
  show("work", gearman_worker_work(worker));
  show("work", gearman_worker_work(worker));
  gearman_worker_free(worker);
  wait_for_jobs(server_port, "left", 0, 0);
  gearman_client_free(client);
  return 0;
}
