/* Every call of a worker's memory hooks: which one, in which order and for how many bytes, by every
 * size of workload and result up to 300 and around each power of two. */
#include "allocator_calls.h"

static int way;
static size_t result_size;
static void *worked(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  (void)context;
  call("{");
  if (way == 1)
  {
    size_t n = 0;
    void *workload = gearman_job_take_workload(job, &n);
    call("[%zu%s%s]", n, workload == NULL ? " NULL" : "",
         workload == NULL || head_of(workload)->head.size == n ? "" : " in a larger block");
    if (workload != NULL) unmake(workload);
  }
  if (way == 2)
  {
    call("data %s", rc_name(gearman_job_send_data(job, "0123456789", 10)));
    call("warning %s", rc_name(gearman_job_send_warning(job, "0123456789", 10)));
    call("status %s", rc_name(gearman_job_send_status(job, 1, 2)));
  }
  if (way == 3) call("complete %s", rc_name(gearman_job_send_complete(job, "0123456789", 10)));
  if (way == 4) call("exception %s", rc_name(gearman_job_send_exception(job, "0123456789", 10)));
  *ret = GEARMAN_SUCCESS;
  *size = result_size;
  void *result = result_size == 0 ? NULL : hook_malloc(result_size, NULL);
  call("}");
  return result;
}

static gearman_return_t worked2(gearman_job_st *job, void *context)
{
  (void)context;
  call("{%zu}", gearman_job_workload_size(job));
  return GEARMAN_SUCCESS;
}

static void background(size_t n)
{
  gearman_client_st *client = client_for(server_port);
  char *workload = (char *)must(calloc(1, n + 1), "calloc");
  if (gearman_client_do_background(client, "worked", NULL, n == 0 ? NULL : workload, n, NULL) != GEARMAN_SUCCESS) die("do_background");
  free(workload);
  gearman_client_free(client);
}

static void worker_with(int kind)
{
  static const char *const ways[] = {"result", "take", "sends", "complete", "exception"};
  gearman_return_t rc;
  printf("== worker, %s\n", kind_names[kind]);
  gearman_worker_st *worker = worker_for(server_port);
  begin();
  hook_worker(worker, kind);
  gearman_worker_add_function(worker, "worked", 0, worked, NULL);
  printf("setting: %s\n", calls);
  size_t n = 0;
  do
  {
    background(n);
    begin();
    way = 0;
    result_size = n;
    rc = gearman_worker_work(worker);
    printf("work on %zu: %s %s\n", n, calls, rc_name(rc));
  } while ((n = next_size(n, kind, 1 << 18)) > 0);
  static const size_t some[] = {0, 1, 10, 255, 256, 20000};
  for (way = 0; way < 5; ++way)
    for (size_t x = 0; x < sizeof(some) / sizeof(some[0]); ++x)
    {
      background(some[x]);
      begin();
      result_size = way == 0 ? 0 : 3;
      rc = gearman_worker_work(worker);
      printf("%s, work on %zu: %s %s\n", ways[way], some[x], calls, rc_name(rc));
    }
  for (size_t x = 0; x < sizeof(some) / sizeof(some[0]); ++x)
  {
    background(some[x]);
    begin();
    gearman_job_st *job = gearman_worker_grab_job(worker, NULL, &rc);
    printf("grab_job %zu: %s %s;", some[x], calls, rc_name(rc));
    begin();
    rc = gearman_job_send_complete(job, "0123456789", 10);
    printf(" complete %s %s;", calls, rc_name(rc));
    begin();
    gearman_job_free(job);
    printf(" free %s\n", calls);
  }
  gearman_worker_unregister(worker, "worked");
  gearman_worker_define_function(worker, "worked", 6, gearman_function_create(worked2), 0, NULL);
  for (size_t x = 0; x < sizeof(some) / sizeof(some[0]); ++x)
  {
    background(some[x]);
    begin();
    rc = gearman_worker_work(worker);
    printf("second kind, work on %zu: %s %s\n", some[x], calls, rc_name(rc));
  }
  begin();
  gearman_worker_free(worker);
  printf("worker_free: %s\n", calls);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  for (int kind = 0; kind < KINDS; ++kind)
    worker_with(kind);
  return 0;
}
