/* A client: has a text turned around, waits for the result and prints it.
 *
 *   reverse_client [SERVERS [TEXT]]
 *
 * SERVERS is a list like "host:port,host:port". A job waits in the job server
 * until a worker takes it, so the worker may be started later.
 */
#include <libgearman/gearman.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char *argv[])
{
  int status= EXIT_FAILURE;
  const char *servers= argc > 1 ? argv[1] : "localhost";
  const char *text= argc > 2 ? argv[2] : "Hello World!";

  gearman_client_st *client= gearman_client_create(NULL);
  if (client == NULL)
  {
    fprintf(stderr, "gearman_client_create() failed\n");
    return EXIT_FAILURE;
  }

  /* Without a timeout a call waits for as long as it takes. */
  gearman_client_set_timeout(client, 30 * 1000);

  if (gearman_failed(gearman_client_add_servers(client, servers)))
  {
    fprintf(stderr, "%s\n", gearman_client_error(client));
    goto done;
  }

  size_t size;
  gearman_return_t rc;
  char *result= gearman_client_do(client,
                                  "reverse",
                                  NULL,                 /* The library makes up a unique id. */
                                  text, strlen(text),
                                  &size, &rc);
  if (gearman_failed(rc))
  {
    /* There is no text for a job that failed: it is not the client's error. */
    fprintf(stderr, "%s: %s\n", gearman_strerror(rc), gearman_client_error(client));
  }
  else if (fwrite(result, 1, size, stdout) != size || putchar('\n') == EOF || fflush(stdout) != 0)
  {
    perror("stdout");
  }
  else
  {
    status= EXIT_SUCCESS;
  }
  free(result);  /* NULL when there is none. */

done:
  gearman_client_free(client);

  return status;
}
