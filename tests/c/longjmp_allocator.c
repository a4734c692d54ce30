/* Leaving an allocator hook by longjmp: a body or a job that memory was asked for is still there and
 * is asked for again; a do() that was left gives its job up, and the client does the next one. */
#include "jumping.h"

/* Jump at the hook call after so many. */
static int jump_after, skip;

static void count_down(void)
{
  if (jump_after > 0 && jump_after-- == 1)
    jump = true;
  else
    leave();
}

static void *hook_malloc(size_t size, void *context)
{
  (void)context;
  count_down();
  return malloc(size);
}

static void hook_free(void *pointer, void *context)
{
  (void)context;
  free(pointer);
  count_down();
}

static gearman_return_t look(gearman_task_st *task)
{
  printf("  called with %s\n", bytes(gearman_task_data(task), gearman_task_data_size(task)));
  return GEARMAN_SUCCESS;
}

/* Leaves a hook that run_tasks calls, and runs the tasks again. */
static void run_twice(gearman_client_st *client)
{
  if (setjmp(back) == 0)
    show("  run_tasks", gearman_client_run_tasks(client));
  else
  {
    printf("  jumped\n");
    show("  run_tasks", gearman_client_run_tasks(client));
  }
}

static void client_side(void)
{
  gearman_return_t rc;
  gearman_client_st *client = client_for(server_port);
  gearman_client_set_workload_malloc_fn(client, hook_malloc, NULL);
  gearman_client_set_workload_free_fn(client, hook_free, NULL);
  gearman_client_set_complete_fn(client, look);

  printf("-- the body of a do\n");
  jump = true;
  do_once(client, "abc");
  do_once(client, "def");

  for (skip = 1; skip < 3; ++skip)
  {
    printf("-- %s\n", skip == 1 ? "giving the body of a do back" : "the result of a do");
    jump_after = skip;
    do_once(client, "abc");
    do_once(client, "def");
  }

  printf("-- adding a task\n");
  jump = true;
  if (setjmp(back) == 0)
    gearman_client_add_task(client, NULL, NULL, "echo", NULL, "abc", 3, &rc);
  else
    printf("  jumped\n");
  show("  run_tasks", gearman_client_run_tasks(client));
  printf("  has tasks: %s\n", yes(gearman_client_has_tasks(client)));

  printf("-- the body for a task\n");
  gearman_task_st *task = gearman_client_add_task(client, NULL, NULL, "echo", NULL, "abc", 3, &rc);
  jump = true;
  run_twice(client);
  printf("  the task: %s\n", rc_name(gearman_task_return(task)));
  gearman_task_free(task);

  printf("-- giving the body for a task back\n");
  task = gearman_client_add_task(client, NULL, NULL, "echo", NULL, "abc", 3, &rc);
  jump_after = 1;
  run_twice(client);
  printf("  the task: %s\n", rc_name(gearman_task_return(task)));

  printf("-- freeing a task\n");
  jump = true;
  if (setjmp(back) == 0)
    gearman_task_free(task);
  else
    printf("  jumped\n");
  printf("  has tasks: %s\n", yes(gearman_client_has_tasks(client)));
  do_once(client, "ghi");
  gearman_client_free(client);
}

static void *work(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  (void)context;
  size_t workload_size;
  void *workload = gearman_job_take_workload(job, &workload_size);
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
  /* The first call is for the copy that is sent, the second gives it back. */
  jump_after = 2;
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

  printf("-- receiving a job\n");
  gearman_client_st *client = client_for(server_port);
  gearman_worker_st *worker = worker_for(server_port);
  gearman_worker_set_workload_malloc_fn(worker, hook_malloc, NULL);
  gearman_worker_set_workload_free_fn(worker, hook_free, NULL);
  gearman_worker_add_function(worker, "take", 0, work, NULL);
  gearman_client_do_background(client, "take", NULL, "abc", 3, handle);
  jump = true;
  work_once(worker);
  work_once(worker);

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
