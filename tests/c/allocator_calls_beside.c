/* Calls of the memory hooks in which the original loses something or needs a copy for nothing: a
 * workload that takes the place of another one, a result for which there is no memory, the result of
 * a function that failed, and echo. */
#include "allocator_calls.h"

static void given(int kind)
{
  gearman_return_t rc;
  gearman_client_st *client = client_for(server_port);
  hook_client(client, kind);
  begin();
  gearman_task_st *task =
      gearman_client_add_task(client, NULL, NULL, "reverse", NULL, "ab", 2, &rc);
  gearman_task_give_workload(task, hook_malloc(20, NULL), 20);
  printf("give_workload: %s;", calls);
  begin();
  gearman_task_free(task);
  printf(" free %s\n", calls);
  gearman_client_free(client);
}

/* The hook has memory for the packets, but not for the whole result. */
static void without_memory(const char *function, int packets)
{
  gearman_return_t rc;
  size_t size = 77;
  gearman_client_st *client = client_for(server_port);
  hook_client(client, 0);
  begin();
  left = packets;
  void *result = gearman_client_do(client, function, NULL, "abc", 3, &size, &rc);
  left = -1;
  printf("%s without memory for the result: %s %s/%zu %s\n", function, calls,
         result == NULL ? "NULL" : "a result", size, rc_name(rc));
  gearman_client_free(client);
}

static void *fails(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  (void)job;
  (void)context;
  *ret = GEARMAN_WORK_FAIL;
  *size = 3;
  return hook_malloc(3, NULL);
}

static void failing(int kind)
{
  gearman_client_st *client = client_for(server_port);
  gearman_worker_st *worker = worker_for(server_port);
  hook_worker(worker, kind);
  gearman_worker_add_function(worker, "fails", 0, fails, NULL);
  show("do_background", gearman_client_do_background(client, "fails", NULL, "0123456789", 10, NULL));
  begin();
  gearman_return_t rc = gearman_worker_work(worker);
  printf("a failed job: %s %s\n", calls, rc_name(rc));
  begin();
  rc = gearman_worker_echo(worker, "abc", 3);
  printf("worker_echo: %s %s\n", calls, rc_name(rc));
  gearman_worker_free(worker);
  gearman_client_free(client);
}

static void echo(int kind)
{
  gearman_client_st *client = client_for(server_port);
  hook_client(client, kind);
  begin();
  gearman_return_t rc = gearman_client_echo(client, "abc", 3);
  printf("client_echo: %s %s\n", calls, rc_name(rc));
  gearman_client_free(client);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  without_memory("reverse", 1);
  without_memory("chunks", 3);
  for (int kind = 0; kind < KINDS; ++kind)
  {
    printf("== %s\n", kind_names[kind]);
    given(kind);
    echo(kind);
    failing(kind);
  }
  worker_stop(&worker);
  return 0;
}
