/* gearman_worker_create gearman_worker_add_server gearman_worker_add_function
 * gearman_worker_work gearman_worker_error gearman_worker_free gearman_worker_st
 * gearman_worker_fn gearman_job_workload gearman_job_workload_size gearman_job_st */
#include <libgearman/gearman.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/* Returns the workload in capital letters, in memory that the library frees. */
static void *shout(gearman_job_st *job, void *context, size_t *result_size,
                   gearman_return_t *ret_ptr)
{
  (void)context;
  const char *workload= gearman_job_workload(job);
  size_t size= gearman_job_workload_size(job);
  char *result= malloc(size + 1);
  for (size_t x= 0; result != NULL && x < size; x++)
  {
    result[x]= (char)toupper((unsigned char)workload[x]);
  }
  *result_size= result ? size : 0;
  *ret_ptr= result ? GEARMAN_SUCCESS : GEARMAN_FATAL;
  return result;
}

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
    rc= gearman_worker_add_function(worker, "shout", 0, shout, NULL);
  }
  while (gearman_success(rc) || rc == GEARMAN_WORK_FAIL)
  {
    rc= gearman_worker_work(worker);
  }
  fprintf(stderr, "%s\n", gearman_worker_error(worker));
  gearman_worker_free(worker);

  return EXIT_FAILURE;
}
