/* gearman_worker_id and gearman_kill in a signal handler that runs on a stack of its own, above
 * the worker's, while a job runs: the job ends well, once, and then the worker stops. */
#include "common.h"

#include <pthread.h>
#include <sys/mman.h>

enum { STACK = 1024 * 1024, HANDLER_STACK = 64 * 1024 };

static gearman_worker_st *worker;
static char *stacks;
static int runs;

static void stop(int signal_number)
{
  (void)signal_number;
  gearman_kill(gearman_worker_id(worker), GEARMAN_SIGNAL_INTERRUPT);
}

static void *job_stopped(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  (void)job;
  (void)context;
  ++runs;
  raise(SIGUSR1);
  *ret = GEARMAN_SUCCESS;
  return answer("done", size);
}

static void *work(void *argument)
{
  (void)argument;
  stack_t above = {.ss_sp = stacks + STACK, .ss_flags = 0, .ss_size = HANDLER_STACK};
  if (sigaltstack(&above, NULL) != 0) die("sigaltstack");
  show("work", gearman_worker_work(worker));
  show("work after the stop", gearman_worker_work(worker));
  printf("runs: %d\n", runs);
  return NULL;
}

static void submit(void *argument)
{
  (void)argument;
  gearman_return_t rc;
  size_t size;
  gearman_client_st *client = client_for(server_port);
  gearman_client_set_timeout(client, 10000);
  void *result = gearman_client_do(client, "stopped", NULL, "x", 1, &size, &rc);
  printf("do: %s %s\n", rc_name(rc), bytes(result, size));
  free(result);
  gearman_client_free(client);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  stacks = (char *)mmap(NULL, STACK + HANDLER_STACK, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stacks == MAP_FAILED) die("mmap");
  struct sigaction action = {.sa_handler = stop, .sa_flags = SA_ONSTACK | SA_RESTART};
  sigaction(SIGUSR1, &action, NULL);

  side_process client = aside(submit, NULL);
  worker = worker_for(server_port);
  gearman_worker_add_function(worker, "stopped", 0, job_stopped, NULL);

  pthread_t thread;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, stacks, STACK);
  if (pthread_create(&thread, &attributes, work, NULL) != 0) die("pthread_create");
  pthread_join(thread, NULL);
  pthread_attr_destroy(&attributes);
  join(&client);
  gearman_worker_free(worker);
  munmap(stacks, STACK + HANDLER_STACK);
  return 0;
}
