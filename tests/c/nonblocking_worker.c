/* A non-blocking worker: work returns IO_WAIT or NO_JOBS at once; with wait between its calls,
 * jobs get done. */
#include "common.h"

static int done;

static void *work(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  ++done;
  return job_echo(job, context, size, ret);
}

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
  gearman_worker_add_function(worker, "nonblocking", 0, work, NULL);
  side_process client = aside(client_side, NULL);
  while (done < 3)
  {
    rc = gearman_worker_work(worker);
    if (rc == GEARMAN_IO_WAIT || rc == GEARMAN_NO_JOBS)
      gearman_worker_wait(worker);
    else if (rc != GEARMAN_SUCCESS)
      ++odd;
  }
  join(&client);
  printf("work: %d done, %d odd codes\n", done, odd);
  gearman_worker_free(worker);
  return 0;
}
