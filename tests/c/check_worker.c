/* The worker processes and the tools of a monitoring system that runs its checks through Gearman:
 * forked workers with a time limit for a check, that end by signal, after so many jobs or idle;
 * results sent from inside a function; a status worker; and tools that ask for it. */
#include "job_server.h"

#include <sys/mman.h>
#include <sys/time.h>

enum { MOST_JOBS = 20 };

/* What worker processes count for their parent. */
typedef struct
{
  int done, timed_out, ended_full, ended_idle;
} board;

static board *shared;
static in_port_t ports[2];

/* The handles stand in the program's memory, and are made there again and again. */
static gearman_worker_st worker;
static gearman_client_st client, copy_client;
static gearman_job_st *volatile current;
static volatile pid_t check;

static void add_servers(bool to_worker)
{
  for (int x = 0; x < 2; ++x)
    if (ports[x] == 0) continue;
    else if (to_worker) gearman_worker_add_server(&worker, "127.0.0.1", ports[x]);
    else gearman_client_add_server(&client, "127.0.0.1", ports[x]);
}

static void make_client(void)
{
  gearman_client_create(&client);
  add_servers(false);
  gearman_client_set_timeout(&client, 5000);
}

/* ---- worker processes ---------------------------------------------------------------------- */

/* Called by a handler, in whatever the worker does. */
static void end_worker(int code)
{
  if (current != NULL) gearman_job_send_complete(current, NULL, 0);
  gearman_worker_unregister_all(&worker);
  gearman_job_free_all(&worker);
  gearman_client_free(&client);
  gearman_client_free(&copy_client);
  _exit(code);
}

static void on_term(int signal_number)
{
  (void)signal_number;
  end_worker(0);
}

static void on_idle(int signal_number)
{
  (void)signal_number;
  __atomic_add_fetch(&shared->ended_idle, 1, __ATOMIC_SEQ_CST);
  end_worker(0);
}

static void on_check_time(int signal_number)
{
  (void)signal_number;
  if (check > 0) kill(check, SIGKILL);
}

/* A check is a process of its own; "hang" does not end by itself. */
static const char *run_check(bool hangs)
{
  struct itimerval limit = {{0, 0}, {0, 50000}}, none = {{0, 0}, {0, 0}};
  int status = 0;
  pid_t parent = getpid();
  check = fork();
  if (check < 0) die("fork");
  if (check == 0)
  {
    die_with(parent);
    while (hangs) pause();
    _exit(0);
  }
  signal(SIGALRM, on_check_time);
  if (hangs) setitimer(ITIMER_REAL, &limit, NULL);
  while (waitpid(check, &status, 0) < 0 && errno == EINTR) {}
  check = 0;
  setitimer(ITIMER_REAL, &none, NULL);
  return WIFSIGNALED(status) ? "timed out" : "fine";
}

/* A client that failed is made anew for the next attempt. */
static bool send_result(const char *result)
{
  for (int attempt = 0; attempt < 3; ++attempt)
  {
    if (gearman_client_do_background(&client, "check_results", NULL, result, strlen(result), NULL)
        == GEARMAN_SUCCESS)
      return true;
    gearman_client_free(&client);
    make_client();
  }
  return false;
}

static void *do_check(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  char result[128];
  sigset_t term;
  alarm(0);
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  sigprocmask(SIG_BLOCK, &term, NULL);
  current = job;
  char *workload = (char *)job_echo(job, context, size, ret);
  const char *outcome = run_check(strncmp(workload, "hang", 4) == 0);
  __atomic_add_fetch(outcome[0] == 't' ? &shared->timed_out : &shared->done, 1, __ATOMIC_SEQ_CST);
  snprintf(result, sizeof(result), "%s %s", workload, outcome);
  free(workload);
  *ret = send_result(result) ? GEARMAN_SUCCESS : GEARMAN_WORK_FAIL;
  current = NULL;
  sigprocmask(SIG_UNBLOCK, &term, NULL);
  *size = 0;
  return NULL;
}

static void *status(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  char text[128];
  (void)context;
  *ret = GEARMAN_SUCCESS;
  snprintf(text, sizeof(text), "0:OK - asked \"%.*s\", %d done", (int)gearman_job_workload_size(job),
           (const char *)gearman_job_workload(job), shared->done);
  return answer(text, size);
}

static void make_worker(bool is_status)
{
  gearman_worker_create(&worker);
  add_servers(true);
  if (is_status)
    gearman_worker_add_function(&worker, "worker_host", 0, status, NULL);
  else
  {
    gearman_worker_add_function(&worker, "service", 0, do_check, NULL);
    gearman_worker_add_function(&worker, "host", 0, do_check, NULL);
  }
  gearman_worker_add_function(&worker, "dummy", 0, job_empty, NULL);
}

static pid_t start(bool is_status, unsigned idle_seconds)
{
  pid_t parent = getpid();
  fflush(stdout);
  pid_t pid = fork();
  if (pid < 0) die("fork");
  if (pid > 0) return pid;
  die_with(parent);
  signal(SIGTERM, on_term);
  signal(SIGPIPE, SIG_IGN);
  make_client();
  gearman_client_clone(&copy_client, &client);
  make_worker(is_status);
  for (int jobs = 0;;)
  {
    if (!is_status)
    {
      signal(SIGALRM, on_idle);
      alarm(idle_seconds);
    }
    if (gearman_worker_work(&worker) == GEARMAN_SUCCESS)
    {
      if (++jobs < MOST_JOBS || is_status) continue;
      __atomic_add_fetch(&shared->ended_full, 1, __ATOMIC_SEQ_CST);
      end_worker(0);
    }
    gearman_job_free_all(&worker);
    gearman_worker_free(&worker);
    gearman_client_free(&client);
    poll(NULL, 0, 20);
    make_worker(is_status);
    make_client();
  }
}

