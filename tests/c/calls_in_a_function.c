/* Calling the library on the same worker inside one of its functions: freeing the job, other jobs
 * and the worker, removing the servers, asking the server, and stopping. */
#include "common.h"

static gearman_worker_st *worker;
static gearman_job_st *held;

static void say_client(void *argument)
{
  gearman_return_t rc;
  size_t size;
  gearman_client_st *client = client_for(server_port);
  gearman_client_set_timeout(client, 20000);
  void *result = gearman_client_do(client, (const char *)argument, NULL, "abc", 3, &size, &rc);
  printf("  client: %s %s\n", rc_name(rc), bytes(result, size));
  free(result);
  gearman_client_free(client);
}

static void *free_itself(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  gearman_job_free(job);
  printf("  workload after job_free: %s\n",
         bytes(gearman_job_workload(job), gearman_job_workload_size(job)));
  gearman_job_free_all(worker);
  return job_reverse(job, context, size, ret);
}

static void *free_held(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  show("  the other job's result", gearman_job_send_complete(held, "held", 4));
  gearman_job_free(held);
  return job_reverse(job, context, size, ret);
}

static void *free_worker(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  (void)job;
  (void)context;
  gearman_worker_free(worker);
  *ret = GEARMAN_WORK_FAIL;
  return answer("freed by the library", size);
}

static void *remove_servers(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  (void)context;
  gearman_worker_remove_servers(worker);
  show("  send_data", gearman_job_send_data(job, "abc", 3));
  *ret = GEARMAN_SUCCESS;
  return answer("too late", size);
}

static void *ask(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  show("  echo", gearman_worker_echo(worker, "abc", 3));
  printf("  set_server_option: %s\n",
         yes(gearman_worker_set_server_option(worker, "exceptions", 10)));
  return job_reverse(job, context, size, ret);
}

static void *stop(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  show("  kill", gearman_kill(gearman_worker_id(worker), GEARMAN_SIGNAL_INTERRUPT));
  return job_reverse(job, context, size, ret);
}

static void begin(const char *what, gearman_worker_fn *function)
{
  printf("-- %s\n", what);
  worker = worker_for(server_port);
  gearman_worker_set_timeout(worker, 20000);
  gearman_worker_add_function(worker, "call", 0, function, NULL);
}

int main(int argc, char **argv)
{
  gearman_return_t rc;
  gearman_job_handle_t handle;
  setup(argc, argv);
  gearman_client_st *background = client_for(server_port);

  begin("the job itself is freed", free_itself);
  side_process client = aside(say_client, (void *)"call");
  show("  work", gearman_worker_work(worker));
  join(&client);
  gearman_worker_free(worker);

  begin("another job is finished and freed", free_held);
  gearman_client_do_background(background, "call", NULL, "abc", 3, handle);
  held = gearman_worker_grab_job(worker, NULL, &rc);
  show("  grab_job", rc);
  client = aside(say_client, (void *)"call");
  show("  work", gearman_worker_work(worker));
  join(&client);
  gearman_worker_free(worker);
  wait_for_jobs(server_port, "call", 0, 0);

  begin("the worker asks its server", ask);
  client = aside(say_client, (void *)"call");
  show("  work", gearman_worker_work(worker));
  join(&client);
  gearman_worker_free(worker);

  begin("the worker is stopped", stop);
  client = aside(say_client, (void *)"call");
  show("  work", gearman_worker_work(worker));
  join(&client);
  show("  work", gearman_worker_work(worker));
  gearman_worker_free(worker);

  begin("the servers are removed", remove_servers);
  gearman_client_do_background(background, "call", NULL, "abc", 3, handle);
  show("  work", gearman_worker_work(worker));
  show("  work", gearman_worker_work(worker));
  gearman_worker_free(worker);
  wait_for_jobs(server_port, "call", 1, 0);

  /* It gets the job that the one before has lost. */
  begin("the worker is freed", free_worker);
  show("  work", gearman_worker_work(worker));
  wait_for_jobs(server_port, "call", 1, 0);
  gearman_client_free(background);
  return 0;
}
