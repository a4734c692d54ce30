/* Freeing the task itself, other tasks and the client inside every kind of callback, and using what
 * was freed there. */
#include "every_callback.h"

static gearman_task_st *other;
static int contexts;

static void free_context(gearman_task_st *task, void *context)
{
  (void)task;
  (void)context;
  ++contexts;
}

static void make_client_with_contexts(void)
{
  make_client();
  contexts = 0;
  gearman_client_set_task_context_free_fn(client, free_context);
}

/* A task of the function that calls `where`, and one beside it. */
static void add_both(void)
{
  gearman_return_t rc;
  outer = gearman_client_add_task(client, NULL, &contexts, kinds[where].function, NULL, "abc", 3, &rc);
  other = gearman_client_add_task(client, NULL, &contexts, "echo", NULL, "def", 3, &rc);
}

static void do_after_it(void)
{
  gearman_return_t rc;
  size_t size;
  gearman_client_clear_fn(client);
  void *result = gearman_client_do(client, "reverse", NULL, "abc", 3, &size, &rc);
  printf("  do after it: %s %s\n", rc_name(rc), bytes(result, size));
  free(result);
}

static void free_task(gearman_task_st *task) { gearman_task_free(task); }

static void free_other(gearman_task_st *task)
{
  (void)task;
  gearman_task_free(other);
  other = NULL;
}

static void free_all(gearman_task_st *task)
{
  (void)task;
  gearman_client_task_free_all(client);
}

static void free_client(gearman_task_st *task)
{
  (void)task;
  gearman_client_free(client);
}

static void free_client_and_use_it(gearman_task_st *task)
{
  (void)task;
  gearman_return_t rc = GEARMAN_SUCCESS;
  size_t size = 1;
  gearman_job_handle_t handle;
  gearman_client_free(client);
  task = gearman_client_add_task(client, NULL, NULL, "echo", NULL, "abc", 3, &rc);
  printf("  add_task: %s, failed %s\n", task == NULL ? "NULL" : "a task", yes(gearman_failed(rc)));
  printf("  run_tasks failed %s\n", yes(gearman_failed(gearman_client_run_tasks(client))));
  void *result = gearman_client_do(client, "echo", NULL, "abc", 3, &size, &rc);
  printf("  do: %s, failed %s\n", bytes(result, size), yes(gearman_failed(rc)));
  rc = gearman_client_do_background(client, "echo", NULL, "abc", 3, handle);
  printf("  do_background failed %s\n", yes(gearman_failed(rc)));
  printf("  echo failed %s\n", yes(gearman_failed(gearman_client_echo(client, "abc", 3))));
}

static void in_every_callback(const char *what, void (*how)(gearman_task_st *),
                              gearman_client_options_t options, bool client_lives)
{
  printf("== %s\n", what);
  for (int kind = CREATED; kind < KINDS; ++kind)
  {
    where = (enum kind)kind;
    make_client_with_contexts();
    gearman_client_add_options(client, options);
    add_both();
    action = how;
    printf("-- %s\n", kinds[kind].name);
    show("  run_tasks", gearman_client_run_tasks(client));
    printf("  callbacks of the task: %d, contexts freed: %d\n", calls, contexts);
    if (!client_lives) continue;
    do_after_it();
    gearman_client_free(client);
    printf("  contexts freed in the end: %d\n", contexts);
  }
}

static void free_again(gearman_task_st *task, void *context)
{
  (void)context;
  ++contexts;
  gearman_task_free(task);
}

static void free_client_with_context(gearman_task_st *task, void *context)
{
  (void)task;
  (void)context;
  ++contexts;
  if (contexts == 1) gearman_client_free(client);
}

static void free_client_with_log(const char *line, gearman_verbose_t verbose, void *context)
{
  (void)line;
  (void)verbose;
  (void)context;
  printf("  a line of the log\n");
  gearman_client_free(client);
}

static void *free_client_with_memory(size_t size, void *context)
{
  (void)context;
  gearman_client_free(client);
  return malloc(size);
}

static void elsewhere(void)
{
  gearman_return_t rc;
  size_t size;
  printf("== the task, in its context's free function\n");
  make_client_with_contexts();
  where = COMPLETE;
  gearman_client_set_task_context_free_fn(client, free_again);
  add_both();
  gearman_task_free(outer);
  printf("  contexts freed: %d\n", contexts);
  gearman_client_free(client);
  printf("  contexts freed in the end: %d\n", contexts);

  printf("== the client, in a context's free function\n");
  make_client_with_contexts();
  gearman_client_set_task_context_free_fn(client, free_client_with_context);
  add_both();
  gearman_task_free(outer);
  printf("  contexts freed: %d\n", contexts);

  printf("== the client, in the log function\n");
  make_client_with_contexts();
  gearman_client_set_log_fn(client, free_client_with_log, NULL, GEARMAN_VERBOSE_ERROR);
  show("  echo", gearman_client_echo(client, NULL, 0));

  printf("== the client, in the allocator of a result\n");
  make_client_with_contexts();
  gearman_client_clear_fn(client);
  gearman_client_set_workload_malloc_fn(client, free_client_with_memory, NULL);
  void *result = gearman_client_do(client, "reverse", NULL, "abc", 3, &size, &rc);
  printf("  do: %s\n", bytes(result, size));

  printf("== the client, in a callback under do\n");
  make_client_with_contexts();
  where = COMPLETE;
  add_both();
  action = free_client;
  result = gearman_client_do(client, "wait", NULL, "abc", 3, &size, &rc);
  printf("  do: %s, contexts freed: %d\n", bytes(result, size), contexts);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  worker_process second = worker_start_nth(server_port, 2);
  in_every_callback("the task itself", free_task, (gearman_client_options_t)0, true);
  in_every_callback("the task itself, with FREE_TASKS", free_task, GEARMAN_CLIENT_FREE_TASKS, true);
  in_every_callback("the other task", free_other, (gearman_client_options_t)0, true);
  in_every_callback("all tasks", free_all, (gearman_client_options_t)0, true);
  in_every_callback("the client", free_client, (gearman_client_options_t)0, false);
  in_every_callback("the client, and using it", free_client_and_use_it, (gearman_client_options_t)0,
                    false);
  elsewhere();
  worker_release(&worker);
  worker_release(&second);
  worker_stop(&worker);
  worker_stop(&second);
  return 0;
}
