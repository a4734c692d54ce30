/* Has a job done later.
 *
 *   delayed SERVERS SECONDS FUNCTION TEXT
 *
 * Submits a background job that no worker gets before so many seconds from now, and
 * prints its handle. The server keeps it meanwhile; this program does not wait.
 */
#include <libgearman/gearman.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int main(int argc, char *argv[])
{
  char *rest= NULL;
  long seconds= argc == 5 ? strtol(argv[2], &rest, 10) : -1;
  if (seconds < 0 || *rest != '\0')
  {
    fprintf(stderr, "usage: %s SERVERS SECONDS FUNCTION TEXT\n", argv[0]);
    return EXIT_FAILURE;
  }

  int status= EXIT_FAILURE;
  gearman_client_st *client= gearman_client_create(NULL);
  if (client == NULL || gearman_failed(gearman_client_add_servers(client, argv[1])))
  {
    fprintf(stderr, "no client for %s\n", argv[1]);
    goto done;
  }
  gearman_client_set_timeout(client, 30 * 1000);

  /* The time is one of the wall clock of the server, in seconds. */
  gearman_task_attr_t attributes= gearman_task_attr_init_epoch(time(NULL) + seconds,
                                                               GEARMAN_JOB_PRIORITY_NORMAL);
  gearman_argument_t argument= gearman_argument_make(NULL, 0, argv[4], strlen(argv[4]));
  gearman_task_st *task= gearman_execute(client, argv[3], strlen(argv[3]), NULL, 0,
                                         &attributes, &argument, NULL);
  if (task == NULL || gearman_failed(gearman_task_return(task)))
  {
    fprintf(stderr, "%s\n", gearman_client_error(client));
    goto done;
  }
  printf("%s\n", gearman_task_job_handle(task));
  status= EXIT_SUCCESS;

done:
  gearman_client_free(client);

  return status;
}
