/* How long a client's calls wait for a job that does not end. */
#include "common.h"

static gearman_client_st *client;

static void timed(const char *what, gearman_return_t rc, long long start, long long at_least)
{
  long long took = now_ms() - start;
  printf("%s: %s, waited long enough %s, not much longer %s\n", what, rc_name(rc),
         yes(took >= at_least - 5), yes(took < at_least + 2000));
}

int main(int argc, char **argv)
{
  gearman_return_t rc;
  setup(argc, argv);
  client = client_for(server_port);
  gearman_client_set_timeout(client, 200);

  long long start = now_ms();
  free(gearman_client_do(client, "absent", NULL, "x", 1, NULL, &rc));
  timed("do", rc, start, 200);
  show_client_error(client);
  gearman_client_free(client);

  client = client_for(server_port);
  gearman_client_set_timeout(client, 100);
  gearman_task_st *task = gearman_client_add_task(client, NULL, NULL, "absent", NULL, "x", 1, &rc);
  start = now_ms();
  rc = gearman_client_run_tasks(client);
  timed("run_tasks", rc, start, 100);
  printf("task %s %s, active %s\n", rc_name(gearman_task_return(task)), gearman_task_strstate(task),
         yes(gearman_client_has_active_tasks(client)));
  start = now_ms();
  rc = gearman_client_run_tasks(client);
  timed("run_tasks again", rc, start, 100);

  worker_process worker = worker_start(server_port);
  gearman_client_st *patient = client_for(server_port);
  gearman_client_set_timeout(patient, 10000);
  size_t size;
  void *result = gearman_client_do(patient, "reverse", NULL, "abc", 3, &size, &rc);
  printf("a job within the timeout: %s %s\n", rc_name(rc), bytes(result, size));
  free(result);
  gearman_client_free(patient);
  worker_stop(&worker);
  gearman_client_free(client);
  return 0;
}
