/* Sizes that no memory has: each is refused by its size, before a byte is looked at, and what comes
 * after works. */
#include "common.h"

static const size_t sizes[] = {(size_t)5 << 30, SIZE_MAX / 2 + 2, SIZE_MAX};
enum { SIZES = sizeof(sizes) / sizeof(*sizes) };

static gearman_client_st *client;

static void is_usable(void)
{
  gearman_return_t rc;
  size_t size;
  void *result = gearman_client_do(client, "reverse", NULL, "abc", 3, &size, &rc);
  printf("  then: %s %s\n", rc_name(rc), bytes(result, size));
  free(result);
}

static void workloads(size_t huge, const char *unique)
{
  gearman_return_t rc = GEARMAN_MAX_RETURN;
  size_t size = 7;
  gearman_job_handle_t handle;
  void *result = gearman_client_do(client, "reverse", unique, "abc", huge, &size, &rc);
  printf("do: %s %s\n", rc_name(rc), bytes(result, size));
  rc = gearman_client_do_background(client, "reverse", unique, "abc", huge, handle);
  printf("do_background: %s\n", rc_name(rc));
  is_usable();
}

/* The original copies first. */
static void copies(size_t huge)
{
  gearman_return_t rc = GEARMAN_MAX_RETURN;
  gearman_argument_t argument = gearman_argument_make(NULL, 0, "abc", huge);
  gearman_task_st *task =
      gearman_client_add_task(client, NULL, NULL, "reverse", NULL, "abc", huge, &rc);
  printf("add_task: %s %s\n", task == NULL ? "none" : "a task", rc_name(rc));
  task = gearman_execute(client, "reverse", 7, NULL, 0, NULL, &argument, NULL);
  printf("execute: %s %s\n", task == NULL ? "none" : "a task",
         rc_name(gearman_client_error_code(client)));
  printf("echo: %s\n", rc_name(gearman_client_echo(client, "abc", huge)));
  printf("option: %s\n", yes(gearman_client_set_server_option(client, "abc", huge)));
  is_usable();
}

/* A job whose function sends too much, and one that returns a size it never set. */
static gearman_return_t last_send = GEARMAN_MAX_RETURN;

static void *job_sends(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  (void)context;
  last_send = gearman_job_send_data(job, "abc", SIZE_MAX);
  *ret = GEARMAN_SUCCESS;
  return answer("sent", size);
}

static void *job_returns(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  (void)job;
  (void)context;
  void *result = answer("returned", size);
  *size = SIZE_MAX;
  *ret = GEARMAN_SUCCESS;
  return result;
}

static void submit(void *argument)
{
  gearman_return_t rc;
  size_t size;
  gearman_client_st *other = client_for(server_port);
  gearman_client_set_timeout(other, 20000);
  void *result = gearman_client_do(other, (const char *)argument, NULL, "x", 1, &size, &rc);
  printf("  client: %s %s\n", rc_name(rc), bytes(result, size));
  free(result);
  gearman_client_free(other);
}

static void results(const char *name, gearman_worker_fn *function)
{
  side_process other = aside(submit, (void *)name);
  gearman_worker_st *worker = worker_for(server_port);
  gearman_worker_add_function(worker, name, 0, function, NULL);
  printf("%s: %s\n", name, rc_name(gearman_worker_work(worker)));
  join(&other);
  gearman_worker_free(worker);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  client = client_for(server_port);
  for (int x = 0; x < SIZES; ++x)
  {
    workloads(sizes[x], NULL);
    workloads(sizes[x], "#");
    copies(sizes[x]);
  }
  results("sends", job_sends);
  printf("  send_data: %s\n", rc_name(last_send));
  results("returns", job_returns);
  gearman_client_free(client);
  worker_stop(&worker);
  return 0;
}
