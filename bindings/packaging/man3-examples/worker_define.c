/* gearman_worker_define_function gearman_worker_add_servers gearman_function_create
 * gearman_function_create_v2 gearman_function_fn gearman_function_t gearman_job_send_data
 * gearman_job_send_status */
#include <libgearman/gearman.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sends its result in three pieces, with a progress report before each. */
static gearman_return_t count(gearman_job_st *job, void *context)
{
  (void)context;
  for (unsigned int x= 0; x < 3; x++)
  {
    char piece[16];
    int size= snprintf(piece, sizeof(piece), "%u ", x);
    if (gearman_failed(gearman_job_send_status(job, x, 3)) ||
        gearman_failed(gearman_job_send_data(job, piece, (size_t)size)))
    {
      return GEARMAN_ERROR;  /* Have the server give the job to a worker again. */
    }
  }
  return GEARMAN_SUCCESS;
}

int main(void)
{
  gearman_worker_st *worker= gearman_worker_create(NULL);
  if (worker == NULL)
  {
    return EXIT_FAILURE;
  }

  gearman_return_t rc= gearman_worker_add_servers(worker, "localhost:4730");
  if (gearman_success(rc))
  {
    rc= gearman_worker_define_function(worker, "count", strlen("count"),
                                       gearman_function_create(count), 0, NULL);
  }
  while (gearman_success(rc))
  {
    rc= gearman_worker_work(worker);
  }
  fprintf(stderr, "%s\n", gearman_worker_error(worker));
  gearman_worker_free(worker);

  return EXIT_FAILURE;
}
