/* gearman_client_add_servers gearman_client_do_background gearman_client_job_status
 * gearman_job_handle_t */
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

  const char *servers= "jobs1.example.org,jobs2.example.org:4731";
  gearman_job_handle_t handle;
  bool is_known;
  bool is_running;
  if (gearman_failed(gearman_client_add_servers(client, servers)) ||
      gearman_failed(gearman_client_do_background(client, "resize", NULL, "17", 2, handle)) ||
      gearman_failed(gearman_client_job_status(client, handle, &is_known, &is_running,
                                               NULL, NULL)))
  {
    fprintf(stderr, "%s\n", gearman_client_error(client));
    gearman_client_free(client);
    return EXIT_FAILURE;
  }
  printf("%s %s\n", handle, is_running ? "runs" : is_known ? "waits" : "has ended");
  gearman_client_free(client);

  return EXIT_SUCCESS;
}
