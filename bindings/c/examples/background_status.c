/* Starts a job in the background and asks for its state until it is done.
 *
 *   background_status SERVERS FUNCTION [WORKLOAD]
 *
 * Nobody waits for the result of a background job, so its worker has to put the
 * result elsewhere. The server knows whether the job waits or runs, and how far
 * the worker said it is.
 */
#define _POSIX_C_SOURCE 200809L

#include <libgearman/gearman.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int main(int argc, char *argv[])
{
  if (argc < 3)
  {
    fprintf(stderr, "usage: %s SERVERS FUNCTION [WORKLOAD]\n", argv[0]);
    return EXIT_FAILURE;
  }
  const char *workload= argc > 3 ? argv[3] : "";
  int status= EXIT_FAILURE;

  gearman_client_st *client= gearman_client_create(NULL);
  if (client == NULL)
  {
    fprintf(stderr, "gearman_client_create() failed\n");
    return EXIT_FAILURE;
  }
  gearman_client_set_timeout(client, 30 * 1000);

  gearman_job_handle_t handle;
  if (gearman_failed(gearman_client_add_servers(client, argv[1])) ||
      gearman_failed(gearman_client_do_background(client, argv[2], NULL,
                                                  workload, strlen(workload), handle)))
  {
    fprintf(stderr, "%s\n", gearman_client_error(client));
    goto done;
  }
  printf("queued %s\n", handle);

  for (;;)
  {
    bool is_known;
    bool is_running;
    uint32_t numerator;
    uint32_t denominator;
    if (gearman_failed(gearman_client_job_status(client, handle, &is_known, &is_running,
                                                 &numerator, &denominator)))
    {
      fprintf(stderr, "%s\n", gearman_client_error(client));
      goto done;
    }

    /* The server forgets a job that is done. */
    if (is_known == false)
    {
      printf("done\n");
      break;
    }
    printf("%s %u/%u\n", is_running ? "running" : "waiting",
           (unsigned int)numerator, (unsigned int)denominator);

    struct timespec pause= { 0, 100 * 1000 * 1000 };
    nanosleep(&pause, NULL);
  }
  status= EXIT_SUCCESS;

done:
  gearman_client_free(client);

  return status;
}
