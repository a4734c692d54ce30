/* Calls on a worker one of whose functions is suspended in a coroutine: asking for more jobs,
 * running them, echo, freeing the worker; and functions that never go on. */
#include "coroutine.h"
#include "jumping.h"

static gearman_worker_st *worker;

static void *wait_here(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  void *result = job_reverse(job, context, size, ret);
  printf("  suspended\n");
  suspend();
  printf("  resumed\n");
  return result;
}

/* The job is not looked at after the suspension: its worker may be gone. */
static gearman_return_t wait_here_v2(gearman_job_st *job, void *context)
{
  (void)job;
  (void)context;
  suspend();
  return GEARMAN_SUCCESS;
}

static gearman_return_t partition(gearman_job_st *job, void *context)
{
  (void)context;
  gearman_job_send_data(job, gearman_job_workload(job), gearman_job_workload_size(job));
  return GEARMAN_SUCCESS;
}

static gearman_return_t wait_in_aggregator(gearman_aggregator_st *aggregator, gearman_task_st *task,
                                           gearman_result_st *result)
{
  (void)aggregator;
  (void)task;
  suspend();
  gearman_result_store_value(result, "put together", 12);
  return GEARMAN_SUCCESS;
}

static void *left(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  leave();
  return job_reverse(job, context, size, ret);
}

static void begin(const char *what)
{
  printf("-- %s\n", what);
  worker = worker_for(server_port);
  gearman_worker_set_timeout(worker, 20000);
  gearman_worker_add_function(worker, "waits", 0, wait_here, NULL);
  gearman_worker_add_function(worker, "echoes", 0, job_echo, NULL);
  gearman_worker_add_function(worker, "left", 0, left, NULL);
  gearman_worker_define_function(worker, "waits_v2", 8, gearman_function_create(wait_here_v2), 0,
                                 NULL);
  gearman_worker_define_function(
      worker, "parts", 5, gearman_function_create_partition(partition, wait_in_aggregator), 0, NULL);
}

static void work(void *unused)
{
  (void)unused;
  show("  work", gearman_worker_work(worker));
}

static void ask(void *function)
{
  gearman_return_t rc;
  size_t size;
  gearman_client_st *client = client_for(server_port);
  gearman_client_set_timeout(client, 20000);
  void *result = gearman_client_do(client, (const char *)function, NULL, "abc", 3, &size, &rc);
  printf("  client: %s %s\n", rc_name(rc), bytes(result, size));
  free(result);
  gearman_client_free(client);
}

static void ask_in_parts(void *unused)
{
  (void)unused;
  gearman_client_st *client = client_for(server_port);
  gearman_client_set_timeout(client, 20000);
  gearman_argument_t value = gearman_argument_make(NULL, 0, "abc", 3);
  gearman_task_st *task = gearman_execute_by_partition(client, "parts", 5, "reverse", 7, NULL, 0,
                                                       NULL, &value, NULL);
  gearman_result_st *result = task == NULL ? NULL : gearman_task_result(task);
  printf("  client: %s\n", result == NULL ? "no result" : bytes(gearman_result_value(result),
                                                                 gearman_result_size(result)));
  gearman_client_free(client);
}

static void other_jobs(void)
{
  coroutine sides[3];
  side_process clients[3];
  gearman_return_t rc;
  begin("another job is run, one is grabbed, the server is asked");
  for (int x = 0; x < 3; ++x)
  {
    clients[x] = aside(ask, (void *)"waits");
    run_aside(&sides[x], work, NULL);
  }
  side_process client = aside(ask, (void *)"echoes");
  work(NULL);
  join(&client);
  show("  echo", gearman_worker_echo(worker, "abc", 3));
  client = aside(ask, (void *)"echoes");
  wait_for_jobs(server_port, "echoes", 1, 0);
  gearman_job_st *job = gearman_worker_grab_job(worker, NULL, &rc);
  show("  grab_job", rc);
  show("  send_complete", gearman_job_send_complete(job, "grabbed", 7));
  gearman_job_free_all(worker);
  join(&client);
  /* The one in the middle goes on first. */
  for (int x = 1; x < 4; ++x)
  {
    finish(&sides[x % 3]);
    join(&clients[x % 3]);
  }
  gearman_worker_free(worker);
}

static void jump_beside_it(void)
{
  coroutine side;
  gearman_job_handle_t handle;
  begin("another job's function is left by longjmp");
  gearman_client_st *background = client_for(server_port);
  side_process client = aside(ask, (void *)"waits");
  run_aside(&side, work, NULL);
  gearman_client_do_background(background, "left", NULL, "abc", 3, handle);
  jump = true;
  if (setjmp(back) == 0)
    work(NULL);
  else
    printf("  jumped\n");
  finish(&side);
  join(&client);
  /* The job that was left comes back. */
  work(NULL);
  wait_for_jobs(server_port, "left", 0, 0);
  gearman_client_free(background);
  gearman_worker_free(worker);
}

static void freed(const char *what, const char *function)
{
  coroutine side;
  gearman_job_handle_t handle;
  begin(what);
  gearman_client_st *background = client_for(server_port);
  gearman_client_do_background(background, function, NULL, "abc", 3, handle);
  run_aside(&side, work, NULL);
  gearman_worker_free(worker);
  wait_for_jobs(server_port, function, 1, 0);
  finish(&side);
  /* Another worker does the job. */
  begin("another worker");
  run_aside(&side, work, NULL);
  finish(&side);
  wait_for_jobs(server_port, function, 0, 0);
  gearman_client_free(background);
  gearman_worker_free(worker);
}

static void freed_in_the_aggregator(void)
{
  coroutine side;
  begin("the worker is freed while an aggregator is suspended");
  side_process client = aside(ask_in_parts, NULL);
  run_aside(&side, work, NULL);
  gearman_worker_free(worker);
  finish(&side);
  begin("another worker");
  run_aside(&side, work, NULL);
  finish(&side);
  join(&client);
  gearman_worker_free(worker);
}

static int open_descriptors(void)
{
  int count = 0;
  for (int fd = 0; fd < 256; ++fd)
    if (fcntl(fd, F_GETFD) >= 0) ++count;
  return count;
}

/* What is kept of a worker whose function has never gone on stays reachable. */
static gearman_worker_st *kept;

static void never_resumed(void)
{
  coroutine side;
  gearman_job_handle_t handle;
  gearman_client_st *background = client_for(server_port);
  gearman_client_do_background(background, "waits_v2", NULL, "abc", 3, handle);
  int descriptors = open_descriptors();
  begin("a function that never goes on");
  kept = worker;
  run_aside(&side, work, NULL);
  coroutine_end(&side);
  side_process client = aside(ask, (void *)"echoes");
  work(NULL);
  join(&client);
  gearman_worker_free(worker);
  printf("  descriptors left open: %d\n", open_descriptors() - descriptors);
  wait_for_jobs(server_port, "waits_v2", 1, 0);
  gearman_client_free(background);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  worker_process standard = worker_start(server_port);
  other_jobs();
  jump_beside_it();
  freed("the worker is freed", "waits_v2");
  freed_in_the_aggregator();
  never_resumed();
  worker_stop(&standard);
  return 0;
}