static void report_end(const char *what, pid_t pid)
{
  int ended = 0;
  while (waitpid(pid, &ended, 0) < 0 && errno == EINTR) {}
  printf("%s: %s %d\n", what, WIFEXITED(ended) ? "exit" : "signal",
         WIFEXITED(ended) ? WEXITSTATUS(ended) : WTERMSIG(ended));
}

/* ---- tools --------------------------------------------------------------------------------- */

/* Asks a worker, as the plugin that watches it does. */
static void ask(const char *what, const char *queue, int timeout)
{
  gearman_return_t rc;
  size_t size = 0;
  make_client();
  gearman_client_set_timeout(&client, timeout);
  for (;;)
  {
    char *result = (char *)gearman_client_do_high(&client, queue, "check", "check", 5, &size, &rc);
    if (rc == GEARMAN_IO_WAIT) rc = gearman_client_wait(&client);
    if (rc == GEARMAN_SUCCESS) printf("%s: %.*s\n", what, (int)size, text(result));
    free(result);
    if (rc == GEARMAN_WORK_DATA || rc == GEARMAN_WORK_STATUS) continue;
    if (rc != GEARMAN_SUCCESS) printf("%s: CRITICAL - job failed: %s\n", what, rc_name(rc));
    break;
  }
  gearman_client_remove_servers(&client);
  gearman_client_free(&client);
}

/* Two text commands in one packet, whose answers are read at once. */
static void ask_server(const char *what)
{
  char said[4096];
  size_t used = 0;
  int fd = connect_to(ports[0]);
  write_all(fd, "status\nversion\n", 15);
  do
  {
    ssize_t got = recv(fd, said + used, sizeof(said) - 1 - used, 0);
    if (got <= 0) break;
    used += (size_t)got;
    said[used] = 0;
  } while (strstr(said, "\n.\nOK ") == NULL || said[used - 1] != '\n');
  close(fd);
  printf("%s: status %s, version %s\n", what, yes(strstr(said, "service\t0\t0\t") != NULL),
         yes(strstr(said, "\n.\nOK ") != NULL));
}

/* ---- scenes -------------------------------------------------------------------------------- */

static int fine, late;

static void *take_result(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  char *result = (char *)job_echo(job, context, size, ret);
  if (strstr(result, "fine") != NULL) ++fine;
  if (strstr(result, "timed out") != NULL) ++late;
  free(result);
  *size = 0;
  return NULL;
}

static void send_checks(int count, bool hang)
{
  char workload[32];
  make_client();
  for (int x = 0; x < count; ++x)
  {
    snprintf(workload, sizeof(workload), "%s %d", hang && x % 10 == 0 ? "hang" : "check", x);
    if (gearman_client_do_background(&client, x % 2 == 0 ? "host" : "service", workload, workload,
                                     strlen(workload), NULL) != GEARMAN_SUCCESS)
      printf("a check was not sent\n");
  }
  gearman_client_free(&client);
}

static void take_results(const char *what, int count)
{
  gearman_worker_st *results = gearman_worker_create(NULL);
  for (int x = 0; x < 2; ++x)
    if (ports[x] != 0) gearman_worker_add_server(results, "127.0.0.1", ports[x]);
  gearman_worker_add_function(results, "check_results", 0, take_result, NULL);
  gearman_worker_set_timeout(results, 10000);
  fine = late = 0;
  while (fine + late < count && gearman_worker_work(results) == GEARMAN_SUCCESS) {}
  gearman_worker_free(results);
  printf("%s: %d fine, %d timed out\n", what, fine, late);
}

int main(int argc, char **argv)
{
  job_server server = {0, 0};
  pid_t workers[3];
  setup(argc, argv);
  signal(SIGPIPE, SIG_IGN);
  shared = (board *)mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                         -1, 0);
  job_server_start(&server);
  ports[0] = server.port;

  ask("no worker", "worker_host", 100);
  pid_t status_worker = start(true, 0);
  wait_for_workers(ports[0], "worker_host", 1);
  ask("status", "worker_host", 5000);

  /* Two run until they are full; the parent starts one for each. */
  for (int x = 0; x < 2; ++x) workers[x] = start(false, 60);
  wait_for_workers(ports[0], "service", 2);
  send_checks(10, true);
  take_results("ten checks", 10);
  send_checks(40, false);
  for (long long since = now_ms(); shared->ended_full == 0;) breathe(since);
  workers[2] = start(false, 60);
  take_results("forty checks", 40);
  /* The results of the checks came before the ends of their jobs. */
  wait_for_jobs(ports[0], "service", 0, 0);
  ask_server("server");

  job_server_kill(&server);
  ask("the server is away", "worker_host", 1000);
  job_server_start(&server);
  wait_for_workers(ports[0], "worker_host", 1);
  wait_for_workers(ports[0], "service", 1);
  ask("status after a restart", "worker_host", 5000);
  send_checks(5, true);
  take_results("five checks", 5);

  kill(status_worker, SIGTERM);
  report_end("status worker", status_worker);
  for (int x = 0; x < 3; ++x)
  {
    kill(workers[x], SIGTERM);
    report_end("worker", workers[x]);
  }
  report_end("idle worker", start(false, 1));
  printf("ended idle: %d\n", shared->ended_idle);
  job_server_kill(&server);
  return 0;
}
