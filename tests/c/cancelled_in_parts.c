/* A thread that is cancelled before the parts of a partitioned job run: the request is pending while
 * the library connects, and acts where the library waits. */
#include "common.h"

#include <pthread.h>

static gearman_worker_st *worker;
static pthread_t thread;
static volatile bool begun, asked, cleaned;

static gearman_return_t split(gearman_job_st *job, void *context)
{
  (void)context;
  gearman_return_t rc = gearman_job_send_data(job, "part", 4);
  begun = true;
  /* Nothing here may be a cancellation point. */
  while (!asked) __asm__ volatile("" ::: "memory");
  return rc;
}

static void note_end(void *context)
{
  (void)context;
  cleaned = true;
}

static void *work(void *context)
{
  (void)context;
  pthread_cleanup_push(note_end, NULL);
  gearman_worker_work(worker);
  pthread_cleanup_pop(0);
  return NULL;
}

static void submit(void)
{
  gearman_client_st *client = client_for(server_port);
  gearman_argument_t value = gearman_argument_make(NULL, 0, "x", 1);
  gearman_task_attr_t background = gearman_task_attr_init_background(GEARMAN_JOB_PRIORITY_NORMAL);
  gearman_execute_by_partition(client, "split", 5, "unserved", 8, NULL, 0, &background, &value, NULL);
  gearman_client_free(client);
}

int main(int argc, char **argv)
{
  void *ended = NULL;
  setup(argc, argv);
  submit();
  worker = worker_for(server_port);
  gearman_worker_define_function(worker, "split", 5, gearman_function_create_partition(split, NULL),
                                 0, NULL);
  if (pthread_create(&thread, NULL, work, NULL) != 0) die("pthread_create");
  for (long long since = now_ms(); !begun;) breathe(since);
  pthread_cancel(thread);
  asked = true;
  pthread_join(thread, &ended);
  printf("cancelled %s, cleaned up %s\n", yes(ended == PTHREAD_CANCELED), yes(cleaned));
  gearman_worker_free(worker);
  return 0;
}
