/*
 * What the benchmarks run: one sub-command per thing measured, against the public API.
 *
 * The same binary runs with either library. It prints `name value` lines; everything
 * that compares them is the driver's.
 *
 *   bench PORT tasks N              N concurrent foreground tasks in one run_tasks
 *   bench PORT do N                 N calls of gearman_client_do
 *   bench PORT do-background N      N calls of gearman_client_do_background
 *   bench PORT work N               a worker that does N jobs
 *   bench PORT echo                 a worker that returns its workload, until it is killed
 *   bench PORT big BYTES            one job with a workload and a result of that size
 *   bench PORT create N             N times create, add_server, free
 *   bench PORT flat-background N    memory after N/10 and after N calls of do_background
 *   bench PORT flat-tasks N         the same with tasks that are added, run and freed
 */
#include <libgearman/gearman.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>

#define FUNCTION "benchmark"

static const char *host = "127.0.0.1";
static in_port_t port;

static void fail(gearman_return_t rc, const char *what, const char *text)
{
  fprintf(stderr, "%s: %s: %s\n", what, gearman_strerror(rc), text ? text : "");
  exit(1);
}

/* The text is only asked for when it is needed: asking is not what is measured. */
#define check(rc, what, text) \
  do { \
    gearman_return_t check_rc = (rc); \
    if (check_rc != GEARMAN_SUCCESS) \
      fail(check_rc, what, text); \
  } while (0)

/* A line of a file under /proc, in KiB. */
static long proc_kib(const char *path, const char *name)
{
  char line[256];
  long kib = -1;
  FILE *file = fopen(path, "r");
  while (file && fgets(line, sizeof line, file))
    if (strncmp(line, name, strlen(name)) == 0)
      sscanf(line + strlen(name), ": %ld", &kib);
  if (file)
    fclose(file);
  return kib;
}

static long status_kib(const char *name)
{
  return proc_kib("/proc/self/status", name);
}

/* Memory of our own, which is not a library's code: counted page by page, where the
 * VmRSS of status is only an estimate. */
static long private_kib(void)
{
  return proc_kib("/proc/self/smaps_rollup", "Anonymous");
}

static double user_seconds(void)
{
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6;
}

static double now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void init_client(gearman_client_st *client)
{
  gearman_client_create(client);
  check(gearman_client_add_server(client, host, port), "add_server", gearman_client_error(client));
}

static void background(gearman_client_st *client)
{
  gearman_job_handle_t handle;
  check(gearman_client_do_background(client, FUNCTION, NULL, "some workload", 13, handle),
        "do_background", gearman_client_error(client));
}

static void foreground(gearman_client_st *client)
{
  size_t size;
  gearman_return_t rc;
  void *result = gearman_client_do(client, FUNCTION, NULL, "some workload", 13, &size, &rc);
  check(rc, "do", gearman_client_error(client));
  free(result);
}

static long completed;

static gearman_return_t on_complete(gearman_task_st *task)
{
  (void)task;
  completed++;
  return GEARMAN_SUCCESS;
}

static void add_tasks(gearman_client_st *client, long n)
{
  for (long i = 0; i < n; i++) {
    gearman_return_t rc;
    char unique[32];
    snprintf(unique, sizeof unique, "u%ld", i);
    gearman_client_add_task(client, NULL, NULL, FUNCTION, unique, "some workload", 13, &rc);
    check(rc, "add_task", gearman_client_error(client));
  }
}

static void tasks(long n)
{
  gearman_client_st client;
  init_client(&client);
  gearman_client_set_complete_fn(&client, on_complete);
  background(&client); /* connected, warm */

  long memory = status_kib("VmRSS");
  double user = user_seconds(), start = now();
  add_tasks(&client, n);
  check(gearman_client_run_tasks(&client), "run_tasks", gearman_client_error(&client));
  printf("user_s %.6f\n", user_seconds() - user);
  printf("wall_s %.6f\n", now() - start);
  printf("growth_kib %ld\n", status_kib("VmHWM") - memory);
  if (completed != n) {
    fprintf(stderr, "%ld of %ld tasks completed\n", completed, n);
    exit(1);
  }
  gearman_client_free(&client);
}

static void calls(long n, void (*call)(gearman_client_st *))
{
  gearman_client_st client;
  init_client(&client);
  double start = now();
  for (long i = 0; i < n; i++)
    call(&client);
  printf("wall_us_per_call %.3f\n", (now() - start) * 1e6 / (double)n);
  gearman_client_free(&client);
}

