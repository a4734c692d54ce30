/* The namespace of client and worker: a prefix of every function name on the wire. */
#include "common.h"

static void *tell_name(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  (void)context;
  *ret = GEARMAN_SUCCESS;
  return answer(gearman_job_function_name(job), size);
}

static void client_side(void *argument)
{
  gearman_return_t rc;
  size_t size;
  (void)argument;
  gearman_client_st *client = client_for(server_port);
  gearman_client_set_namespace(client, "deep:", 5);
  char *result = (char *)gearman_client_do(client, "where", NULL, "x", 1, &size, &rc);
  printf("do in a namespace: %s %s\n", rc_name(rc), bytes(result, size));
  free(result);
  gearman_client_free(client);
}

int main(int argc, char **argv)
{
  gearman_return_t rc;
  size_t size;
  setup(argc, argv);
  worker_process process = worker_start(server_port);
  gearman_client_st *client = client_for(server_port);

  gearman_client_set_namespace(client, "space/", 6);
  char *result = (char *)gearman_client_do(client, "name", NULL, "x", 1, &size, &rc);
  printf("do name: %s %s\n", rc_name(rc), bytes(result, size));
  free(result);
  gearman_task_st *task = gearman_client_add_task(client, NULL, NULL, "name", NULL, "x", 1, &rc);
  printf("task_function_name %s\n", gearman_task_function_name(task));
  gearman_client_set_namespace(client, "other/", 6);
  printf("after another namespace was set %s\n", gearman_task_function_name(task));
  show("run_tasks", gearman_client_run_tasks(client));
  show("task", gearman_task_return(task));
  gearman_client_task_free_all(client);
  gearman_client_set_namespace(client, "space/ignored", 6);
  result = (char *)gearman_client_do(client, "name", NULL, "x", 1, &size, &rc);
  printf("length counts: %s %s\n", rc_name(rc), bytes(result, size));
  free(result);
  gearman_client_set_namespace(client, NULL, 0);
  result = (char *)gearman_client_do(client, "name", NULL, "x", 1, &size, &rc);
  printf("removed: %s %s\n", rc_name(rc), bytes(result, size));
  free(result);
  gearman_client_free(client);
  worker_stop(&process);

  gearman_worker_st *worker = worker_for(server_port);
  printf("worker_namespace %s\n", text(gearman_worker_namespace(worker)));
  gearman_worker_set_namespace(worker, "deep:", 5);
  printf("worker_namespace %s\n", text(gearman_worker_namespace(worker)));
  show("add_function", gearman_worker_add_function(worker, "where", 0, tell_name, NULL));
  printf("exists: where %s, deep:where %s\n", yes(gearman_worker_function_exist(worker, "where", 5)),
         yes(gearman_worker_function_exist(worker, "deep:where", 10)));
  side_process other = aside(client_side, NULL);
  show("work", gearman_worker_work(worker));
  join(&other);
  show("unregister", gearman_worker_unregister(worker, "where"));
  gearman_worker_set_namespace(worker, NULL, 0);
  printf("worker_namespace %s\n", text(gearman_worker_namespace(worker)));
  gearman_worker_free(worker);
  return 0;
}
