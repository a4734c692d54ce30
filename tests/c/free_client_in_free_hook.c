/* The client is freed by the program's free hook: when it gets back the body of a packet, of a do()
 * and of a task, and the workload of a task. */
#include "common.h"

static gearman_client_st *client;
static int given, taken_back;
/* The how manieth block that is taken back frees the client. */
static int fatal;

static void *give(size_t size, void *context)
{
  (void)context;
  ++given;
  return malloc(size);
}

static void take_back(void *memory, void *context)
{
  (void)context;
  free(memory);
  if (++taken_back == fatal) gearman_client_free(client);
}

static void begin(int nth)
{
  given = taken_back = 0;
  fatal = nth;
  client = client_for(server_port);
  gearman_client_set_workload_malloc_fn(client, give, NULL);
  gearman_client_set_workload_free_fn(client, take_back, NULL);
}

static void end(void) { printf("  memory given %d, taken back %d\n", given, taken_back); }

int main(int argc, char **argv)
{
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  gearman_return_t rc = GEARMAN_SUCCESS;
  size_t size = 7;

  for (int nth = 1; nth < 4; ++nth)
  {
    begin(nth);
    void *result = gearman_client_do(client, "chunks", NULL, "xyz", 3, &size, &rc);
    printf("do, freed with piece %d: %s %s\n", nth, rc_name(rc), bytes(result, size));
    end();
  }
  for (int nth = 1; nth < 3; ++nth)
  {
    begin(nth);
    gearman_client_add_task(client, NULL, NULL, "reverse", NULL, "ab", 2, &rc);
    gearman_client_add_task(client, NULL, NULL, "reverse", NULL, "cd", 2, &rc);
    printf("run_tasks, freed with body %d: %s\n", nth, rc_name(gearman_client_run_tasks(client)));
    end();
  }
  begin(2);
  gearman_task_st *task = gearman_client_add_task(client, NULL, NULL, "reverse", NULL, "ab", 2, &rc);
  gearman_client_run_tasks(client);
  gearman_task_free(task);
  printf("task_free, freed with its workload\n");
  end();
  worker_stop(&worker);
  return 0;
}
