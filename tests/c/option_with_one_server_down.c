/* A server option when one of two servers is down: it is on at the other, and will be told to the
 * first when that is back. With all servers down it is refused. */
#include "common.h"

int main(int argc, char **argv)
{
  setup(argc, argv);
  gearman_client_st *client = client_for(server_port);
  gearman_client_add_server(client, "127.0.0.1", dead_port());
  printf("one of two down: %s\n", yes(gearman_client_set_server_option(client, "exceptions", 10)));
  printf("has the option: %s\n", yes(gearman_client_has_option(client, GEARMAN_CLIENT_EXCEPTION)));
  gearman_client_free(client);

  client = client_for(dead_port());
  printf("all down: %s\n", yes(gearman_client_set_server_option(client, "exceptions", 10)));
  gearman_client_free(client);
  return 0;
}
