/* The STOP_WAIT_ON_SIGNAL options: a signal that arrives while a call waits in the kernel ends
 * the call with IO_WAIT, at once, and the call can be made again. */
#include "common.h"

#include <sys/time.h>

/* Of 2.0.0: the headers that this is compiled with may be older. */
static const gearman_client_options_t client_stops = (gearman_client_options_t)(1 << 10);
static const gearman_worker_options_t worker_stops = (gearman_worker_options_t)(1 << 13);

static volatile sig_atomic_t alarms;
static struct timespec arrived;

static void arrive(int number)
{
  (void)number;
  clock_gettime(CLOCK_MONOTONIC, &arrived);
  ++alarms;
}

/* A signal every so many ms: the first may come before the call that follows waits. 0 for none. */
static void signal_every(long ms)
{
  struct itimerval every = {{0, ms * 1000}, {0, ms * 1000}};
  setitimer(ITIMER_REAL, &every, NULL);
}

static double ms_since_signal(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)(now.tv_sec - arrived.tv_sec) * 1e3
         + (double)(now.tv_nsec - arrived.tv_nsec) / 1e6;
}

static gearman_return_t client_run(void *client)
{
  return gearman_client_run_tasks((gearman_client_st *)client);
}

static gearman_return_t client_wait(void *client)
{
  return gearman_client_wait((gearman_client_st *)client);
}

static gearman_return_t client_echo(void *client)
{
  return gearman_client_echo((gearman_client_st *)client, "abc", 3);
}

static gearman_return_t client_job_status(void *client)
{
  bool known, running;
  uint32_t numerator, denominator;
  gearman_job_handle_t handle = "H:absent:1";
  return gearman_client_job_status((gearman_client_st *)client, handle, &known, &running,
                                   &numerator, &denominator);
}

static gearman_return_t client_do(void *client)
{
  size_t size;
  gearman_return_t rc;
  void *result =
      gearman_client_do((gearman_client_st *)client, "silence", NULL, "abc", 3, &size, &rc);
  if (result != NULL) printf("  a result after all\n");
  return rc;
}

static gearman_return_t worker_work(void *worker)
{
  return gearman_worker_work((gearman_worker_st *)worker);
}

static gearman_return_t worker_wait(void *worker)
{
  return gearman_worker_wait((gearman_worker_st *)worker);
}

/* Makes the call ten times, with a signal each time. On a busy machine a process may get its turn
 * late, but not ten times in a row. */
static void interrupted(const char *what, gearman_return_t (*call)(void *), void *handle)
{
  double quickest = 1e9;
  gearman_return_t rc = GEARMAN_SUCCESS;
  for (int x = 0; x < 10; ++x)
  {
    int before = alarms;
    signal_every(30);
    rc = call(handle);
    signal_every(0);
    if (rc != GEARMAN_IO_WAIT || alarms == before) break;
    double late = ms_since_signal();
    if (late < quickest) quickest = late;
  }
  printf("%s: %s, within 50 ms of the signal %s\n", what, rc_name(rc), yes(quickest < 50));
}

/* Takes everything and answers nothing. */
static void silent(int fd, int connection)
{
  (void)connection;
  while (packet_recv(fd) >= 0) {}
}

int main(int argc, char **argv)
{
  gearman_return_t rc;
  in_port_t silent_port;
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  pid_t silence = scripted_server(&silent_port, silent);

  struct sigaction action;
  memset(&action, 0, sizeof(action));
  action.sa_handler = arrive;
  sigaction(SIGALRM, &action, NULL);

  gearman_client_st *client = client_for(server_port);
  gearman_client_add_options(client, client_stops);
  printf("the client has the option: %s\n",
         yes(gearman_client_has_option(client, client_stops)));
  gearman_task_st *task = gearman_client_add_task(client, NULL, NULL, "wait", NULL, "abc", 3, &rc);
  interrupted("run_tasks", client_run, client);
  interrupted("client_wait", client_wait, client);
  worker_release(&worker);
  show("run_tasks after it", gearman_client_run_tasks(client));
  printf("the task: %s\n", rc_name(gearman_task_return(task)));
  gearman_client_free(client);

  client = client_for(silent_port);
  gearman_client_add_options(client, client_stops);
  interrupted("echo", client_echo, client);
  gearman_client_free(client);
  client = client_for(silent_port);
  gearman_client_add_options(client, client_stops);
  interrupted("job_status", client_job_status, client);
  gearman_client_free(client);
  client = client_for(silent_port);
  gearman_client_add_options(client, client_stops);
  interrupted("do", client_do, client);
  gearman_client_free(client);

  gearman_worker_st *idle = worker_for(server_port);
  gearman_worker_add_function(idle, "idle", 0, job_echo, NULL);
  gearman_worker_add_options(idle, worker_stops);
  interrupted("work", worker_work, idle);
  interrupted("worker_wait", worker_wait, idle);
  gearman_worker_remove_options(idle, worker_stops);
  gearman_worker_set_timeout(idle, 200);
  signal_every(30);
  show("work without the option", gearman_worker_work(idle));
  signal_every(0);
  gearman_worker_free(idle);

  worker_stop(&worker);
  end_process(silence);
  return 0;
}
