/* Threads that share the library and no handle: each client and each worker is one thread's. */
#include "common.h"

#include <pthread.h>

enum
{
  PAIRS = 3,
  JOBS = 60
};

struct side
{
  pthread_t thread;
  char function[16];
  int good;
};

static void *double_number(gearman_job_st *job, void *context, size_t *size, gearman_return_t *rc)
{
  char *result = (char *)malloc(32);
  (void)context;
  *size = (size_t)snprintf(result, 32, "%d", 2 * atoi((const char *)gearman_job_workload(job)));
  *rc = GEARMAN_SUCCESS;
  return result;
}

static void *work(void *context)
{
  struct side *side = (struct side *)context;
  gearman_worker_st *worker = worker_for(server_port);
  gearman_worker_add_function(worker, side->function, 0, double_number, NULL);
  while (side->good < JOBS && gearman_worker_work(worker) == GEARMAN_SUCCESS) ++side->good;
  gearman_worker_free(worker);
  return NULL;
}

/* Every other job is a task. */
static void *submit(void *context)
{
  struct side *side = (struct side *)context;
  gearman_client_st *client = client_for(server_port);
  for (int number = 0; number < JOBS; ++number)
  {
    char text[32];
    gearman_return_t rc = GEARMAN_SUCCESS;
    size_t length = (size_t)snprintf(text, sizeof(text), "%d", number) + 1;
    if (number % 2 == 0)
    {
      size_t size;
      char *result =
          (char *)gearman_client_do(client, side->function, NULL, text, length, &size, &rc);
      side->good += rc == GEARMAN_SUCCESS && atoi(result) == 2 * number;
      free(result);
      continue;
    }
    gearman_argument_t argument = gearman_argument_make(NULL, 0, text, length);
    gearman_task_st *task = gearman_execute(client, side->function, strlen(side->function), NULL, 0,
                                            NULL, &argument, NULL);
    gearman_result_st *result = task == NULL ? NULL : gearman_task_result(task);
    side->good += result != NULL && gearman_result_integer(result) == 2 * number;
    gearman_task_free(task);
  }
  gearman_client_free(client);
  return NULL;
}

int main(int argc, char **argv)
{
  struct side workers[PAIRS];
  struct side clients[PAIRS];
  setup(argc, argv);
  for (int x = 0; x < PAIRS; ++x)
  {
    snprintf(workers[x].function, sizeof(workers[x].function), "double-%d", x);
    workers[x].good = 0;
    clients[x] = workers[x];
    pthread_create(&workers[x].thread, NULL, work, &workers[x]);
    pthread_create(&clients[x].thread, NULL, submit, &clients[x]);
  }
  for (int x = 0; x < PAIRS; ++x)
  {
    pthread_join(clients[x].thread, NULL);
    pthread_join(workers[x].thread, NULL);
    printf("pair %d: %d results, %d jobs\n", x, clients[x].good, workers[x].good);
  }
  return 0;
}
