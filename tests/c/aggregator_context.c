/* gearman_aggegator_context: the context given to gearman_worker_define_function. */
#include "common.h"

static gearman_return_t split(gearman_job_st *job, void *context)
{
  printf("partition function: context %s\n", text((const char *)context));
  gearman_job_send_data(job, "part", 4);
  return GEARMAN_SUCCESS;
}

static gearman_return_t aggregate(gearman_aggregator_st *aggregator, gearman_task_st *task,
                                  gearman_result_st *result)
{
  (void)task;
  printf("aggregator: context %s\n", text((const char *)gearman_aggegator_context(aggregator)));
  return gearman_result_store_value(result, "x", 1);
}

static void submit(void *argument)
{
  (void)argument;
  gearman_client_st *client = client_for(server_port);
  gearman_argument_t value = gearman_argument_make(NULL, 0, "x", 1);
  gearman_task_st *task = gearman_execute_by_partition(client, "split", 5, "echo", 4, NULL, 0, NULL,
                                                       &value, NULL);
  printf("client: %s\n", task == NULL ? "no task" : rc_name(gearman_task_return(task)));
  gearman_client_free(client);
}

int main(int argc, char **argv)
{
  char context[] = "mine";
  setup(argc, argv);
  worker_process process = worker_start(server_port);
  gearman_worker_st *worker = worker_for(server_port);
  gearman_worker_define_function(worker, "split", 5,
                                 gearman_function_create_partition(split, aggregate), 0, context);
  side_process client = aside(submit, NULL);
  show("work", gearman_worker_work(worker));
  join(&client);
  gearman_worker_free(worker);
  worker_stop(&process);
  return 0;
}
