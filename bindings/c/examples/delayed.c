/* Submits a background job that starts later.
 *
 *   delayed [-h HOST] [-p PORT] SECONDS FUNCTION TEXT
 *
 * The server keeps the job and gives it to a worker when SECONDS have passed. The program
 * prints the job's handle and does not wait.
 */
#define _POSIX_C_SOURCE 200809L

#include "server_options.h"

#include <time.h>

int main(int argc, char *argv[])
{
  const char *arguments= "SECONDS FUNCTION TEXT";
  struct server_st server;
  int first= read_options(argc, argv, arguments, 3, &server);
  const char *function_name= argv[first + 1];
  const char *text= argv[first + 2];
  char *rest;
  long seconds= strtol(argv[first], &rest, 10);
  if (seconds < 0 || *rest != '\0')
  {
    usage(argv[0], arguments);
  }

  int status= EXIT_FAILURE;
  gearman_client_st *client= gearman_client_create(NULL);
  if (client == NULL || gearman_failed(gearman_client_add_server(client, server.host, server.port)))
  {
    fprintf(stderr, "delayed: %s\n", client ? gearman_client_error(client) : "out of memory");
    goto done;
  }
  gearman_client_set_timeout(client, 30 * 1000);

  /* The time is in seconds since 1970, by the clock of the server. */
  gearman_task_attr_t attributes= gearman_task_attr_init_epoch(time(NULL) + seconds,
                                                               GEARMAN_JOB_PRIORITY_NORMAL);
  gearman_argument_t argument= gearman_argument_make(NULL, 0, text, strlen(text));
  gearman_task_st *task= gearman_execute(client, function_name, strlen(function_name), NULL, 0,
                                         &attributes, &argument, NULL);
  if (task == NULL || gearman_failed(gearman_task_return(task)))
  {
    fprintf(stderr, "delayed: %s\n", gearman_client_error(client));
    goto done;
  }
  printf("%s\n", gearman_task_job_handle(task));
  status= EXIT_SUCCESS;

done:
  gearman_client_free(client);

  return status;
}
