/* longjmp out of callbacks while others are suspended in coroutines. On the thread's own stack a
 * callback that was left counts as delivered with SUCCESS; in a coroutine it does when the library
 * is called again there. */
#include "coroutine.h"
#include "jumping.h"

static gearman_client_st *client;

/* What the callback of each task does, by its context. */
static char suspends[] = "suspends", jumps[] = "jumps", nests[] = "nests", returns[] = "returns";

static gearman_task_st *add(char *what)
{
  gearman_return_t rc;
  return gearman_client_add_task(client, NULL, what, "echo", NULL, "abc", 3, &rc);
}

static void run_tasks(void *where) { show((const char *)where, gearman_client_run_tasks(client)); }

/* Runs the tasks and says so when a callback is left. */
static void run_and_land(void *where)
{
  jump = true;
  if (setjmp(back) == 0)
    run_tasks(where);
  else
    printf("  jumped\n");
}

static gearman_return_t on_created_do(gearman_task_st *task)
{
  const char *what = (const char *)gearman_task_context(task);
  printf("  callback that %s\n", what);
  if (what == suspends)
    suspend();
  else if (what == jumps)
    leave();
  else if (what == nests)
  {
    add(jumps);
    run_and_land((void *)"  run_tasks");
  }
  return GEARMAN_SUCCESS;
}

static void begin(const char *what)
{
  printf("-- %s\n", what);
  client = client_for(server_port);
  gearman_client_set_created_fn(client, on_created_do);
}

static void end(void)
{
  run_tasks((void *)"  run_tasks in the end");
  printf("  active tasks left: %s\n", yes(gearman_client_has_active_tasks(client)));
  gearman_client_free(client);
}

static void on_the_own_stack(void)
{
  coroutine side;
  begin("a jump on the own stack, beside a suspended callback");
  gearman_task_st *suspended = add(suspends);
  run_aside(&side, run_tasks, (void *)"  run_tasks in the coroutine");
  gearman_task_st *left = add(jumps);
  run_and_land((void *)"  run_tasks");
  run_tasks((void *)"  run_tasks");
  show("  the task that was left", gearman_task_return(left));
  show("  the suspended one", gearman_task_return(suspended));
  finish(&side);
  show("  the suspended one", gearman_task_return(suspended));
  end();
}

static void in_a_nested_run(void)
{
  coroutine side;
  begin("a jump from a callback into an older one");
  add(suspends);
  run_aside(&side, run_tasks, (void *)"  run_tasks in the coroutine");
  gearman_task_st *outer = add(nests);
  run_tasks((void *)"  run_tasks");
  show("  the outer task", gearman_task_return(outer));
  finish(&side);
  end();
}

static gearman_task_st *left_before;

static void look_and_run(void *unused)
{
  (void)unused;
  add(returns);
  run_tasks((void *)"  run_tasks in the coroutine");
  show("  the task that was left", gearman_task_return(left_before));
}

static void seen_from_a_coroutine(void)
{
  coroutine side;
  begin("a jump on the own stack, then a call in a coroutine");
  left_before = add(jumps);
  run_and_land((void *)"  run_tasks");
  run_aside(&side, look_and_run, NULL);
  finish(&side);
  run_tasks((void *)"  run_tasks");
  show("  the task that was left", gearman_task_return(left_before));
  end();
}

/* What is kept of a client with a call that never returns stays reachable. */
static gearman_client_st *kept;

static void in_a_coroutine(void)
{
  coroutine side;
  begin("a jump in a coroutine, and no call from there after it");
  kept = client;
  gearman_task_st *left = add(jumps);
  run_aside(&side, run_and_land, (void *)"  run_tasks in the coroutine");
  finish(&side);
  add(returns);
  run_tasks((void *)"  run_tasks");
  show("  the task that was left", gearman_task_return(left));
  do_once(client, "abc");
  end();
}

static void run_twice(void *where)
{
  run_and_land(where);
  run_tasks(where);
  suspend();
  run_and_land(where);
  run_tasks(where);
}

static void called_again(void)
{
  coroutine side, suspended;
  begin("jumps in a coroutine, and calls from there after them");
  gearman_task_st *left = add(jumps);
  run_aside(&side, run_twice, (void *)"  run_tasks in the coroutine");
  show("  the task that was left", gearman_task_return(left));
  add(suspends);
  run_aside(&suspended, run_tasks, (void *)"  run_tasks in another");
  left = add(jumps);
  finish(&side);
  show("  the task that was left", gearman_task_return(left));
  finish(&suspended);
  end();
}

/* A coroutine on the stack of one that was left. */
static void on_a_stack_that_is_used_again(void)
{
  static char stack[STACK_SIZE] __attribute__((aligned(16)));
  coroutine first, second;
  begin("a coroutine that never goes on, another one on its stack");
  gearman_task_st *left = add(suspends);
  coroutine_on(&first, stack, run_tasks, (void *)"  run_tasks in the coroutine");
  resume(&first);
  coroutine_on(&second, stack, run_tasks, (void *)"  run_tasks in the coroutine");
  resume(&second);
  show("  the task that was left", gearman_task_return(left));
  end();
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  on_the_own_stack();
  in_a_nested_run();
  seen_from_a_coroutine();
  in_a_coroutine();
  called_again();
  on_a_stack_that_is_used_again();
  worker_stop(&worker);
  return 0;
}
