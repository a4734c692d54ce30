/* The memory hooks (workload hooks, and all four allocators) of client and worker: which memory
 * that the caller gets comes from them, the NUL after the result of do, who frees what, and that
 * every block is given back. How often the library asks for memory of its own is not compared. */
#include "common.h"

static const char *const which[] = {"workload hooks", "all four allocators"};

/* A block from the hooks says so in front of itself. */
typedef union
{
  struct
  {
    size_t size;
    uint32_t mark;
  } head;
  long double align[2];
} block;

/* Blocks that have not been given back, and calls with the wrong context or a foreign block. */
static int outstanding, foreign;

static void *hook_malloc(size_t size, void *context)
{
  if (context != which) ++foreign;
  ++outstanding;
  block *self = (block *)must(malloc(sizeof(block) + size), "malloc");
  memset(self + 1, 0x5a, size);
  self->head.size = size;
  self->head.mark = 0xfeedbeef;
  return self + 1;
}

static void hook_free(void *pointer, void *context)
{
  if (context != which) ++foreign;
  if (pointer == NULL) return;
  block *self = (block *)pointer - 1;
  if (self->head.mark != 0xfeedbeef)
  {
    ++foreign;
    return;
  }
  --outstanding;
  self->head.mark = 0;
  free(self);
}

static void *hook_realloc(void *pointer, size_t size, void *context)
{
  void *fresh = hook_malloc(size, context);
  if (pointer != NULL)
  {
    block *old = (block *)pointer - 1;
    memcpy(fresh, pointer, old->head.size < size ? old->head.size : size);
    hook_free(pointer, context);
  }
  return fresh;
}

static void *hook_calloc(size_t count, size_t size, void *context)
{
  void *fresh = hook_malloc(count * size, context);
  memset(fresh, 0, count * size);
  return fresh;
}

static void balance(const char *what)
{
  printf("  %s: blocks out %d, wrong calls %d\n", what, outstanding, foreign);
}

static bool from_hook(const void *pointer)
{
  return ((const block *)pointer - 1)->head.mark == 0xfeedbeef;
}

static gearman_return_t look(gearman_task_st *task)
{
  printf("    data %s\n", bytes(gearman_task_data(task), gearman_task_data_size(task)));
  return GEARMAN_SUCCESS;
}

static gearman_return_t take(gearman_task_st *task)
{
  size_t size = 0;
  char *data = (char *)gearman_task_take_data(task, &size);
  printf("    taken %s from the hook %s\n", bytes(data, size), yes(from_hook(data)));
  hook_free(data, (void *)which);
  printf("    then data %s\n", bytes(gearman_task_data(task), gearman_task_data_size(task)));
  return GEARMAN_SUCCESS;
}

