/* Leaving an allocator hook by longjmp: what memory was asked for is still there and can be asked
 * for again; a do() that was left gives its job up, and the client does the next one. */
#include "jumping.h"
static int asked;

static void *hook_malloc(size_t size, void *context)
{
  (void)context;
  ++asked;
  leave();
  return malloc(size);
}

static void hook_free(void *pointer, void *context)
{
  (void)context;
  free(pointer);
  leave();
}

static void take_data(gearman_task_st *task)
{
  size_t size = 0;
  void *data = gearman_task_take_data(task, &size);
  printf("  taken %s, hook asked %d\n", bytes(data, size), asked);
  printf("  left %s\n", bytes(gearman_task_data(task), gearman_task_data_size(task)));
  free(data);
}

/* Leaves the hook, but not the callback. */
static gearman_return_t take_twice(gearman_task_st *task)
{
  jump = true;
  if (setjmp(back) == 0) take_data(task);
  printf("  jumped, data still %s\n", bytes(gearman_task_data(task), gearman_task_data_size(task)));
  take_data(task);
  return GEARMAN_SUCCESS;
}

/* Leaves the hook and the callback with it. */
static gearman_return_t take_and_leave(gearman_task_st *task)
{
  take_data(task);
  return GEARMAN_SUCCESS;
}

static void run_left(gearman_client_st *client)
{
  if (setjmp(back) == 0)
    show("  run_tasks", gearman_client_run_tasks(client));
  else
    printf("  jumped\n");
}

static void client_side(void)
{
  gearman_return_t rc;
  gearman_client_st *client = client_for(server_port);
  gearman_client_set_workload_malloc_fn(client, hook_malloc, NULL);
  gearman_client_set_workload_free_fn(client, hook_free, NULL);

  printf("-- the result of do\n");
  jump = true;
  do_once(client, "abc");
  do_once(client, "def");

  printf("-- take_data, going on in the callback\n");
  asked = 0;
  gearman_client_set_complete_fn(client, take_twice);
  gearman_task_st *task = gearman_client_add_task(client, NULL, NULL, "echo", NULL, "abc", 3, &rc);
  show("  run_tasks", gearman_client_run_tasks(client));
  printf("  the task: %s\n", rc_name(gearman_task_return(task)));
  gearman_task_free(task);

  printf("-- take_data, leaving the callback\n");
  gearman_client_set_complete_fn(client, take_and_leave);
  task = gearman_client_add_task(client, NULL, NULL, "echo", NULL, "abc", 3, &rc);
  jump = true;
  run_left(client);
  show("  run_tasks", gearman_client_run_tasks(client));
  printf("  the task: %s\n", rc_name(gearman_task_return(task)));
  gearman_task_free(task);
  gearman_client_clear_fn(client);
  do_once(client, "ghi");
  gearman_client_free(client);
}

static void *work(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  (void)context;
  size_t workload_size;
  void *workload;
  jump = true;
  if (setjmp(back) == 0) gearman_job_take_workload(job, &workload_size);
  printf("  jumped, workload still %s\n",
         bytes(gearman_job_workload(job), gearman_job_workload_size(job)));
  workload = gearman_job_take_workload(job, &workload_size);
  printf("  taken %s, then %s\n", bytes(workload, workload_size),
         bytes(gearman_job_workload(job), gearman_job_workload_size(job)));
  free(workload);
  *ret = GEARMAN_SUCCESS;
  return answer("done", size);
}

static void *work_and_leave_free(gearman_job_st *job, void *context, size_t *size,
                                 gearman_return_t *ret)
{
  (void)job;
  (void)context;
  jump = true;
  *ret = GEARMAN_SUCCESS;
  return answer("done", size);
}

static void work_once(gearman_worker_st *worker)
{
  if (setjmp(back) == 0)
    show("  work", gearman_worker_work(worker));
  else
    printf("  jumped\n");
}

int main(int argc, char **argv)
{
  gearman_job_handle_t handle;
  setup(argc, argv);
  worker_process process = worker_start(server_port);
  client_side();
  worker_stop(&process);

  printf("-- take_workload\n");
  gearman_client_st *client = client_for(server_port);
  gearman_worker_st *worker = worker_for(server_port);
  gearman_worker_set_workload_malloc_fn(worker, hook_malloc, NULL);
  gearman_worker_set_workload_free_fn(worker, hook_free, NULL);
  gearman_worker_add_function(worker, "take", 0, work, NULL);
  gearman_client_do_background(client, "take", NULL, "abc", 3, handle);
  show("  work", gearman_worker_work(worker));

  printf("-- freeing a function's result\n");
  gearman_worker_add_function(worker, "leave", 0, work_and_leave_free, NULL);
  gearman_client_do_background(client, "leave", NULL, "abc", 3, handle);
  gearman_client_do_background(client, "take", NULL, "def", 3, handle);
  work_once(worker);
  work_once(worker);
  wait_for_jobs(server_port, "leave", 0, 0);
  wait_for_jobs(server_port, "take", 0, 0);
  gearman_worker_free(worker);
  gearman_client_free(client);
  return 0;
}
