/* A C++ exception thrown by a worker's function through gearman_worker_work, and by a task's
 * callback through gearman_client_run_tasks; the default callbacks by their C++ name. */
#include "common.h"

#include <stdexcept>

extern const gearman_actions_t &gearman_actions_pause();

static bool throwing;

static void *work(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  if (throwing) throw std::runtime_error("from the function");
  return job_echo(job, context, size, ret);
}

static gearman_return_t complete(gearman_task_st *task)
{
  printf("  complete %s\n", bytes(gearman_task_data(task), gearman_task_data_size(task)));
  if (throwing)
  {
    throwing = false;
    throw std::runtime_error("from the callback");
  }
  return GEARMAN_SUCCESS;
}

int main(int argc, char **argv)
{
  gearman_return_t rc;
  gearman_job_handle_t handle;
  setup(argc, argv);

  const gearman_actions_t &actions = gearman_actions_pause();
  printf("default callbacks: data %s created %s\n", yes(actions.data_fn != NULL),
         yes(actions.created_fn != NULL));

  worker_process process = worker_start(server_port);
  gearman_client_st *client = client_for(server_port);
  gearman_client_set_complete_fn(client, complete);
  gearman_client_add_task(client, NULL, NULL, "echo", NULL, "abc", 3, &rc);
  throwing = true;
  try
  {
    show("run_tasks", gearman_client_run_tasks(client));
  }
  catch (const std::runtime_error &error)
  {
    printf("caught: %s\n", error.what());
  }
  gearman_client_free(client);
  worker_stop(&process);

  client = client_for(server_port);
  gearman_worker_st *worker = worker_for(server_port);
  gearman_worker_add_function(worker, "throwing", 0, work, NULL);
  gearman_client_do_background(client, "throwing", NULL, "x", 1, handle);
  throwing = true;
  try
  {
    show("work", gearman_worker_work(worker));
  }
  catch (const std::runtime_error &error)
  {
    printf("caught: %s\n", error.what());
  }
  gearman_worker_free(worker);
  throwing = false;

  worker = worker_for(server_port);
  gearman_worker_add_function(worker, "throwing", 0, work, NULL);
  show("another worker's work", gearman_worker_work(worker));
  gearman_worker_free(worker);
  gearman_client_free(client);
  return 0;
}
