/* gearman_execute_by_partition: a partition function splits the workload into tasks, an aggregator
 * joins their results; an aggregator that fails. */
#include "common.h"

static gearman_return_t verdict;

static gearman_return_t split(gearman_job_st *job, void *context)
{
  (void)context;
  const char *workload = (const char *)gearman_job_workload(job);
  size_t size = gearman_job_workload_size(job);
  size_t start = 0;
  for (size_t x = 0; x <= size; ++x)
    if (x == size || workload[x] == ' ')
    {
      gearman_job_send_data(job, workload + start, x - start);
      start = x + 1;
    }
  return GEARMAN_SUCCESS;
}

static int by_text(const void *a, const void *b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Joins the sorted results: the order of the tasks is not fixed. */
static gearman_return_t join_results(gearman_aggregator_st *aggregator, gearman_task_st *task,
                                     gearman_result_st *result)
{
  char *parts[16];
  int count = 0;
  (void)aggregator;
  for (; task != NULL && count < 16; task = gearman_next(task))
  {
    gearman_result_st *part = gearman_task_result(task);
    parts[count++] =
        (char *)copy_of(part == NULL ? "(none)" : gearman_result_value(part),
                        part == NULL ? 6 : gearman_result_size(part));
  }
  qsort(parts, (size_t)count, sizeof(parts[0]), by_text);
  char joined[512] = "";
  for (int x = 0; x < count; ++x)
  {
    snprintf(joined + strlen(joined), sizeof(joined) - strlen(joined), "%s%s", x == 0 ? "" : " ",
             parts[x]);
    free(parts[x]);
  }
  gearman_result_store_value(result, joined, strlen(joined));
  return verdict;
}

static void submit(void *argument)
{
  const char **names = (const char **)argument;
  gearman_client_st *client = client_for(server_port);
  gearman_argument_t text_argument = gearman_argument_make(NULL, 0, names[1], strlen(names[1]));
  gearman_task_st *task =
      gearman_execute_by_partition(client, "split", 5, names[0], strlen(names[0]), NULL, 0, NULL,
                                   &text_argument, NULL);
  if (task == NULL)
  {
    printf("  client: no task\n");
    show_client_error(client);
  }
  else
  {
    gearman_result_st *result = gearman_task_result(task);
    printf("  client: %s %s\n", rc_name(gearman_task_return(task)),
           result == NULL ? "no result"
                          : bytes(gearman_result_value(result), gearman_result_size(result)));
    gearman_task_free(task);
  }
  gearman_client_free(client);
}

static void run(const char *reducer, const char *workload, gearman_return_t code)
{
  const char *names[] = {reducer, workload};
  verdict = code;
  printf("-- %s \"%s\", the aggregator returns %s\n", reducer, workload, rc_name(code));
  gearman_worker_st *worker = worker_for(server_port);
  gearman_worker_define_function(worker, "split", 5,
                                 gearman_function_create_partition(split, join_results), 0, NULL);
  side_process client = aside(submit, names);
  gearman_worker_work(worker);
  join(&client);
  gearman_worker_free(worker);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  worker_process process = worker_start(server_port);
  run("reverse", "alpha beta gamma", GEARMAN_SUCCESS);
  run("echo", "one", GEARMAN_SUCCESS);
  run("size", "a bb ccc dddd", GEARMAN_SUCCESS);
  run("reverse", "alpha beta", GEARMAN_WORK_FAIL);

  worker_stop(&process);
  return 0;
}
