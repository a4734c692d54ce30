/* gearman_worker_work: what it returns and what the client gets, for every code that a V1 and a V2
 * function can give. A new worker for each, since a failure colours the original's next call. */
#include "common.h"

static gearman_return_t verdict;
static bool with_data;

static void *v1(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  (void)job;
  (void)context;
  *ret = verdict;
  *size = 0;
  return with_data ? answer("data", size) : NULL;
}

static gearman_return_t v2(gearman_job_st *job, void *context)
{
  (void)context;
  if (with_data) gearman_job_send_data(job, "data", 4);
  return verdict;
}

static void client_side(void *argument)
{
  gearman_return_t rc;
  size_t size;
  (void)argument;
  gearman_client_st *client = client_for(server_port);
  gearman_client_add_options(client, GEARMAN_CLIENT_EXCEPTION);
  void *result = gearman_client_do(client, "verdict", NULL, "x", 1, &size, &rc);
  printf("  client: %s %s\n", rc_name(rc), bytes(result, size));
  free(result);
  gearman_client_free(client);
}

static void run(int version, gearman_return_t code, bool data)
{
  verdict = code;
  with_data = data;
  printf("-- V%d returns %s%s\n", version, rc_name(code), data ? " and data" : "");
  gearman_worker_st *worker = worker_for(server_port);
  if (version == 1)
    gearman_worker_add_function(worker, "verdict", 0, v1, NULL);
  else
    gearman_worker_define_function(worker, "verdict", 7, gearman_function_create(v2), 0, NULL);
  side_process client = aside(client_side, NULL);
  show("  work", gearman_worker_work(worker));
  join(&client);
  gearman_worker_free(worker);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  static const gearman_return_t v1_codes[] = {GEARMAN_SUCCESS, GEARMAN_WORK_FAIL,
                                              GEARMAN_WORK_ERROR, GEARMAN_WORK_EXCEPTION,
                                              GEARMAN_TIMEOUT, GEARMAN_SHUTDOWN,
                                              GEARMAN_INVALID_ARGUMENT, GEARMAN_ERRNO,
                                              GEARMAN_WORK_DATA, GEARMAN_PAUSE};
  static const gearman_return_t v2_codes[] = {GEARMAN_SUCCESS, GEARMAN_WORK_FAIL,
                                              GEARMAN_WORK_EXCEPTION, GEARMAN_SHUTDOWN};
  for (size_t x = 0; x < sizeof(v1_codes) / sizeof(v1_codes[0]); ++x)
  {
    run(1, v1_codes[x], false);
    run(1, v1_codes[x], true);
  }
  for (size_t x = 0; x < sizeof(v2_codes) / sizeof(v2_codes[0]); ++x)
  {
    run(2, v2_codes[x], false);
    run(2, v2_codes[x], true);
  }
  return 0;
}
