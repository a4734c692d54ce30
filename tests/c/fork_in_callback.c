/* A fork inside a callback of the client and inside a worker's function, the child leaving through
 * exit() and its destructors: the parent's job completes, once. */
#include "common.h"

static gearman_client_st *freed_by_child;
static gearman_worker_st *also_freed_by_child;

static void free_everything(void)
{
  if (freed_by_child != NULL) gearman_client_free(freed_by_child);
  if (also_freed_by_child != NULL) gearman_worker_free(also_freed_by_child);
}

static void fork_and_wait(void)
{
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0)
  {
    free_everything();
    exit(0);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  printf("  the child ended with %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 999);
}

static gearman_return_t complete(gearman_task_st *task)
{
  printf("  complete %s\n", bytes(gearman_task_data(task), gearman_task_data_size(task)));
  return GEARMAN_SUCCESS;
}

static gearman_return_t fork_in_created(gearman_task_st *task)
{
  (void)task;
  fork_and_wait();
  return GEARMAN_SUCCESS;
}

static void *fork_in_function(gearman_job_st *job, void *context, size_t *size,
                              gearman_return_t *ret)
{
  fork_and_wait();
  return job_reverse(job, context, size, ret);
}

static void client_side(void *argument)
{
  gearman_return_t rc;
  size_t size;
  (void)argument;
  gearman_client_st *client = client_for(server_port);
  void *result = gearman_client_do(client, "forking", NULL, "abc", 3, &size, &rc);
  printf("client: %s %s\n", rc_name(rc), bytes(result, size));
  free(result);
  gearman_client_free(client);
}

int main(int argc, char **argv)
{
  gearman_return_t rc;
  setup(argc, argv);
  worker_process process = worker_start(server_port);
  gearman_client_st *client = client_for(server_port);
  gearman_client_set_created_fn(client, fork_in_created);
  gearman_client_set_complete_fn(client, complete);
  freed_by_child = client;
  gearman_client_add_task(client, NULL, NULL, "reverse", NULL, "abc", 3, &rc);
  show("run_tasks", gearman_client_run_tasks(client));
  gearman_client_free(client);
  freed_by_child = NULL;

  gearman_worker_st *worker = worker_for(server_port);
  gearman_worker_add_function(worker, "forking", 0, fork_in_function, NULL);
  also_freed_by_child = worker;
  side_process other = aside(client_side, NULL);
  show("work", gearman_worker_work(worker));
  join(&other);
  gearman_worker_free(worker);
  worker_stop(&process);
  return 0;
}