static void *empty_result(gearman_job_st *job, void *context, size_t *size, gearman_return_t *rc)
{
  (void)job;
  (void)context;
  *size = 0;
  *rc = GEARMAN_SUCCESS;
  return NULL;
}

static void *same_result(gearman_job_st *job, void *context, size_t *size, gearman_return_t *rc)
{
  (void)context;
  *size = gearman_job_workload_size(job);
  *rc = GEARMAN_SUCCESS;
  void *result = malloc(*size + 1);
  memcpy(result, gearman_job_workload(job), *size);
  return result;
}

/* n < 0: for ever */
static void work(long n, gearman_worker_fn *function)
{
  gearman_worker_st worker;
  gearman_worker_create(&worker);
  check(gearman_worker_add_server(&worker, host, port), "add_server", gearman_worker_error(&worker));
  check(gearman_worker_add_function(&worker, FUNCTION, 0, function, NULL), "add_function",
        gearman_worker_error(&worker));
  double start = now();
  for (long i = 0; n < 0 || i < n; i++)
    check(gearman_worker_work(&worker), "work", gearman_worker_error(&worker));
  printf("wall_us_per_call %.3f\n", (now() - start) * 1e6 / (double)n);
  gearman_worker_free(&worker);
}

static void big(size_t bytes)
{
  gearman_client_st client;
  init_client(&client);
  foreground(&client); /* connected, warm */

  long memory = status_kib("VmRSS");
  char *workload = malloc(bytes);
  memset(workload, 'w', bytes);
  size_t size;
  gearman_return_t rc;
  double user = user_seconds(), start = now();
  char *result = gearman_client_do(&client, FUNCTION, "unique", workload, bytes, &size, &rc);
  check(rc, "do", gearman_client_error(&client));
  printf("user_s %.6f\n", user_seconds() - user);
  printf("wall_s %.6f\n", now() - start);
  printf("growth_kib %ld\n", status_kib("VmHWM") - memory);
  if (size != bytes || memcmp(result, workload, bytes) != 0) {
    fprintf(stderr, "the result is not the workload\n");
    exit(1);
  }
  free(result);
  free(workload);
  gearman_client_free(&client);
}

static void create(long n)
{
  double start = now();
  for (long i = 0; i < n; i++) {
    gearman_client_st client;
    init_client(&client);
    gearman_client_free(&client);
  }
  printf("wall_us_per_call %.3f\n", (now() - start) * 1e6 / (double)n);
}

static void task_in_and_out(gearman_client_st *client)
{
  gearman_return_t rc;
  gearman_task_st *task =
      gearman_client_add_task(client, NULL, NULL, FUNCTION, "unique", "some workload", 13, &rc);
  check(rc, "add_task", gearman_client_error(client));
  check(gearman_client_run_tasks(client), "run_tasks", gearman_client_error(client));
  gearman_task_free(task);
}

static void flat(long n, void (*call)(gearman_client_st *))
{
  gearman_client_st client;
  init_client(&client);
  for (long i = 0; i < n / 10; i++)
    call(&client);
  long memory = private_kib();
  for (long i = n / 10; i < n; i++)
    call(&client);
  printf("growth_kib %ld\n", private_kib() - memory);
  gearman_client_free(&client);
}

int main(int argc, char **argv)
{
  if (argc < 3) {
    fprintf(stderr, "usage: %s PORT COMMAND [N]\n", argv[0]);
    return 2;
  }
  port = (in_port_t)atoi(argv[1]);
  const char *command = argv[2];
  long n = argc > 3 ? atol(argv[3]) : 1;

  if (strcmp(command, "tasks") == 0)
    tasks(n);
  else if (strcmp(command, "do") == 0)
    calls(n, foreground);
  else if (strcmp(command, "do-background") == 0)
    calls(n, background);
  else if (strcmp(command, "work") == 0)
    work(n, empty_result);
  else if (strcmp(command, "echo") == 0)
    work(-1, same_result);
  else if (strcmp(command, "big") == 0)
    big((size_t)n);
  else if (strcmp(command, "create") == 0)
    create(n);
  else if (strcmp(command, "flat-background") == 0)
    flat(n, background);
  else if (strcmp(command, "flat-tasks") == 0)
    flat(n, task_in_and_out);
  else {
    fprintf(stderr, "unknown command %s\n", command);
    return 2;
  }
  return 0;
}