static void client_with(int kind)
{
  gearman_return_t rc;
  size_t size;
  printf("== client, %s\n", which[kind]);
  gearman_client_st *client = client_for(server_port);
  gearman_client_add_options(client, GEARMAN_CLIENT_EXCEPTION);
  if (kind == 0)
  {
    gearman_client_set_workload_malloc_fn(client, hook_malloc, (void *)which);
    gearman_client_set_workload_free_fn(client, hook_free, (void *)which);
  }
  else
    show("set_memory_allocators",
         gearman_client_set_memory_allocators(client, hook_malloc, hook_free, hook_realloc,
                                              hook_calloc, (void *)which));

  static const char *const functions[] = {"reverse", "empty",     "chunks", "everything",
                                          "fail",    "data_fail", "exception"};
  for (size_t x = 0; x < sizeof(functions) / sizeof(functions[0]); ++x)
  {
    char *result = (char *)gearman_client_do(client, functions[x], NULL, "abc", 3, &size, &rc);
    printf("do %s: %s %s\n", functions[x], rc_name(rc), bytes(result, size));
    balance("after do");
    if (result != NULL)
    {
      printf("    from the hook %s, NUL after it %s\n", yes(from_hook(result)),
             yes(result[size] == 0));
      hook_free(result, (void *)which);
      balance("after the caller freed it");
    }
  }

  gearman_job_handle_t handle;
  show("do_background", gearman_client_do_background(client, "echo", NULL, "abc", 3, handle));
  balance("after do_background");
  show("echo", gearman_client_echo(client, "abc", 3));
  balance("after echo");

  for (int callback = 0; callback < 3; ++callback)
  {
    gearman_client_set_complete_fn(client, callback == 0 ? NULL : callback == 1 ? look : take);
    printf("task, %s\n",
           callback == 0   ? "no callback"
           : callback == 1 ? "a callback that looks"
                           : "a callback that takes");
    gearman_task_st *task = gearman_client_add_task(client, NULL, NULL, "reverse", NULL, "abc", 3, &rc);
    gearman_client_run_tasks(client);
    gearman_task_free(task);
    balance("after task_free");
  }
  gearman_client_clear_fn(client);

  gearman_argument_t argument = gearman_argument_make(NULL, 0, "abc", 3);
  gearman_task_st *task = gearman_execute(client, "reverse", 7, NULL, 0, NULL, &argument, NULL);
  gearman_result_st *result = gearman_task_result(task);
  printf("execute: %s\n", bytes(gearman_result_value(result), gearman_result_size(result)));
  gearman_task_free(task);
  balance("after task_free");

  printf("tasks that are left to client_free\n");
  gearman_client_add_task(client, NULL, NULL, "reverse", NULL, "abc", 3, &rc);
  gearman_client_run_tasks(client);
  gearman_client_add_task(client, NULL, NULL, "reverse", NULL, "abc", 3, &rc);
  gearman_client_free(client);
  balance("after client_free");
}

static bool taking;

static void *hooked_work(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  (void)context;
  if (taking)
  {
    char *workload = (char *)gearman_job_take_workload(job, size);
    printf("    taken %s from the hook %s, left %s\n", bytes(workload, *size),
           yes(from_hook(workload)),
           bytes(gearman_job_workload(job), gearman_job_workload_size(job)));
    hook_free(workload, (void *)which);
  }
  else
    printf("    workload %s\n", bytes(gearman_job_workload(job), gearman_job_workload_size(job)));
  *size = 6;
  *ret = GEARMAN_SUCCESS;
  void *result = hook_malloc(6, (void *)which);
  memcpy(result, "result", 6);
  return result;
}

static void submit(void *argument)
{
  gearman_return_t rc;
  size_t size;
  (void)argument;
  gearman_client_st *client = client_for(server_port);
  void *result = gearman_client_do(client, "hooked", NULL, "load", 4, &size, &rc);
  printf("client: %s %s\n", rc_name(rc), bytes(result, size));
  free(result);
  gearman_client_free(client);
}

static void worker_with(int kind)
{
  printf("== worker, %s\n", which[kind]);
  gearman_worker_st *worker = worker_for(server_port);
  if (kind == 0)
  {
    gearman_worker_set_workload_malloc_fn(worker, hook_malloc, (void *)which);
    gearman_worker_set_workload_free_fn(worker, hook_free, (void *)which);
  }
  else
    show("set_memory_allocators",
         gearman_worker_set_memory_allocators(worker, hook_malloc, hook_free, hook_realloc,
                                              hook_calloc, (void *)which));
  show("add_function", gearman_worker_add_function(worker, "hooked", 0, hooked_work, NULL));
  for (int round = 0; round < 2; ++round)
  {
    taking = round == 1;
    side_process client = aside(submit, NULL);
    show("work", gearman_worker_work(worker));
    join(&client);
  }
  gearman_worker_free(worker);
  balance("after worker_free");
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  client_with(0);
  client_with(1);
  worker_with(0);
  worker_with(1);
  worker_stop(&worker);
  return 0;
}
