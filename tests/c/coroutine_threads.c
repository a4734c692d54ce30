/* Stacks that go away and threads that end while a callback on them has not returned: a coroutine's
 * stack close to its thread's own, a thread that leaves by pthread_exit and whose stack is used by
 * the next one, a coroutine that goes on in another thread. */
#include "coroutine.h"
#include "every_callback.h"

#include <pthread.h>

static void wait_here(gearman_task_st *task)
{
  (void)task;
  suspend();
}

static void exit_here(gearman_task_st *task)
{
  (void)task;
  pthread_exit(NULL);
}

static void run_tasks(void *unused)
{
  (void)unused;
  show("  run_tasks", gearman_client_run_tasks(client));
}

static void do_reverse(void)
{
  gearman_return_t rc;
  size_t size;
  void *result = gearman_client_do(client, "reverse", NULL, "abc", 3, &size, &rc);
  printf("  do: %s %s\n", rc_name(rc), bytes(result, size));
  free(result);
}

static void begin(const char *what, void (*how)(gearman_task_st *))
{
  gearman_return_t rc;
  printf("-- %s\n", what);
  where = CREATED;
  make_client();
  outer = gearman_client_add_task(client, NULL, NULL, "echo", NULL, "abc", 3, &rc);
  action = how;
}

/* Runs `body` to its end in a thread whose stack is this memory. */
static void in_thread(char *stack, void *(*body)(void *), void *argument)
{
  pthread_t thread;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  if (pthread_attr_setstack(&attributes, stack, STACK_SIZE) != 0) die("pthread_attr_setstack");
  if (pthread_create(&thread, &attributes, body, argument) != 0) die("pthread_create");
  pthread_join(thread, NULL);
  pthread_attr_destroy(&attributes);
}

static char *map(size_t size)
{
  char *memory = (char *)mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) die("mmap");
  return memory;
}

/* The client, whose coroutine never goes on: its block stays, and reachable. */
static gearman_client_st *kept[3];

/* Above its own stack, at `above`, is the coroutine's. */
static void *lose_a_coroutine(void *above)
{
  coroutine side;
  coroutine_on(&side, (char *)above, run_tasks, NULL);
  resume(&side);
  coroutine_end(&side);
  do_reverse();
  run_tasks(NULL);
  gearman_client_free(client);
  return NULL;
}

static void a_stack_nearby_is_unmapped(void)
{
  begin("the stack of a coroutine, just above the thread's own, is gone", wait_here);
  kept[0] = client;
  char *stacks = map(2 * STACK_SIZE);
  in_thread(stacks, lose_a_coroutine, stacks + STACK_SIZE);
  munmap(stacks, STACK_SIZE);
}

static void *run_in_thread(void *unused)
{
  run_tasks(unused);
  return NULL;
}

static void *go_on(void *unused)
{
  do_reverse();
  run_tasks(unused);
  show("  the task", gearman_task_return(outer));
  gearman_client_free(client);
  return NULL;
}

static void a_thread_ends(void)
{
  begin("a thread that ends in a callback, another one on its stack", exit_here);
  char *stack = map(STACK_SIZE);
  in_thread(stack, run_in_thread, NULL);
  in_thread(stack, go_on, NULL);
  munmap(stack, STACK_SIZE);

  begin("a thread that ends in a callback, its stack is gone", exit_here);
  kept[1] = client;
  stack = map(STACK_SIZE);
  in_thread(stack, run_in_thread, NULL);
  munmap(stack, STACK_SIZE);
  do_reverse();
  run_tasks(NULL);
  gearman_client_free(client);
}

static void *begin_coroutine(void *side)
{
  run_aside((coroutine *)side, run_tasks, NULL);
  return NULL;
}

static void a_coroutine_goes_elsewhere(void)
{
  coroutine side;
  char *stack = map(STACK_SIZE);
  begin("a coroutine that goes on in another thread", wait_here);
  in_thread(stack, begin_coroutine, &side);
  munmap(stack, STACK_SIZE);
  do_reverse();
  finish(&side);
  show("  the task", gearman_task_return(outer));
  gearman_client_free(client);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  a_stack_nearby_is_unmapped();
  a_thread_ends();
  a_coroutine_goes_elsewhere();
  worker_stop(&worker);
  return 0;
}
