/* gearman_aggregator_fn gearman_function_create_partition gearman_next
 * gearman_result_store_value gearman_result_integer */
#include <libgearman/gearman.h>

#include <stdio.h>

/* An aggregator that adds up the integers that the jobs returned. */
static gearman_return_t add_up(gearman_aggregator_st *aggregator, gearman_task_st *task,
                               gearman_result_st *result)
{
  (void)aggregator;
  long long sum= 0;
  for (; task != NULL; task= gearman_next(task))
  {
    sum+= gearman_result_integer(gearman_task_result(task));
  }

  char text[32];
  int size= snprintf(text, sizeof(text), "%lld", sum);

  return gearman_result_store_value(result, text, (size_t)size);
}

/* Offers a partition function; split() sends the parts with gearman_job_send_data(). */
gearman_return_t offer(gearman_worker_st *worker, gearman_function_fn *split)
{
  return gearman_worker_define_function(worker, "sum", 3,
                                        gearman_function_create_partition(split, add_up),
                                        0, NULL);
}
