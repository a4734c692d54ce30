/* Every call of a client's memory hooks: which one, in which order and for how many bytes, by every
 * size of result up to 300 and around each power of two, by how results come in pieces, and by what
 * callbacks do with them. A program may hand out one shared buffer for requests up to its size and
 * look for results up to that size there, so it depends on all three. */
#include "allocator_calls.h"

/* Memory of malloc, for programs with one hook only. */
static void *plain_malloc(size_t size, void *context)
{
  (void)context;
  call("m%zu", size);
  return malloc(size);
}

static void plain_free(void *pointer, void *context)
{
  (void)context;
  call(pointer == NULL ? "f(NULL)" : "f");
  free(pointer);
}

/* What the worker does is in the workload: letters with sizes. d data, w warning, s status,
 * x exception, c complete, f fail. */
static void *play(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  (void)context;
  char script[128];
  size_t length = gearman_job_workload_size(job);
  if (length >= sizeof(script)) length = sizeof(script) - 1;
  memcpy(script, gearman_job_workload(job), length);
  script[length] = 0;
  *size = 0;
  *ret = GEARMAN_SUCCESS;
  for (char *at = script; *at != 0;)
  {
    char what = *at++;
    size_t n = strtoul(at, &at, 10);
    char *data = (char *)must(malloc(n + 1), "malloc");
    memset(data, what, n);
    switch (what)
    {
    case 'd': gearman_job_send_data(job, data, n); break;
    case 'w': gearman_job_send_warning(job, data, n); break;
    case 's': gearman_job_send_status(job, 1, (uint32_t)n); break;
    case 'x': gearman_job_send_exception(job, data, n); *ret = GEARMAN_WORK_FAIL; break;
    case 'f': *ret = GEARMAN_WORK_FAIL; break;
    case 'c': *size = n; return data;
    default: break;
    }
    free(data);
  }
  return NULL;
}

static worker_process player(void)
{
  worker_process self;
  pid_t parent = getpid();
  fflush(stdout);
  self.release = -1;
  self.pid = fork();
  if (self.pid < 0) die("fork");
  if (self.pid == 0)
  {
    die_with(parent);
    signal(SIGTERM, exit_quietly);
    gearman_worker_st *worker = worker_for(server_port);
    gearman_worker_add_function(worker, "play", 0, play, NULL);
    for (;;) gearman_worker_work(worker);
  }
  wait_for_workers(server_port, "play", 1);
  return self;
}

typedef void *(do_fn)(gearman_client_st *, const char *, const char *, const void *, size_t,
                      size_t *, gearman_return_t *);

static void one_do(gearman_client_st *client, const char *name, do_fn *function, const char *script)
{
  size_t size = 77;
  gearman_return_t rc;
  begin();
  void *result = function(client, "play", NULL, script, strlen(script), &size, &rc);
  printf("%s %s: %s %zu", name, script, calls, size);
  if (rc != GEARMAN_SUCCESS) printf(" %s", rc_name(rc));
  if (result != NULL)
  {
    size_t given = head_of(result)->head.size;
    printf(" in block %u of %zu", head_of(result)->head.number, given);
    if (given > size)
      printf(", %s behind", ((char *)result)[size] == 0        ? "NUL"
                            : ((char *)result)[size] == POISON ? "nothing"
                                                               : "something");
    begin();
    unmake(result);
    printf("%s", calls);
  }
  printf("\n");
}

static gearman_return_t look(gearman_task_st *task)
{
  const void *data = gearman_task_data(task);
  call("[%zu%s]", gearman_task_data_size(task), data == NULL ? " NULL" : "");
  return GEARMAN_SUCCESS;
}

static gearman_return_t take(gearman_task_st *task)
{
  size_t size = 0;
  call("take");
  void *data = gearman_task_take_data(task, &size);
  call("[%zu%s%s]", size, data == NULL ? " NULL" : "",
       data == NULL || head_of(data)->head.size == size ? "" : " in a larger block");
  if (data != NULL) unmake(data);
  return GEARMAN_SUCCESS;
}

static gearman_return_t receive(gearman_task_st *task)
{
  char buffer[100];
  gearman_return_t rc;
  size_t total = 0, got;
  while ((got = gearman_task_recv_data(task, buffer, sizeof(buffer), &rc)) > 0 || rc == GEARMAN_IO_WAIT)
    total += got;
  call("[%zu %s]", total, rc_name(rc));
  return GEARMAN_SUCCESS;
}

static void one_task(gearman_client_st *client, const char *name, const char *script)
{
  gearman_return_t rc;
  printf("task %s %s:", name, script);
  begin();
  gearman_task_st *task = gearman_client_add_task(client, NULL, NULL, "play", NULL, script, strlen(script), &rc);
  printf(" add %s;", calls);
  begin();
  rc = gearman_client_run_tasks(client);
  printf(" run %s;", calls);
  if (rc != GEARMAN_SUCCESS) printf(" %s", rc_name(rc));
  begin();
  gearman_task_free(task);
  printf(" free %s\n", calls);
}

