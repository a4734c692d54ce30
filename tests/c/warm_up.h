/* For programs that fork many children. Under a checker each child would translate the library anew;
 * what its parent has called is translated already. */
#ifndef GEARMAN_TESTS_WARM_UP_H
#define GEARMAN_TESTS_WARM_UP_H

#include "common.h"

static inline gearman_return_t warm_task(gearman_task_st *task)
{
  gearman_task_data(task);
  return GEARMAN_SUCCESS;
}

/* Runs the task that was added, on a client that does not block. */
static inline void warm_run(gearman_client_st *client)
{
  while (gearman_client_run_tasks(client) == GEARMAN_IO_WAIT) gearman_client_wait(client);
}

static inline void warm_client(gearman_client_st *client, gearman_worker_st *worker)
{
  static const char *const functions[] = {"warm everything", "warm exception", "warm fail"};
  gearman_return_t rc;
  gearman_client_echo(client, "warm", 4);
  gearman_client_set_server_option(client, "exceptions", 10);
  gearman_client_set_data_fn(client, warm_task);
  gearman_client_set_complete_fn(client, warm_task);
  gearman_client_add_options(client, GEARMAN_CLIENT_NON_BLOCKING);
  for (size_t x = 0; x < sizeof(functions) / sizeof(*functions); ++x)
  {
    gearman_client_add_task(client, NULL, NULL, functions[x], NULL, "warm", 4, &rc);
    gearman_client_run_tasks(client);
    gearman_worker_work(worker);
    warm_run(client);
  }
  gearman_client_add_task_status(client, NULL, NULL, "H:warm:1", &rc);
  warm_run(client);
  gearman_client_task_free_all(client);
}

/* Calls the library once, if a checker asks for less work: a client and a worker at the job server,
 * and a call that finds no server. */
static inline void warm_up(void)
{
  static bool done;
  if (done || getenv("GEARMAN_TEST_SCALE") == NULL) return;
  done = true;
  gearman_worker_st *worker = worker_for(server_port);
  gearman_worker_add_function(worker, "warm everything", 0, job_everything, NULL);
  gearman_worker_add_function(worker, "warm exception", 0, job_exception, NULL);
  gearman_worker_add_function(worker, "warm fail", 0, job_fail, NULL);
  gearman_client_st *client = client_for(server_port);
  warm_client(client, worker);
  gearman_client_free(client);
  gearman_worker_set_timeout(worker, 1);
  gearman_worker_work(worker);
  gearman_worker_free(worker);
  client = client_for(dead_port());
  gearman_client_echo(client, "warm", 4);
  gearman_client_free(client);
}

#endif
