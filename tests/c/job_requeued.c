/* Codes of a worker's function that give the job back to the server: another worker does it. */
#include "common.h"

static gearman_return_t verdict;
static int calls;

static void *v1(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  (void)job;
  (void)context;
  ++calls;
  *ret = verdict;
  *size = 0;
  return NULL;
}

static gearman_return_t v2(gearman_job_st *job, void *context)
{
  (void)job;
  (void)context;
  ++calls;
  return verdict;
}

static void *good(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  (void)job;
  (void)context;
  *ret = GEARMAN_SUCCESS;
  return answer("done by the second worker", size);
}

static void client_side(void *argument)
{
  gearman_return_t rc;
  size_t size;
  (void)argument;
  gearman_client_st *client = client_for(server_port);
  void *result = gearman_client_do(client, "again", NULL, "x", 1, &size, &rc);
  printf("  client: %s %s\n", rc_name(rc), bytes(result, size));
  free(result);
  gearman_client_free(client);
}

static void run(int version, gearman_return_t code)
{
  verdict = code;
  calls = 0;
  printf("-- V%d returns %s\n", version, rc_name(code));
  gearman_worker_st *first = worker_for(server_port);
  if (version == 1)
    gearman_worker_add_function(first, "again", 0, v1, NULL);
  else
    gearman_worker_define_function(first, "again", 5, gearman_function_create_v2(v2), 0, NULL);
  side_process client = aside(client_side, NULL);
  show("  first worker's work", gearman_worker_work(first));
  printf("  its function was called %d times\n", calls);
  gearman_worker_free(first);

  gearman_worker_st *second = worker_for(server_port);
  gearman_worker_define_function(second, "again", 5, gearman_function_create_v1(good), 0, NULL);
  show("  second worker's work", gearman_worker_work(second));
  join(&client);
  gearman_worker_free(second);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  run(1, GEARMAN_LOST_CONNECTION);
  run(2, GEARMAN_ERROR);
  run(2, GEARMAN_TIMEOUT);
  return 0;
}
