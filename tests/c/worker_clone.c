/* What a cloned worker takes over: functions, contexts, servers, namespace, identifier, options,
 * timeout. */
#include "common.h"

static void *with_context(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  (void)job;
  *ret = GEARMAN_SUCCESS;
  return answer((const char *)context, size);
}

static void client_side(void *argument)
{
  gearman_return_t rc;
  size_t size;
  (void)argument;
  gearman_client_st *client = client_for(server_port);
  gearman_client_set_namespace(client, "ns-", 3);
  void *result = gearman_client_do(client, "cloned", NULL, "x", 1, &size, &rc);
  printf("client: %s %s\n", rc_name(rc), bytes(result, size));
  free(result);
  gearman_client_free(client);
}

int main(int argc, char **argv)
{
  char context[] = "the function's context";
  setup(argc, argv);
  gearman_worker_st *source = worker_for(server_port);
  gearman_worker_set_namespace(source, "ns-", 3);
  gearman_worker_add_function(source, "cloned", 0, with_context, context);
  gearman_worker_register(source, "registered", 0);
  gearman_worker_set_context(source, context);
  gearman_worker_remove_options(source, GEARMAN_WORKER_GRAB_ALL);
  gearman_worker_set_timeout(source, 3000);
  show("identifier", gearman_worker_set_identifier(source, "original", 8));

  gearman_worker_st shell;
  gearman_worker_st *copy = gearman_worker_clone(&shell, source);
  printf("in the caller's memory %s, allocated %s\n", yes(copy == &shell),
         yes(copy->options.is_allocated));
  printf("options 0x%x timeout %d namespace %s\n", (unsigned)gearman_worker_options(copy),
         gearman_worker_timeout(copy), text(gearman_worker_namespace(copy)));
  printf("functions: cloned %s registered %s\n",
         yes(gearman_worker_function_exist(copy, "cloned", 6)),
         yes(gearman_worker_function_exist(copy, "registered", 10)));
  gearman_worker_free(source);
  side_process client = aside(client_side, NULL);
  show("work", gearman_worker_work(copy));
  join(&client);
  gearman_worker_free(copy);

  gearman_worker_st *empty = gearman_worker_clone(NULL, NULL);
  printf("clone of NULL: options 0x%x timeout %d\n", (unsigned)gearman_worker_options(empty),
         gearman_worker_timeout(empty));
  gearman_worker_free(empty);
  return 0;
}
