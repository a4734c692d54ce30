/* Leaving by longjmp what the other programs do not: a callback under a do(), the log function, the
 * callback of gearman_parse_servers, and the aggregator of a partitioned job. */
#include "jumping.h"

static gearman_return_t on_task(gearman_task_st *task)
{
  printf("  callback %s\n", bytes(gearman_task_data(task), gearman_task_data_size(task)));
  leave();
  return GEARMAN_SUCCESS;
}

static void log_line(const char *line, gearman_verbose_t verbose, void *context)
{
  (void)line;
  (void)verbose;
  (void)context;
  printf("  a line of the log\n");
  leave();
}

static gearman_return_t on_server(const char *host, in_port_t port, void *context)
{
  (void)context;
  printf("  server %s %d\n", host, port);
  leave();
  return GEARMAN_SUCCESS;
}

static void in_client(void)
{
  gearman_return_t rc;
  gearman_client_st *client = client_for(server_port);

  printf("-- a callback under do\n");
  gearman_client_set_created_fn(client, on_task);
  gearman_task_st *task =
      gearman_client_add_task_background(client, NULL, NULL, "echo", NULL, "task", 4, &rc);
  gearman_client_clear_fn(client);
  jump = true;
  do_once(client, "abc");
  do_once(client, "def");
  printf("  the task: %s\n", rc_name(gearman_task_return(task)));

  printf("-- the log function\n");
  gearman_client_set_log_fn(client, log_line, NULL, GEARMAN_VERBOSE_ERROR);
  for (volatile int x = 0; x < 2; ++x)
  {
    jump = x == 0;
    if (setjmp(back) == 0)
      show("  echo", gearman_client_echo(client, NULL, 0));
    else
      printf("  jumped\n");
  }
  do_once(client, "ghi");
  gearman_client_free(client);

  printf("-- the callback of parse_servers\n");
  for (volatile int x = 0; x < 2; ++x)
  {
    jump = x == 0;
    if (setjmp(back) == 0)
      show("  parse_servers", gearman_parse_servers("a:1,b:2", on_server, NULL));
    else
      printf("  jumped\n");
  }
}

static gearman_return_t split(gearman_job_st *job, void *context)
{
  (void)context;
  const char *workload = (const char *)gearman_job_workload(job);
  for (size_t x = 0; x < gearman_job_workload_size(job); ++x)
    gearman_job_send_data(job, workload + x, 1);
  return GEARMAN_SUCCESS;
}

static gearman_return_t join_parts(gearman_aggregator_st *aggregator, gearman_task_st *task,
                                   gearman_result_st *result)
{
  (void)aggregator;
  printf("  aggregator\n");
  leave();
  for (; task != NULL; task = gearman_next(task))
  {
    gearman_result_st *part = gearman_task_result(task);
    gearman_string_t value = gearman_result_string(part);
    char joined[16];
    size_t size = gearman_result_size(result);
    if (size > 0) memcpy(joined, gearman_result_value(result), size);
    memcpy(joined + size, gearman_c_str(value), gearman_size(value));
    gearman_result_store_value(result, joined, size + gearman_size(value));
  }
  return GEARMAN_SUCCESS;
}

static void partitioned_client(void *argument)
{
  (void)argument;
  gearman_client_st *client = client_for(server_port);
  gearman_argument_t workload = gearman_argument_make(NULL, 0, "abc", 3);
  gearman_task_st *task = gearman_execute_by_partition(client, "split", 5, "reverse", 7, NULL, 0, NULL,
                                                       &workload, NULL);
  gearman_result_st *result = gearman_task_result(task);
  printf("  partitioned: %s %s\n", rc_name(gearman_task_return(task)),
         bytes(gearman_result_value(result), gearman_result_size(result)));
  gearman_task_free(task);
  gearman_client_free(client);
}

static void in_aggregator(void)
{
  printf("-- the aggregator\n");
  gearman_worker_st *worker = worker_for(server_port);
  gearman_function_t partition = gearman_function_create_partition(split, join_parts);
  gearman_worker_define_function(worker, "split", 5, partition, 0, NULL);
  side_process client = aside(partitioned_client, NULL);
  jump = true;
  for (volatile int x = 0; x < 2; ++x)
  {
    if (setjmp(back) == 0)
      show("  work", gearman_worker_work(worker));
    else
      printf("  jumped\n");
  }
  join(&client);
  gearman_worker_free(worker);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  in_client();
  in_aggregator();
  worker_stop(&worker);
  return 0;
}
