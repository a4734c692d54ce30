/* grab_job of a non-blocking worker: IO_WAIT or NO_JOBS at once, jobs with wait between the
 * calls. */
#include "common.h"

static void client_side(void *argument)
{
  gearman_return_t rc;
  size_t size;
  (void)argument;
  gearman_client_st *client = client_for(server_port);
  for (int x = 0; x < 3; ++x)
  {
    void *result = gearman_client_do(client, "nonblocking", NULL, "abc", 3, &size, &rc);
    printf("client: %s %s\n", rc_name(rc), bytes(result, size));
    free(result);
  }
  gearman_client_free(client);
}

int main(int argc, char **argv)
{
  gearman_return_t rc;
  int odd = 0;
  setup(argc, argv);

  gearman_worker_st *worker = worker_for(server_port);
  gearman_worker_add_options(worker, GEARMAN_WORKER_NON_BLOCKING);
  gearman_worker_register(worker, "nonblocking", 0);
  side_process client = aside(client_side, NULL);
  for (int jobs = 0; jobs < 3;)
  {
    gearman_job_st *job = gearman_worker_grab_job(worker, NULL, &rc);
    if (job != NULL)
    {
      ++jobs;
      gearman_job_send_complete(job, "grabbed", 7);
      gearman_job_free(job);
    }
    else if (rc == GEARMAN_IO_WAIT || rc == GEARMAN_NO_JOBS)
      gearman_worker_wait(worker);
    else
      ++odd;
  }
  join(&client);
  printf("grab_job: %d odd codes\n", odd);
  gearman_worker_free(worker);
  return 0;
}
