/* A worker's function that suspends its coroutine: other workers and clients are used meanwhile,
 * and reports about the suspended job are sent from outside. */
#include "coroutine.h"

static gearman_job_st *suspended;

static void *wait_here(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  printf("  suspended %s\n", bytes(gearman_job_workload(job), gearman_job_workload_size(job)));
  suspended = job;
  suspend();
  printf("  resumed %s\n", bytes(gearman_job_workload(job), gearman_job_workload_size(job)));
  return job_reverse(job, context, size, ret);
}

static gearman_return_t wait_and_send(gearman_job_st *job, void *context)
{
  gearman_return_t rc;
  size_t size;
  (void)context;
  suspended = job;
  suspend();
  void *result = job_reverse(job, NULL, &size, &rc);
  rc = gearman_job_send_complete(job, result, size);
  free(result);
  return rc;
}

static gearman_worker_st *a_worker(const char *name)
{
  gearman_worker_st *worker = worker_for(server_port);
  gearman_worker_set_timeout(worker, 20000);
  gearman_worker_add_function(worker, name, 0, wait_here, NULL);
  gearman_worker_define_function(worker, "sends", 5, gearman_function_create(wait_and_send), 0,
                                 NULL);
  return worker;
}

static void work(void *worker)
{
  show("  work", gearman_worker_work((gearman_worker_st *)worker));
}

static void ask(void *function)
{
  gearman_return_t rc;
  size_t size;
  gearman_client_st *client = client_for(server_port);
  gearman_client_set_timeout(client, 20000);
  void *result = gearman_client_do(client, (const char *)function, NULL, "abc", 3, &size, &rc);
  printf("  client of %s: %s %s\n", (const char *)function, rc_name(rc), bytes(result, size));
  free(result);
  gearman_client_free(client);
}

int main(int argc, char **argv)
{
  coroutine first, second;
  setup(argc, argv);
  worker_process standard = worker_start(server_port);

  printf("-- a function that returns its result\n");
  gearman_worker_st *worker = a_worker("one");
  side_process client = aside(ask, (void *)"one");
  run_aside(&first, work, worker);
  show("  send_status", gearman_job_send_status(suspended, 1, 2));
  show("  send_data", gearman_job_send_data(suspended, "data", 4));
  ask((void *)"reverse");
  finish(&first);
  join(&client);

  printf("-- a function that sends its result\n");
  client = aside(ask, (void *)"sends");
  run_aside(&first, work, worker);
  show("  send_data", gearman_job_send_data(suspended, "data", 4));
  finish(&first);
  join(&client);

  printf("-- functions of two workers, the first one goes on first\n");
  gearman_worker_st *another = a_worker("another");
  client = aside(ask, (void *)"one");
  side_process second_client = aside(ask, (void *)"another");
  run_aside(&first, work, worker);
  run_aside(&second, work, another);
  finish(&first);
  finish(&second);
  join(&client);
  join(&second_client);

  gearman_worker_free(worker);
  gearman_worker_free(another);
  worker_stop(&standard);
  return 0;
}
