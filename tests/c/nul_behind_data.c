/* A NUL behind each body that C can see: a job's workload, and the data of a task in every
 * callback, whatever the size and wherever the body ends in what was received. */
#include "common.h"

static const char *const workloads[] = { "x", "four", "a body with a length of 35 characters" };

static bool all_followed = true;
static int seen;

static void check(const void *data, size_t size)
{
  if (size == 0) return;
  seen++;
  all_followed = all_followed && ((const char *)data)[size] == 0;
}

/* Number of jobs of the small workloads. */
#define SMALL_JOBS 30

static void *job_checked(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  (void)context;
  const char *workload = (const char *)gearman_job_workload(job);
  size_t workload_size = gearman_job_workload_size(job);
  if (workload[workload_size] != 0)
  {
    return job_fail(job, context, size, ret);
  }
  gearman_job_send_data(job, workload, workload_size);
  gearman_job_send_warning(job, workload, workload_size);
  return job_echo(job, context, size, ret);
}

static gearman_return_t check_data(gearman_task_st *task)
{
  check(gearman_task_data(task), gearman_task_data_size(task));
  return GEARMAN_SUCCESS;
}

static gearman_return_t report_fail(gearman_task_st *task)
{
  (void)task;
  puts("a workload without a NUL");
  return GEARMAN_SUCCESS;
}

static void serve(void *argument)
{
  (void)argument;
  gearman_worker_st *worker = worker_for(server_port);
  gearman_worker_add_function(worker, "checked", 0, job_checked, NULL);
  for (int x = 0; x < SMALL_JOBS + 1; ++x) gearman_worker_work(worker);
  gearman_worker_free(worker);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  side_process worker = aside(serve, NULL);

  /* Larger than what is received at once. */
  size_t large_size = 300000;
  char *large = (char *)must(malloc(large_size), "malloc");
  memset(large, 'L', large_size);

  gearman_client_st *client = client_for(server_port);
  gearman_client_set_data_fn(client, check_data);
  gearman_client_set_warning_fn(client, check_data);
  gearman_client_set_complete_fn(client, check_data);
  gearman_client_set_fail_fn(client, report_fail);
  for (int x = 0; x < SMALL_JOBS; ++x)
  {
    const char *workload = workloads[x % 3];
    gearman_return_t rc;
    gearman_client_add_task(client, NULL, NULL, "checked", NULL, workload, strlen(workload), &rc);
    if (rc != GEARMAN_SUCCESS) show("add_task", rc);
  }
  gearman_return_t rc;
  gearman_client_add_task(client, NULL, NULL, "checked", NULL, large, large_size, &rc);
  show("run_tasks", gearman_client_run_tasks(client));
  printf("bodies: %d, all followed by a NUL: %s\n", seen, yes(all_followed));

  gearman_client_free(client);
  free(large);
  join(&worker);
  return 0;
}
