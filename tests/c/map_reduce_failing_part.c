/* A part of a partitioned job fails: the job fails, and the aggregator is not called. */
#include "common.h"

static gearman_return_t split(gearman_job_st *job, void *context)
{
  (void)context;
  gearman_job_send_data(job, "good", 4);
  return gearman_job_send_data(job, "bad", 3);
}

static void *good_or_fail(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  (void)context;
  if (gearman_job_workload_size(job) == 3)
  {
    *ret = GEARMAN_WORK_FAIL;
    return NULL;
  }
  *ret = GEARMAN_SUCCESS;
  return answer("done", size);
}

static gearman_return_t aggregate(gearman_aggregator_st *aggregator, gearman_task_st *task,
                                  gearman_result_st *result)
{
  (void)aggregator;
  (void)task;
  printf("the aggregator is called\n");
  return gearman_result_store_value(result, "x", 1);
}

static void parts(void *argument)
{
  gearman_worker_st *worker = worker_for(*(in_port_t *)argument);
  gearman_worker_add_function(worker, "part", 0, good_or_fail, NULL);
  for (int x = 0; x < 2; ++x) gearman_worker_work(worker);
  gearman_worker_free(worker);
}

static void submit(void *argument)
{
  (void)argument;
  gearman_client_st *client = client_for(server_port);
  gearman_argument_t value = gearman_argument_make(NULL, 0, "x", 1);
  gearman_task_st *task = gearman_execute_by_partition(client, "split", 5, "part", 4, NULL, 0, NULL,
                                                       &value, NULL);
  printf("client: %s\n", task == NULL ? "no task" : rc_name(gearman_task_return(task)));
  gearman_client_free(client);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  gearman_worker_st *worker = worker_for(server_port);
  gearman_worker_define_function(worker, "split", 5,
                                 gearman_function_create_partition(split, aggregate), 0, NULL);
  side_process reducer = aside(parts, &server_port);
  side_process client = aside(submit, NULL);
  show("work", gearman_worker_work(worker));
  join(&client);
  join(&reducer);
  gearman_worker_free(worker);
  return 0;
}
