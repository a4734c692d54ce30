/* Calling the library again right after a longjmp out of user code, from the same place and with
 * nothing in between: what the call that was left has put on the stack is still there. */
#include "jumping.h"

static int runs;

static void *work(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  ++runs;
  leave();
  return job_echo(job, context, size, ret);
}

static gearman_return_t on_task(gearman_task_st *task)
{
  (void)task;
  ++runs;
  leave();
  return GEARMAN_SUCCESS;
}

int main(int argc, char **argv)
{
  gearman_job_handle_t handle;
  gearman_return_t rc;
  setup(argc, argv);
  gearman_client_st *client = client_for(server_port);
  gearman_worker_st *worker = worker_for(server_port);
  gearman_worker_add_function(worker, "left", 0, work, NULL);
  gearman_worker_set_timeout(worker, 1000);
  gearman_client_do_background(client, "left", NULL, "abc", 3, handle);
  jump = true;
  if (setjmp(back) == 0) gearman_worker_work(worker);
  rc = gearman_worker_work(worker);
  printf("work: %s, runs %d\n", rc_name(rc), runs);
  gearman_worker_free(worker);

  runs = 0;
  gearman_client_set_created_fn(client, on_task);
  gearman_task_st *task =
      gearman_client_add_task_background(client, NULL, NULL, "left", NULL, "abc", 3, &rc);
  jump = true;
  if (setjmp(back) == 0) gearman_client_run_tasks(client);
  rc = gearman_client_run_tasks(client);
  printf("run_tasks: %s, task %s, runs %d\n", rc_name(rc), rc_name(gearman_task_return(task)), runs);
  gearman_client_free(client);
  return 0;
}
