/* A server option and an echo when one of two servers is down: the option is on at the other, and
 * will be told to the first when that is back; the other returns the echo. With all servers down
 * both fail. */
#include "common.h"

int main(int argc, char **argv)
{
  setup(argc, argv);
  gearman_client_st *client = client_for(server_port);
  gearman_client_add_server(client, "127.0.0.1", dead_port());
  printf("one of two down: %s\n", yes(gearman_client_set_server_option(client, "exceptions", 10)));
  printf("has the option: %s\n", yes(gearman_client_has_option(client, GEARMAN_CLIENT_EXCEPTION)));
  printf("echo: %s\n", rc_name(gearman_client_echo(client, "x", 1)));
  gearman_client_free(client);

  client = client_for(dead_port());
  printf("all down: %s\n", yes(gearman_client_set_server_option(client, "exceptions", 10)));
  printf("echo: %s\n", rc_name(gearman_client_echo(client, "x", 1)));
  gearman_client_free(client);

  gearman_worker_st *worker = gearman_worker_create(NULL);
  gearman_worker_add_server(worker, "127.0.0.1", dead_port());
  printf("worker, all down: %s\n", rc_name(gearman_worker_echo(worker, "x", 1)));
  gearman_worker_add_server(worker, "127.0.0.1", server_port);
  printf("worker, one of two down: %s\n", rc_name(gearman_worker_echo(worker, "x", 1)));
  gearman_worker_free(worker);
  return 0;
}
