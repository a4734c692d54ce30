/* User code that runs while the library allocates or frees for a job: it takes the job's workload,
 * or frees the worker. */
#include "common.h"

/* A workload of its own memory, which is not the packet's. */
enum { WORKLOAD_BYTES = 100000 };

static gearman_worker_st *worker;
static gearman_job_st *current;
static int taken, frees;

/* Takes the workload while it is being taken. */
static void *take_meanwhile(size_t size, void *context)
{
  (void)context;
  if (taken++ == 0)
  {
    size_t got = 1;
    void *workload = gearman_job_take_workload(current, &got);
    printf("  in the hook: %s\n", bytes(workload, got));
    free(workload);
  }
  return malloc(size);
}

static void *take_twice(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  (void)context;
  current = job;
  taken = 0;
  gearman_worker_set_workload_malloc_fn(worker, take_meanwhile, NULL);
  size_t got = 1;
  void *workload = gearman_job_take_workload(job, &got);
  printf("  after it: %s\n", bytes(workload, got));
  free(workload);
  gearman_worker_set_workload_malloc_fn(worker, NULL, NULL);
  *ret = GEARMAN_SUCCESS;
  return answer("done", size);
}

static void free_worker(gearman_task_st *task, void *context)
{
  (void)task;
  (void)context;
  ++frees;
  gearman_worker_free(worker);
}

/* Gives the job a client with a task whose context is freed with the job. */
static void add_client(gearman_job_st *job)
{
  gearman_return_t rc;
  gearman_client_st *client = gearman_job_use_client(job);
  gearman_client_set_task_context_free_fn(client, free_worker);
  gearman_client_add_task(client, NULL, &frees, "reverse", NULL, "ab", 2, &rc);
}

static void *use_client(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  (void)context;
  add_client(job);
  *ret = GEARMAN_SUCCESS;
  return answer("done", size);
}

static void free_worker_with_memory(void *memory, void *context)
{
  (void)context;
  free(memory);
  if (frees++ == 0) gearman_worker_free(worker);
}

static void submit(const char *function, size_t size)
{
  char *workload = (char *)must(malloc(size), "malloc");
  memset(workload, 'w', size);
  gearman_client_st *client = client_for(server_port);
  show("submit", gearman_client_do_background(client, function, NULL, workload, size, NULL));
  gearman_client_free(client);
  free(workload);
}

/* A worker that has the function, and a job for it. */
static void begin(gearman_worker_fn *function)
{
  frees = 0;
  worker = worker_for(server_port);
  gearman_worker_add_function(worker, "freed_with", 0, function, NULL);
  submit("freed_with", WORKLOAD_BYTES);
}

static gearman_job_st *grab(gearman_job_st *memory)
{
  gearman_return_t rc = GEARMAN_SUCCESS;
  return gearman_worker_grab_job(worker, memory, &rc);
}

int main(int argc, char **argv)
{
  gearman_job_st memory;
  setup(argc, argv);
  begin(take_twice);
  show("take_workload in the allocator of take_workload", gearman_worker_work(worker));
  gearman_worker_free(worker);

  begin(use_client);
  show("the worker freed after a function", gearman_worker_work(worker));
  printf("  frees %d\n", frees);

  begin(use_client);
  gearman_job_st *job = grab(NULL);
  add_client(job);
  gearman_job_free(job);
  printf("the worker freed with a job: frees %d\n", frees);

  begin(use_client);
  add_client(grab(&memory));
  gearman_job_free_all(worker);
  printf("the worker freed with all jobs: frees %d\n", frees);

  begin(use_client);
  add_client(grab(&memory));
  gearman_worker_free(worker);
  printf("the worker freed while it is freed: frees %d\n", frees);

  begin(use_client);
  gearman_worker_set_workload_malloc_fn(worker, take_meanwhile, NULL);
  gearman_worker_set_workload_free_fn(worker, free_worker_with_memory, NULL);
  current = &memory;
  taken = 0;
  printf("the worker freed with unused memory: %s", grab(&memory) == NULL ? "no job" : "a job");
  printf(", frees %d\n", frees);
  return 0;
}
