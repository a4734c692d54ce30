/* gearman_client_wait gearman_client_add_options gearman_client_options_t */
#include <libgearman/gearman.h>

#include <stdio.h>
#include <stdlib.h>

int main(void)
{
  gearman_client_st *client= gearman_client_create(NULL);
  if (client == NULL)
  {
    return EXIT_FAILURE;
  }
  gearman_client_add_options(client, GEARMAN_CLIENT_NON_BLOCKING | GEARMAN_CLIENT_FREE_TASKS);

  gearman_return_t rc= gearman_client_add_server(client, "localhost", 4730);
  if (gearman_success(rc))
  {
    gearman_client_add_task_background(client, NULL, NULL, "resize", NULL, "17", 2, &rc);
  }
  while (gearman_success(rc) && (rc= gearman_client_run_tasks(client)) == GEARMAN_IO_WAIT)
  {
    /* Other work may be done here. */
    rc= gearman_client_wait(client);
  }
  if (gearman_failed(rc))
  {
    fprintf(stderr, "%s\n", gearman_client_error(client));
  }
  gearman_client_free(client);

  return gearman_success(rc) ? EXIT_SUCCESS : EXIT_FAILURE;
}
