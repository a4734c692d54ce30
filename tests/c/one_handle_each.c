/* Threads that share the library and no handle: each client and each worker is one thread's. The
 * clients are clones of one client, with its callbacks. */
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
  gearman_client_st *client;
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

struct number
{
  int sent;
  int received;
};

static gearman_return_t receive(gearman_task_st *task)
{
  struct number *number = (struct number *)gearman_task_context(task);
  number->received = atoi((const char *)gearman_task_data(task));
  return GEARMAN_SUCCESS;
}

static bool do_job(const struct side *side, const char *text, size_t length, int number)
{
  gearman_return_t rc = GEARMAN_SUCCESS;
  size_t size;
  char *result =
      (char *)gearman_client_do(side->client, side->function, NULL, text, length, &size, &rc);
  bool good = rc == GEARMAN_SUCCESS && atoi(result) == 2 * number;
  free(result);
  return good;
}

static bool execute(const struct side *side, const char *text, size_t length, int number)
{
  gearman_argument_t argument = gearman_argument_make(NULL, 0, text, length);
  gearman_task_st *task = gearman_execute(side->client, side->function, strlen(side->function),
                                          NULL, 0, NULL, &argument, NULL);
  gearman_result_st *result = task == NULL ? NULL : gearman_task_result(task);
  bool good = result != NULL && gearman_result_integer(result) == 2 * number;
  gearman_task_free(task);
  return good;
}

static bool run_task(const struct side *side, const char *text, size_t length, int number)
{
  gearman_return_t rc = GEARMAN_SUCCESS;
  struct number both = {number, 0};
  gearman_task_st *task = gearman_client_add_task(side->client, NULL, &both, side->function, NULL,
                                                  text, length, &rc);
  gearman_client_run_tasks(side->client);
  gearman_task_free(task);
  return both.received == 2 * both.sent;
}

static void *submit(void *context)
{
  static bool (*const ways[])(const struct side *, const char *, size_t, int) = {do_job, execute,
                                                                                 run_task};
  struct side *side = (struct side *)context;
  for (int number = 0; number < JOBS; ++number)
  {
    char text[32];
    size_t length = (size_t)snprintf(text, sizeof(text), "%d", number) + 1;
    side->good += ways[number % 3](side, text, length, number);
  }
  gearman_client_free(side->client);
  return NULL;
}

int main(int argc, char **argv)
{
  struct side workers[PAIRS];
  struct side clients[PAIRS];
  setup(argc, argv);
  gearman_client_st *first = client_for(server_port);
  gearman_client_set_complete_fn(first, receive);
  for (int x = 0; x < PAIRS; ++x)
  {
    snprintf(workers[x].function, sizeof(workers[x].function), "double-%d", x);
    workers[x].good = 0;
    clients[x] = workers[x];
    clients[x].client =
        (gearman_client_st *)must(gearman_client_clone(NULL, first), "clone");
  }
  for (int x = 0; x < PAIRS; ++x)
  {
    pthread_create(&workers[x].thread, NULL, work, &workers[x]);
    pthread_create(&clients[x].thread, NULL, submit, &clients[x]);
  }
  for (int x = 0; x < PAIRS; ++x)
  {
    pthread_join(clients[x].thread, NULL);
    pthread_join(workers[x].thread, NULL);
    printf("pair %d: %d results, %d jobs\n", x, clients[x].good, workers[x].good);
  }
  gearman_client_free(first);
  return 0;
}
