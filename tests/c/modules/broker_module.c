/* A module of a monitoring host, in the shape of those that send checks through Gearman: the
 * host's thread submits checks, threads of the module's own take results, and are cancelled
 * and joined when the module goes. */
#include "../common.h"
#include "../broker_module.h"

#include <pthread.h>

#define RESULTS "check_results"

static broker_host own;
static gearman_client_st *client;
static gearman_job_handle_t last_handle;
static pthread_t threads[BROKER_THREADS_MAX];
static int running;
static volatile bool ending;

/* ---- handles ------------------------------------------------------------------------------ */

static gearman_client_st *new_client(void)
{
  gearman_client_st *made = gearman_client_create(NULL);
  for (int x = 0; made != NULL && x < BROKER_SERVERS; ++x)
    if (own.ports[x] != 0) gearman_client_add_server(made, "127.0.0.1", own.ports[x]);
  if (made != NULL) gearman_client_set_timeout(made, 5000);
  return made;
}

static void free_client(gearman_client_st **freed)
{
  if (*freed == NULL) return;
  gearman_client_remove_servers(*freed);
  gearman_client_free(*freed);
  *freed = NULL;
}

static void free_worker(gearman_worker_st **freed)
{
  if (*freed == NULL) return;
  gearman_worker_unregister_all(*freed);
  gearman_worker_remove_servers(*freed);
  gearman_worker_free(*freed);
  *freed = NULL;
}

static void new_worker(gearman_worker_st **made)
{
  free_worker(made);
  *made = gearman_worker_create(NULL);
  for (int x = 0; x < BROKER_SERVERS; ++x)
    if (own.ports[x] != 0) gearman_worker_add_server(*made, "127.0.0.1", own.ports[x]);
}

/* ---- results ------------------------------------------------------------------------------ */

static void *take_result(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  char workload[64];
  size_t length = gearman_job_workload_size(job);
  (void)context;
  *size = 0;
  *ret = GEARMAN_SUCCESS;
  if (length >= sizeof(workload)) length = sizeof(workload) - 1;
  memcpy(workload, gearman_job_workload(job), length);
  workload[length] = 0;
  own.take_result((unsigned)atoi(workload));
  return NULL;
}

static void new_result_worker(gearman_worker_st **made)
{
  new_worker(made);
  gearman_worker_add_function(*made, RESULTS, 0, take_result, NULL);
  gearman_worker_set_timeout(*made, 30000);
}

static void clean_up(void *worker) { free_worker((gearman_worker_st **)worker); }

static void *result_thread(void *argument)
{
  gearman_worker_st *worker = NULL;
  (void)argument;
  pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
  pthread_setcanceltype(own.cancel_type, NULL);
  pthread_cleanup_push(clean_up, &worker);
  new_result_worker(&worker);
  while (!ending)
  {
    gearman_return_t rc = gearman_worker_work(worker);
    if (rc == GEARMAN_SUCCESS || rc == GEARMAN_TIMEOUT) continue;
    if (rc != GEARMAN_UNKNOWN_STATE && rc != GEARMAN_NO_JOBS && rc != GEARMAN_IO_WAIT)
    {
      free_worker(&worker);
      usleep(20000);
      new_result_worker(&worker);
    }
    else
      usleep(10000);
  }
  /* The worker is freed once, whether the thread is cancelled now or not. */
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
  pthread_cleanup_pop(1);
  return NULL;
}

/* ---- what the host calls ------------------------------------------------------------------ */

bool module_init(const broker_host *host)
{
  own = *host;
  client = new_client();
  return client != NULL;
}

void module_start(void)
{
  ending = false;
  for (running = 0; running < own.threads; ++running)
    if (pthread_create(&threads[running], NULL, result_thread, NULL) != 0) die("pthread_create");
}

void module_stop(void)
{
  ending = true;
  for (; running > 0; --running)
  {
    if (pthread_cancel(threads[running - 1]) != 0) die("pthread_cancel");
    if (pthread_join(threads[running - 1], NULL) != 0) die("pthread_join");
  }
}

void module_deinit(void)
{
  module_stop();
  free_client(&client);
}

/* Sends a workload in the background; a client that failed is made anew for the next attempt. */
static bool send_to(gearman_client_st **with, const char *queue, const char *unique,
                    unsigned number)
{
  char workload[64];
  snprintf(workload, sizeof(workload), "%u", number);
  for (int attempt = 0; attempt < 3; ++attempt)
  {
    gearman_return_t rc = number % 2 == 0
        ? gearman_client_do_background(*with, queue, unique, workload, strlen(workload),
                                       last_handle)
        : gearman_client_do_high_background(*with, queue, unique, workload, strlen(workload),
                                            last_handle);
    if (rc == GEARMAN_SUCCESS) return true;
    free_client(with);
    *with = new_client();
  }
  return false;
}

bool module_submit(const char *queue, unsigned check)
{
  char unique[64];
  snprintf(unique, sizeof(unique), "host-%u;service", check);
  return send_to(&client, queue, unique, check);
}

bool module_last_is_known(void)
{
  bool known = true;
  gearman_return_t rc =
      gearman_client_job_status(client, last_handle, &known, NULL, NULL, NULL);
  return rc != GEARMAN_SUCCESS || known;
}

/* ---- the worker process ------------------------------------------------------------------- */

static gearman_worker_st *job_worker;
static gearman_job_st *volatile current;

static void end_worker(int signal_number)
{
  (void)signal_number;
  /* Else the job would be given to others again and again. */
  if (current != NULL) gearman_job_send_complete(current, NULL, 0);
  gearman_worker_unregister_all(job_worker);
  gearman_job_free_all(job_worker);
  gearman_client_free(client);
  _exit(0);
}

static void *do_check(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  sigprocmask(SIG_BLOCK, &term, NULL);
  alarm(0);
  current = job;
  char *number = (char *)job_echo(job, context, size, ret);
  if (!send_to(&client, RESULTS, NULL, (unsigned)atoi(number))) *ret = GEARMAN_WORK_FAIL;
  free(number);
  current = NULL;
  sigprocmask(SIG_UNBLOCK, &term, NULL);
  return *size = 0, NULL;
}

static void new_job_worker(void)
{
  new_worker(&job_worker);
  gearman_worker_add_function(job_worker, "host", 0, do_check, NULL);
  gearman_worker_add_function(job_worker, "service", 0, do_check, NULL);
  gearman_worker_add_function(job_worker, "dummy", 0, job_empty, NULL);
}

void module_worker(const broker_host *host)
{
  own = *host;
  signal(SIGTERM, end_worker);
  signal(SIGALRM, end_worker);
  signal(SIGPIPE, SIG_IGN);
  client = new_client();
  new_job_worker();
  for (;;)
  {
    /* An idle worker ends. */
    alarm(60);
    if (gearman_worker_work(job_worker) == GEARMAN_SUCCESS) continue;
    gearman_job_free_all(job_worker);
    free_client(&client);
    usleep(20000);
    new_job_worker();
    client = new_client();
  }
}
