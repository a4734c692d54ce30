/* Signals that arrive while a call waits in the kernel are not noticed by the caller. */
#include "common.h"

#include <sys/time.h>

static volatile sig_atomic_t alarms;

static void count(int number)
{
  (void)number;
  ++alarms;
}

static void *slow(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  long long until = now_ms() + 150;
  while (now_ms() < until) poll(NULL, 0, (int)(until - now_ms()));
  return job_reverse(job, context, size, ret);
}

static void worker_side(void *argument)
{
  (void)argument;
  struct itimerval none = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &none, NULL);
  gearman_worker_st *worker = worker_for(server_port);
  gearman_worker_add_function(worker, "slow", 0, slow, NULL);
  for (int x = 0; x < 2; ++x) gearman_worker_work(worker);
  gearman_worker_free(worker);
}

int main(int argc, char **argv)
{
  gearman_return_t rc;
  size_t size;
  setup(argc, argv);
  side_process process = aside(worker_side, NULL);

  struct sigaction action;
  memset(&action, 0, sizeof(action));
  action.sa_handler = count;
  sigaction(SIGALRM, &action, NULL);
  struct itimerval every = {{0, 20000}, {0, 20000}};
  setitimer(ITIMER_REAL, &every, NULL);

  gearman_client_st *client = client_for(server_port);
  void *result = gearman_client_do(client, "slow", NULL, "abc", 3, &size, &rc);
  printf("do: %s %s\n", rc_name(rc), bytes(result, size));
  free(result);
  gearman_task_st *task = gearman_client_add_task(client, NULL, NULL, "slow", NULL, "abc", 3, &rc);
  show("run_tasks", gearman_client_run_tasks(client));
  show("task", gearman_task_return(task));
  gearman_client_free(client);

  gearman_worker_st *worker = worker_for(server_port);
  gearman_worker_add_function(worker, "idle", 0, job_echo, NULL);
  struct itimerval once = {{0, 0}, {0, 20000}};
  setitimer(ITIMER_REAL, &once, NULL);
  gearman_worker_set_timeout(worker, 200);
  show("idle work", gearman_worker_work(worker));
  gearman_worker_free(worker);
  printf("signals arrived: %s\n", yes(alarms > 5));
  signal(SIGALRM, SIG_IGN);
  join(&process);
  return 0;
}
