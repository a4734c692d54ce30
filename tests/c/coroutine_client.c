/* A callback that suspends its coroutine, while other clients are used from the thread's own stack
 * and from other coroutines. */
#include "coroutine.h"
#include "every_callback.h"

static void wait_here(gearman_task_st *task)
{
  printf("  suspended: %s\n", bytes(gearman_task_data(task), gearman_task_data_size(task)));
  suspend();
  printf("  resumed: %s\n", bytes(gearman_task_data(task), gearman_task_data_size(task)));
}

static void run_tasks(void *of)
{
  show("  run_tasks", gearman_client_run_tasks((gearman_client_st *)of));
}

static void do_with_another(void)
{
  gearman_return_t rc;
  size_t size;
  gearman_client_st *another = client_for(server_port);
  void *result = gearman_client_do(another, "reverse", NULL, "abc", 3, &size, &rc);
  printf("  another client: %s %s\n", rc_name(rc), bytes(result, size));
  free(result);
  gearman_client_free(another);
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
    run_aside(&side, run_tasks, client);
    do_with_another();
    finish(&side);
    printf("  callbacks %d, the task: %s\n", calls, rc_name(gearman_task_return(outer)));
    gearman_client_free(client);
  }
}

static gearman_return_t always_wait(gearman_task_st *task)
{
  wait_here(task);
  return GEARMAN_SUCCESS;
}

/* Clients that are suspended at the same time, and go on in the order of `order`. */
static void several(const char *what, const int *order)
{
  enum { COUNT = 4 };
  static const char *const workloads[COUNT] = {"1st", "2nd", "3rd", "4th"};
  gearman_client_st *clients[COUNT];
  coroutine sides[COUNT];
  gearman_return_t rc;
  printf("-- %s\n", what);
  for (int x = 0; x < COUNT; ++x)
  {
    clients[x] = client_for(server_port);
    gearman_client_set_complete_fn(clients[x], always_wait);
    gearman_client_add_task(clients[x], NULL, NULL, "echo", NULL, workloads[x], 3, &rc);
    run_aside(&sides[x], run_tasks, clients[x]);
  }
  for (int x = 0; x < COUNT; ++x)
  {
    finish(&sides[order[x]]);
    gearman_client_free(clients[order[x]]);
  }
}

int main(int argc, char **argv)
{
  static const int first_first[] = {0, 1, 2, 3}, last_first[] = {3, 2, 1, 0}, mixed[] = {2, 0, 3, 1};
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  in_every_callback();
  several("the first one goes on first", first_first);
  several("the last one goes on first", last_first);
  several("one in the middle goes on first", mixed);
  worker_stop(&worker);
  return 0;
}
