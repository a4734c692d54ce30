/* Freeing a client while user code of it is suspended in a coroutine, which then goes on; and
 * coroutines that never go on. */
#include "coroutine.h"
#include "every_callback.h"

#include <pthread.h>

static bool armed;
static int contexts;

/* Suspends the coroutine that runs, once. */
static void wait_once(void)
{
  if (!armed) return;
  armed = false;
  suspend();
}

static void wait_here(gearman_task_st *task)
{
  (void)task;
  wait_once();
}

static void wait_in_context(gearman_task_st *task, void *context)
{
  (void)task;
  (void)context;
  ++contexts;
  wait_once();
}

static void wait_in_log(const char *line, gearman_verbose_t verbose, void *context)
{
  (void)verbose;
  (void)context;
  wait_once();
  printf("  the line is still there: %s\n", yes(strlen(line) > 0));
}

static void *wait_in_malloc(size_t size, void *context)
{
  (void)context;
  wait_once();
  return malloc(size);
}

static void wait_in_free(void *memory, void *context)
{
  (void)context;
  wait_once();
  free(memory);
}

static void run_tasks(void *unused)
{
  (void)unused;
  show("  run_tasks", gearman_client_run_tasks(client));
}

static void do_reverse(void *unused)
{
  (void)unused;
  gearman_return_t rc;
  size_t size;
  void *result = gearman_client_do(client, "reverse", NULL, "abc", 3, &size, &rc);
  printf("  do: %s\n", bytes(result, size));
  free(result);
}

static void echo_nothing(void *unused)
{
  (void)unused;
  show("  echo", gearman_client_echo(client, NULL, 0));
}

static void free_task(void *unused)
{
  (void)unused;
  gearman_task_free(outer);
  printf("  task_free has returned\n");
}

static void free_then_resume(const char *what, void (*body)(void *))
{
  coroutine side;
  printf("-- %s\n", what);
  armed = true;
  contexts = 0;
  run_aside(&side, body, NULL);
  printf("  suspended %s\n", yes(!armed && !side.done));
  gearman_client_free(client);
  finish(&side);
  printf("  contexts freed: %d\n", contexts);
}

static void add(const char *function)
{
  gearman_return_t rc;
  outer = gearman_client_add_task(client, NULL, &contexts, function, NULL, "abc", 3, &rc);
}

static void freed_in_each(void)
{
  for (int kind = CREATED; kind < KINDS; ++kind)
  {
    where = (enum kind)kind;
    make_client();
    gearman_client_set_task_context_free_fn(client, wait_in_context);
    add(kinds[kind].function);
    action = wait_here;
    free_then_resume(kinds[kind].name, run_tasks);
  }

  make_client();
  gearman_client_set_task_context_free_fn(client, wait_in_context);
  add("echo");
  free_then_resume("the context's free function", free_task);

  make_client();
  gearman_client_set_log_fn(client, wait_in_log, NULL, GEARMAN_VERBOSE_ERROR);
  free_then_resume("the log function", echo_nothing);

  make_client();
  gearman_client_set_workload_malloc_fn(client, wait_in_malloc, NULL);
  free_then_resume("the allocator of a result", do_reverse);

  make_client();
  gearman_client_set_workload_free_fn(client, wait_in_free, NULL);
  add("echo");
  gearman_task_give_workload(outer, strdup("given"), 5);
  free_then_resume("the function that frees a workload", free_task);

  where = COMPLETE;
  make_client();
  add("echo");
  action = wait_here;
  free_then_resume("a callback under do", do_reverse);
}

/* The client is in memory of the program's, which is used for another client at once. */
static void memory_of_the_program(void)
{
  static gearman_client_st memory;
  gearman_return_t rc;
  coroutine side;
  printf("-- memory of the program's\n");
  client = gearman_client_create(&memory);
  gearman_client_add_server(client, "127.0.0.1", server_port);
  where = CREATED;
  gearman_client_set_created_fn(client, at_created);
  outer = gearman_client_add_task(client, NULL, NULL, "echo", NULL, "abc", 3, &rc);
  action = wait_here;
  armed = true;
  run_aside(&side, run_tasks, NULL);
  gearman_client_free(client);
  client = gearman_client_create(&memory);
  gearman_client_add_server(client, "127.0.0.1", server_port);
  finish(&side);
  do_reverse(NULL);
  gearman_client_free(client);
}

static gearman_return_t always_wait(gearman_task_st *task)
{
  (void)task;
  suspend();
  return GEARMAN_SUCCESS;
}

/* Several of one client are suspended; the first of them that goes on frees it. */
static coroutine sides[3];

static void run_and_free(void *unused)
{
  run_tasks(unused);
  gearman_client_free(client);
}

static void freed_by_one_of_several(void)
{
  gearman_return_t rc;
  printf("-- freed by one of several coroutines\n");
  make_client();
  gearman_client_set_complete_fn(client, always_wait);
  for (int x = 0; x < 3; ++x)
  {
    gearman_client_add_task(client, NULL, NULL, "echo", NULL, "abc", 3, &rc);
    run_aside(&sides[x], x == 0 ? run_and_free : run_tasks, NULL);
  }
  for (int x = 0; x < 3; ++x) finish(&sides[x]);
}

static void *begin_coroutine(void *side)
{
  run_aside((coroutine *)side, run_tasks, NULL);
  return NULL;
}

static void begun_by_another_thread(void)
{
  coroutine side;
  pthread_t thread;
  printf("-- a coroutine that another thread has begun\n");
  where = CREATED;
  make_client();
  add("echo");
  action = wait_here;
  armed = true;
  if (pthread_create(&thread, NULL, begin_coroutine, &side) != 0) die("pthread_create");
  pthread_join(thread, NULL);
  gearman_client_free(client);
  finish(&side);
}

/* What is kept of a client whose coroutine has never gone on stays reachable. */
static gearman_client_st *kept;

static int open_descriptors(void)
{
  int count = 0;
  for (int fd = 0; fd < 256; ++fd)
    if (fcntl(fd, F_GETFD) >= 0) ++count;
  return count;
}

static void never_resumed(void)
{
  coroutine side;
  printf("-- a coroutine that never goes on\n");
  int descriptors = open_descriptors();
  where = COMPLETE;
  make_client();
  kept = client;
  add("echo");
  action = wait_here;
  armed = true;
  run_aside(&side, run_tasks, NULL);
  coroutine_end(&side);
  do_reverse(NULL);
  run_tasks(NULL);
  printf("  active tasks left: %s\n", yes(gearman_client_has_active_tasks(client)));
  gearman_client_free(client);
  printf("  descriptors left open: %d\n", open_descriptors() - descriptors);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  freed_in_each();
  memory_of_the_program();
  freed_by_one_of_several();
  begun_by_another_thread();
  never_resumed();
  worker_stop(&worker);
  return 0;
}