static const char *const scripts[] = {
    "c0", "f", "x1", "x300", "d0c0", "d10c0", "d10", "d10c5", "d255c0", "d254c1", "d100d100c56",
    "d1d1d1d1c1", "d300d300c300", "d20000c1", "d1c20000", "d70000d70000c70000", "w5c10", "w300c0",
    "w5d6c7", "d6w5c7", "d10f", "d10x4", "w5f", "w5x6", "s7c8", "s7d8s9c10", "d5s7f", "d0w0c3",
    "d128c0", "d127c1", "d255c1", "d256c0", "d1000c24", "d4096c4096", "d8191c1", "d8192c1"};
enum { SCRIPTS = sizeof(scripts) / sizeof(scripts[0]) };

static void client_with(int kind)
{
  char script[32];
  gearman_return_t rc;
  printf("== client, %s\n", kind_names[kind]);
  gearman_client_st *client = client_for(server_port);
  gearman_client_add_options(client, GEARMAN_CLIENT_EXCEPTION);
  begin();
  hook_client(client, kind);
  printf("setting: %s\n", calls);

  size_t n = 0;
  do
  {
    sprintf(script, "c%zu", n);
    one_do(client, "do", gearman_client_do, script);
  } while ((n = next_size(n, kind, 1 << 20)) > 0);
  for (int x = 0; x < SCRIPTS; ++x) one_do(client, "do", gearman_client_do, scripts[x]);
  static const size_t some[] = {0, 1, 63, 64, 65, 127, 128, 254, 255, 256, 257};
  for (size_t x = 0; x < sizeof(some) / sizeof(some[0]); ++x)
  {
    sprintf(script, "c%zu", some[x]);
    one_do(client, "do_high", gearman_client_do_high, script);
    one_do(client, "do_low", gearman_client_do_low, script);
  }

  static const struct
  {
    const char *name;
    gearman_complete_fn *callback;
    bool unbuffered;
  } ways[] = {{"without callbacks", NULL, false}, {"that looks", look, false},
              {"that takes", take, false}, {"that receives", receive, true}};
  for (int way = 0; way < 4; ++way)
  {
    if (ways[way].unbuffered) gearman_client_add_options(client, GEARMAN_CLIENT_UNBUFFERED_RESULT);
    gearman_client_clear_fn(client);
    if (ways[way].callback != NULL)
    {
      gearman_client_set_data_fn(client, ways[way].callback);
      gearman_client_set_warning_fn(client, ways[way].callback);
      gearman_client_set_complete_fn(client, ways[way].callback);
      gearman_client_set_fail_fn(client, look);
      if (!ways[way].unbuffered) gearman_client_set_exception_fn(client, ways[way].callback);
    }
    for (int x = 0; x < SCRIPTS; ++x)
    {
      if (ways[way].unbuffered && strpbrk(scripts[x], "x") != NULL) continue;
      one_task(client, ways[way].name, scripts[x]);
    }
    for (size_t x = 0; x < sizeof(some) / sizeof(some[0]); ++x)
    {
      sprintf(script, "c%zu", some[x]);
      one_task(client, ways[way].name, script);
    }
  }
  gearman_client_remove_options(client, GEARMAN_CLIENT_UNBUFFERED_RESULT);
  gearman_client_clear_fn(client);

  gearman_job_handle_t handle;
  begin();
  rc = gearman_client_do_background(client, "play", NULL, "c100", 4, handle);
  printf("do_background: %s %s\n", calls, rc_name(rc));
  begin();
  gearman_task_st *task = gearman_client_add_task_background(client, NULL, NULL, "play", NULL, "c9", 2, &rc);
  printf("add_task_background: %s;", calls);
  begin();
  gearman_client_run_tasks(client);
  printf(" run %s;", calls);
  begin();
  gearman_task_free(task);
  printf(" free %s\n", calls);
  begin();
  gearman_client_job_status(client, handle, NULL, NULL, NULL, NULL);
  printf("job_status: %s\n", calls);
  begin();
  printf("set_server_option: %s %s\n", yes(gearman_client_set_server_option(client, "exceptions", 10)), calls);
  begin();
  gearman_argument_t argument = gearman_argument_make(NULL, 0, "d10c20", 6);
  task = gearman_execute(client, "play", 4, NULL, 0, NULL, &argument, NULL);
  printf("execute: %s;", calls);
  begin();
  gearman_result_size(gearman_task_result(task));
  printf(" result %s;", calls);
  begin();
  gearman_task_free(task);
  printf(" free %s\n", calls);
  begin();
  gearman_client_free(client);
  printf("client_free: %s\n", calls);
}

