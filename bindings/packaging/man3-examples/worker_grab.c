/* gearman_worker_grab_job gearman_worker_register gearman_job_send_complete
 * gearman_job_free */
#include <libgearman/gearman.h>

#include <stdio.h>
#include <stdlib.h>

int main(void)
{
  gearman_worker_st *worker= gearman_worker_create(NULL);
  if (worker == NULL)
  {
    return EXIT_FAILURE;
  }

  gearman_return_t rc= gearman_worker_add_server(worker, "localhost", 4730);
  if (gearman_success(rc))
  {
    rc= gearman_worker_register(worker, "echo", 0);
  }
  gearman_job_st *job;
  while (gearman_success(rc) && (job= gearman_worker_grab_job(worker, NULL, &rc)) != NULL)
  {
    rc= gearman_job_send_complete(job, gearman_job_workload(job), gearman_job_workload_size(job));
    gearman_job_free(job);
  }
  if (rc != GEARMAN_NO_JOBS)
  {
    fprintf(stderr, "%s\n", gearman_worker_error(worker));
  }
  gearman_worker_free(worker);

  return rc == GEARMAN_NO_JOBS ? EXIT_SUCCESS : EXIT_FAILURE;
}
