/* A client: has a worker reverse a text, waits for the result and prints it.
 *
 *   reverse_client [-h HOST] [-p PORT] [TEXT]
 *
 * A job waits in the job server until a worker takes it, so the worker may be started
 * later. After 30 seconds without an answer the client ends with code 1.
 */
#define _POSIX_C_SOURCE 200809L

#include "server_options.h"

int main(int argc, char *argv[])
{
  struct server_st server;
  int first= read_options(argc, argv, "[TEXT]", 0, &server);
  const char *text= first < argc ? argv[first] : "Hello World!";
  int status= EXIT_FAILURE;

  gearman_client_st *client= gearman_client_create(NULL);
  if (client == NULL)
  {
    fprintf(stderr, "reverse_client: gearman_client_create() failed\n");
    return EXIT_FAILURE;
  }

  /* In milliseconds. Without a timeout a call waits for as long as it takes. */
  gearman_client_set_timeout(client, 30 * 1000);

  if (gearman_failed(gearman_client_add_server(client, server.host, server.port)))
  {
    fprintf(stderr, "reverse_client: %s\n", gearman_client_error(client));
    goto done;
  }

  size_t size;
  gearman_return_t rc;
  char *result= gearman_client_do(client,
                                  "reverse",
                                  NULL,                 /* The library makes a unique id. */
                                  text, strlen(text),
                                  &size, &rc);
  if (gearman_failed(rc))
  {
    fprintf(stderr, "reverse_client: %s\n", gearman_client_error(client));
  }
  else if (fwrite(result, 1, size, stdout) != size || putchar('\n') == EOF || fflush(stdout) != 0)
  {
    perror("stdout");
  }
  else
  {
    status= EXIT_SUCCESS;
  }
  free(result);  /* The result belongs to the caller; NULL if there is none. */

done:
  gearman_client_free(client);

  return status;
}