static gearman_return_t pause_once(gearman_task_st *task)
{
  static int turn;
  (void)task;
  call("complete");
  return turn++ % 2 == 0 ? GEARMAN_PAUSE : GEARMAN_SUCCESS;
}

/* Tasks whose callback is called again, that are freed by the library, and that are never run. */
static void other_runs(int kind)
{
  gearman_return_t rc;
  gearman_client_st *client = client_for(server_port);
  hook_client(client, kind);
  gearman_client_set_complete_fn(client, pause_once);
  begin();
  gearman_client_add_task(client, NULL, NULL, "play", NULL, "d3w4c5", 6, &rc);
  rc = gearman_client_run_tasks(client);
  printf("a callback that refuses: %s %s\n", calls, rc_name(rc));
  begin();
  rc = gearman_client_run_tasks(client);
  printf("called again: %s %s\n", calls, rc_name(rc));
  gearman_client_clear_fn(client);
  gearman_client_add_options(client, GEARMAN_CLIENT_FREE_TASKS);
  begin();
  gearman_client_add_task(client, NULL, NULL, "play", NULL, "c5", 2, &rc);
  rc = gearman_client_run_tasks(client);
  printf("with FREE_TASKS: %s %s\n", calls, rc_name(rc));
  gearman_client_task_free_all(client);
  begin();
  gearman_client_add_task(client, NULL, NULL, "play", NULL, "c5", 2, &rc);
  gearman_client_free(client);
  printf("freed with the client: %s\n", calls);
}

/* Only one of the two hooks. */
static void half_hooked(bool with_malloc)
{
  gearman_return_t rc;
  size_t size;
  printf("== only the %s hook\n", with_malloc ? "malloc" : "free");
  gearman_client_st *client = client_for(server_port);
  if (with_malloc)
    gearman_client_set_workload_malloc_fn(client, plain_malloc, NULL);
  else
    gearman_client_set_workload_free_fn(client, plain_free, NULL);
  static const char *const some[] = {"c0", "c10", "d10c5", "d10f"};
  for (size_t x = 0; x < sizeof(some) / sizeof(some[0]); ++x)
  {
    begin();
    char *result = gearman_client_do(client, "play", NULL, some[x], strlen(some[x]), &size, &rc);
    printf("do %s: %s %s\n", some[x], calls, bytes(result, size));
    free(result);
    begin();
    gearman_task_st *task = gearman_client_add_task(client, NULL, NULL, "play", NULL, some[x], strlen(some[x]), &rc);
    printf("task %s: add %s;", some[x], calls);
    begin();
    gearman_client_run_tasks(client);
    printf(" run %s;", calls);
    begin();
    gearman_task_free(task);
    printf(" free %s\n", calls);
  }
  gearman_client_free(client);
}

/* The hook has memory for only so many requests. */
static void failing(const char *script, int many)
{
  gearman_return_t rc;
  size_t size = 77;
  gearman_client_st *client = client_for(server_port);
  gearman_client_set_workload_malloc_fn(client, hook_malloc, NULL);
  gearman_client_set_workload_free_fn(client, hook_free, NULL);
  begin();
  left = many;
  void *result = gearman_client_do(client, "play", NULL, script, strlen(script), &size, &rc);
  printf("do %s with memory for %d: %s %s/%zu %s\n", script, many, calls,
         result == NULL ? "NULL" : "a result", size, rc_name(rc));
  left = -1;
  if (result != NULL) unmake(result);
  gearman_client_free(client);

  client = client_for(server_port);
  gearman_client_set_workload_malloc_fn(client, hook_malloc, NULL);
  gearman_client_set_workload_free_fn(client, hook_free, NULL);
  gearman_client_set_complete_fn(client, look);
  begin();
  left = many;
  gearman_task_st *task = gearman_client_add_task(client, NULL, NULL, "play", NULL, script, strlen(script), &rc);
  printf("task %s with memory for %d: %s %s;", script, many, calls, rc_name(rc));
  begin();
  rc = gearman_client_run_tasks(client);
  printf(" run %s %s;", calls, rc_name(rc));
  left = -1;
  if (task != NULL) printf(" task %s", rc_name(gearman_task_return(task)));
  printf("\n");
  gearman_client_free(client);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  worker_process worker = player();
  for (int kind = 0; kind < KINDS; ++kind) client_with(kind);
  for (int kind = 0; kind < KINDS; ++kind) other_runs(kind);
  half_hooked(true);
  half_hooked(false);
  failing("c10", 0);
  failing("c10", 2);
  failing("d10c5", 0);
  failing("d10c5", 1);
  failing("d10c5", 3);
  kill(worker.pid, SIGTERM);
  waitpid(worker.pid, NULL, 0);
  return 0;
}
