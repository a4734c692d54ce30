/* gearman_client_add_task gearman_client_run_tasks gearman_client_set_data_fn
 * gearman_client_set_complete_fn gearman_client_set_fail_fn gearman_task_context
 * gearman_task_data gearman_task_data_size gearman_task_st gearman_data_fn
 * gearman_complete_fn */
#include <libgearman/gearman.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static gearman_return_t on_data(gearman_task_st *task)
{
  const char *name= gearman_task_context(task);
  int size= (int)gearman_task_data_size(task);
  printf("%s: %.*s\n", name, size, size > 0 ? (const char *)gearman_task_data(task) : "");
  return GEARMAN_SUCCESS;
}

static gearman_return_t on_fail(gearman_task_st *task)
{
  printf("%s: failed\n", (const char *)gearman_task_context(task));
  return GEARMAN_SUCCESS;
}

int main(void)
{
  static char *names[]= { "one", "two", "three" };
  gearman_client_st *client= gearman_client_create(NULL);
  if (client == NULL)
  {
    return EXIT_FAILURE;
  }
  gearman_client_add_options(client, GEARMAN_CLIENT_FREE_TASKS);
  gearman_client_set_data_fn(client, on_data);
  gearman_client_set_complete_fn(client, on_data);
  gearman_client_set_fail_fn(client, on_fail);

  gearman_return_t rc= gearman_client_add_server(client, "localhost", 4730);
  for (size_t x= 0; x < 3 && gearman_success(rc); x++)
  {
    gearman_client_add_task(client, NULL, names[x], "reverse", NULL,
                            names[x], strlen(names[x]), &rc);
  }
  if (gearman_success(rc))
  {
    rc= gearman_client_run_tasks(client);
  }
  if (gearman_failed(rc))
  {
    fprintf(stderr, "%s\n", gearman_client_error(client));
  }
  gearman_client_free(client);

  return gearman_success(rc) ? EXIT_SUCCESS : EXIT_FAILURE;
}
