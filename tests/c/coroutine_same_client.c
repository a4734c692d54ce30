/* Calls on a client one of whose callbacks is suspended in a coroutine: they do what they do inside
 * a callback. Several callbacks of one client are suspended at the same time. */
#include "coroutine.h"
#include "every_callback.h"

static void wait_here(gearman_task_st *task)
{
  (void)task;
  suspend();
}

static void run_tasks(void *unused)
{
  (void)unused;
  show("  run_tasks in the coroutine", gearman_client_run_tasks(client));
}

static void do_once(const char *what, const char *function)
{
  gearman_return_t rc;
  size_t size;
  void *result = gearman_client_do(client, function, NULL, "abc", 3, &size, &rc);
  printf("  %s: %s %s\n", what, rc_name(rc), bytes(result, size));
  free(result);
}

static void call_everything(void)
{
  gearman_return_t rc;
  gearman_job_handle_t handle;
  show("  echo", gearman_client_echo(client, "abc", 3));
  do_once("do", "reverse");
  show("  do_background", gearman_client_do_background(client, "echo", NULL, "abc", 3, handle));
  gearman_client_add_task(client, NULL, NULL, "echo", NULL, "def", 3, &rc);
  show("  add_task", rc);
  show("  run_tasks", gearman_client_run_tasks(client));
  printf("  other tasks done: %d\n", others);
}

static void in_every_callback(void)
{
  gearman_return_t rc;
  coroutine side;
  for (int kind = CREATED; kind < KINDS; ++kind)
  {
    printf("-- %s\n", kinds[kind].name);
    where = (enum kind)kind;
    make_client();
    outer = gearman_client_add_task(client, NULL, NULL, kinds[kind].function, NULL, "abc", 3, &rc);
    action = wait_here;
    run_aside(&side, run_tasks, NULL);
    int before = calls;
    call_everything();
    call_everything();
    printf("  callbacks of the suspended task meanwhile: %d\n", calls - before);
    finish(&side);
    printf("  callbacks %d, the task: %s\n", calls, rc_name(gearman_task_return(outer)));
    gearman_client_free(client);
  }
}

static void do_in_the_coroutine(void *unused)
{
  (void)unused;
  do_once("do in the coroutine", "wait");
}

static void under_do(const worker_process *worker, const worker_process *second)
{
  gearman_return_t rc;
  coroutine side;
  printf("-- complete, under a do of another job\n");
  where = COMPLETE;
  make_client();
  outer = gearman_client_add_task(client, NULL, NULL, "echo", NULL, "abc", 3, &rc);
  action = wait_here;
  run_aside(&side, do_in_the_coroutine, NULL);
  do_once("do", "reverse");
  worker_release(worker);
  worker_release(second);
  finish(&side);
  show("  the task", gearman_task_return(outer));
  gearman_client_free(client);
}

static gearman_return_t always_wait(gearman_task_st *task)
{
  const char *name = (const char *)gearman_task_context(task);
  printf("  suspended: %s\n", name);
  suspend();
  printf("  resumed: %s\n", name);
  return GEARMAN_SUCCESS;
}

/* One client with a task for each of some coroutines that all run its tasks. */
static void several(const char *what, const int *order)
{
  enum { COUNT = 4 };
  static char names[COUNT][4] = {"1st", "2nd", "3rd", "4th"};
  coroutine sides[COUNT];
  gearman_return_t rc;
  printf("-- %s\n", what);
  make_client();
  gearman_client_set_complete_fn(client, always_wait);
  for (int x = 0; x < COUNT; ++x)
  {
    gearman_client_add_task(client, NULL, names[x], "echo", NULL, names[x], 3, &rc);
    run_aside(&sides[x], run_tasks, NULL);
  }
  show("  run_tasks", gearman_client_run_tasks(client));
  for (int x = 0; x < COUNT; ++x)
  {
    finish(&sides[order[x]]);
    show("  run_tasks", gearman_client_run_tasks(client));
  }
  printf("  active tasks left: %s\n", yes(gearman_client_has_active_tasks(client)));
  gearman_client_free(client);
}

/* The own stack is inside a callback too, and returns first. */
static coroutine inner;

static void resume_another(gearman_task_st *task)
{
  (void)task;
  gearman_return_t rc;
  gearman_client_set_complete_fn(client, always_wait);
  gearman_client_add_task(client, NULL, (void *)"inner", "echo", NULL, "inner", 5, &rc);
  run_aside(&inner, run_tasks, NULL);
}

static void an_older_callback_returns_first(void)
{
  gearman_return_t rc;
  printf("-- an older callback returns first\n");
  where = CREATED;
  make_client();
  outer = gearman_client_add_task(client, NULL, NULL, "echo", NULL, "abc", 3, &rc);
  action = resume_another;
  show("  run_tasks", gearman_client_run_tasks(client));
  show("  the outer task", gearman_task_return(outer));
  finish(&inner);
  show("  run_tasks", gearman_client_run_tasks(client));
  gearman_client_free(client);
}

/* Pieces of memory that the allocator gave and that were not freed yet. */
static int given;
static bool waits;

static void *wait_in_malloc(size_t size, void *context)
{
  (void)context;
  ++given;
  if (waits)
  {
    waits = false;
    suspend();
  }
  return malloc(size);
}

static void count_free(void *memory, void *context)
{
  (void)context;
  --given;
  free(memory);
}

static void do_and_free(void *what)
{
  gearman_return_t rc;
  size_t size;
  void *result = gearman_client_do(client, "reverse", NULL, "abc", 3, &size, &rc);
  printf("  %s: %s %s\n", (const char *)what, rc_name(rc), bytes(result, size));
  count_free(result, NULL);
}

static void in_the_allocator(void)
{
  coroutine side;
  printf("-- the allocator of a result\n");
  make_client();
  gearman_client_set_workload_malloc_fn(client, wait_in_malloc, NULL);
  gearman_client_set_workload_free_fn(client, count_free, NULL);
  waits = true;
  run_aside(&side, do_and_free, (void *)"do in the coroutine");
  do_and_free((void *)"do");
  finish(&side);
  printf("  memory that was not given back: %d\n", given);
  gearman_client_free(client);
}

int main(int argc, char **argv)
{
  static const int first_first[] = {0, 1, 2, 3}, last_first[] = {3, 2, 1, 0}, mixed[] = {2, 0, 3, 1};
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  worker_process second = worker_start_nth(server_port, 2);
  in_every_callback();
  under_do(&worker, &second);
  several("the first one goes on first", first_first);
  several("the last one goes on first", last_first);
  several("one in the middle goes on first", mixed);
  an_older_callback_returns_first();
  in_the_allocator();
  worker_stop(&worker);
  worker_stop(&second);
  return 0;
}
