/* gearman_task_attr_init_epoch gearman_task_attr_init_background */
#include <libgearman/gearman.h>

#include <time.h>

/* Submits a background job that starts in an hour. */
gearman_return_t submit(gearman_client_st *client)
{
  gearman_task_attr_t attributes= gearman_task_attr_init_epoch(time(NULL) + 3600,
                                                               GEARMAN_JOB_PRIORITY_NORMAL);
  gearman_argument_t workload= gearman_argument_make(NULL, 0, "17", 2);
  gearman_task_st *task= gearman_execute(client, "resize", 6, NULL, 0,
                                         &attributes, &workload, NULL);
  gearman_return_t rc= task ? gearman_task_return(task) : gearman_client_error_code(client);
  gearman_task_free(task);

  return rc;
}
