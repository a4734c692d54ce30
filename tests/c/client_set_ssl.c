/* gearman_client_set_ssl: TLS is never replaced by a plain connection in silence. */
#include "common.h"

int main(int argc, char **argv)
{
  setup(argc, argv);
  gearman_client_st *client = client_for(server_port);
  gearman_client_set_ssl(client, true, "/nonexistent/ca.pem", "/nonexistent/cert.pem",
                         "/nonexistent/key.pem");
  printf("has_option SSL %s\n", yes(gearman_client_has_option(client, GEARMAN_CLIENT_SSL)));
  printf("echo fails %s\n", yes(gearman_failed(gearman_client_echo(client, "x", 1))));
  printf("an error text %s\n", yes(gearman_client_error(client) != NULL));
  gearman_client_set_ssl(client, false, NULL, NULL, NULL);
  show("echo without TLS", gearman_client_echo(client, "x", 1));
  gearman_client_free(client);
  return 0;
}
