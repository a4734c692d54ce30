/* What a cloned client takes over from its source: servers, options, timeout, namespace,
 * callbacks, context; that the two are independent afterwards. */
#include "common.h"

static int creations;

static gearman_return_t count_creation(gearman_task_st *task)
{
  (void)task;
  ++creations;
  return GEARMAN_SUCCESS;
}

int main(int argc, char **argv)
{
  int mine = 1;
  gearman_return_t rc;
  size_t size;
  setup(argc, argv);
  worker_process worker = worker_start(server_port);

  gearman_client_st *source = client_for(server_port);
  gearman_client_set_timeout(source, 4321);
  gearman_client_set_context(source, &mine);
  gearman_client_set_namespace(source, "space/", 6);
  gearman_client_set_created_fn(source, count_creation);
  gearman_client_add_options(source, (gearman_client_options_t)(GEARMAN_CLIENT_GENERATE_UNIQUE
                                                                | GEARMAN_CLIENT_FREE_TASKS));
  gearman_client_add_task(source, NULL, NULL, "name", NULL, "x", 1, &rc);

  gearman_client_st shell;
  gearman_client_st *copy = gearman_client_clone(&shell, source);
  printf("in the caller's memory %s, allocated %s\n", yes(copy == &shell),
         yes(copy->options.is_allocated));
  printf("options 0x%x, timeout %d, context %s, tasks %s\n", (unsigned)gearman_client_options(copy),
         gearman_client_timeout(copy), gearman_client_context(copy) == &mine ? "the same" : "not the same",
         yes(gearman_client_has_tasks(copy)));
  char *result = (char *)gearman_client_do(copy, "name", NULL, "x", 1, &size, &rc);
  printf("do: %s %s\n", rc_name(rc), bytes(result, size));
  free(result);
  gearman_client_add_task(copy, NULL, NULL, "name", NULL, "x", 1, &rc);
  show("run_tasks", gearman_client_run_tasks(copy));
  printf("created_fn called %s, tasks freed %s\n", yes(creations > 0),
         yes(!gearman_client_has_tasks(copy)));

  gearman_client_st *second = gearman_client_clone(NULL, copy);
  gearman_client_free(source);
  gearman_client_free(copy);
  result = (char *)gearman_client_do(second, "name", NULL, "x", 1, &size, &rc);
  printf("clone of the clone, both sources freed: %s %s\n", rc_name(rc), bytes(result, size));
  free(result);
  gearman_client_set_namespace(second, NULL, 0);
  result = (char *)gearman_client_do(second, "name", NULL, "x", 1, &size, &rc);
  printf("without the namespace: %s %s\n", rc_name(rc), bytes(result, size));
  free(result);
  gearman_client_free(second);

  gearman_client_st *empty = gearman_client_clone(NULL, NULL);
  printf("clone of NULL: options 0x%x, timeout %d\n", (unsigned)gearman_client_options(empty),
         gearman_client_timeout(empty));
  gearman_client_free(empty);
  worker_stop(&worker);
  return 0;
}
