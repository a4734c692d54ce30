/* gearman_client_create gearman_client_add_server gearman_client_set_timeout
 * gearman_client_do gearman_client_error gearman_client_free gearman_client_st */
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
  gearman_client_set_timeout(client, 30 * 1000);

  gearman_return_t rc= gearman_client_add_server(client, "localhost", 4730);
  if (gearman_success(rc))
  {
    size_t size;
    char *result= gearman_client_do(client, "reverse", NULL, "Hello", 5, &size, &rc);
    if (gearman_success(rc))
    {
      printf("%.*s\n", (int)size, result ? result : "");
    }
    free(result);
  }
  if (gearman_failed(rc))
  {
    fprintf(stderr, "%s\n", gearman_client_error(client));
  }
  gearman_client_free(client);

  return gearman_success(rc) ? EXIT_SUCCESS : EXIT_FAILURE;
}
