/* Submits a background job and asks for its state until it has ended.
 *
 *   background_status [-h HOST] [-p PORT] FUNCTION [WORKLOAD]
 *
 * The result of a background job reaches no client: its worker has to store it. The server
 * knows whether the job waits or runs, and the progress that its worker last reported.
 */
#define _POSIX_C_SOURCE 200809L

#include "server_options.h"

#include <inttypes.h>
#include <time.h>

int main(int argc, char *argv[])
{
  struct server_st server;
  int first= read_options(argc, argv, "FUNCTION [WORKLOAD]", 1, &server);
  const char *function_name= argv[first];
  const char *workload= first + 1 < argc ? argv[first + 1] : "";
  int status= EXIT_FAILURE;

  gearman_client_st *client= gearman_client_create(NULL);
  if (client == NULL)
  {
    fprintf(stderr, "background_status: gearman_client_create() failed\n");
    return EXIT_FAILURE;
  }
  gearman_client_set_timeout(client, 30 * 1000);

  gearman_job_handle_t handle;
  if (gearman_failed(gearman_client_add_server(client, server.host, server.port)) ||
      gearman_failed(gearman_client_do_background(client, function_name, NULL,
                                                  workload, strlen(workload), handle)))
  {
    fprintf(stderr, "background_status: %s\n", gearman_client_error(client));
    goto done;
  }
  printf("queued %s\n", handle);

  char before[64]= "";
  for (;;)
  {
    bool is_known;
    bool is_running;
    uint32_t numerator;
    uint32_t denominator;
    if (gearman_failed(gearman_client_job_status(client, handle, &is_known, &is_running,
                                                 &numerator, &denominator)))
    {
      fprintf(stderr, "background_status: %s\n", gearman_client_error(client));
      goto done;
    }

    /* The server no longer knows a job that has ended. */
    if (is_known == false)
    {
      printf("done\n");
      break;
    }
    char state[sizeof(before)];
    (void)snprintf(state, sizeof(state), "%s %" PRIu32 "/%" PRIu32,
                   is_running ? "running" : "waiting", numerator, denominator);
    if (strcmp(state, before) != 0)
    {
      printf("%s\n", state);
      strcpy(before, state);
    }

    struct timespec pause= { 0, 100 * 1000 * 1000 };
    nanosleep(&pause, NULL);
  }
  status= EXIT_SUCCESS;

done:
  gearman_client_free(client);

  return status;
}
