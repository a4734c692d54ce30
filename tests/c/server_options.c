/* set_server_option of client and worker, the EXCEPTION option of the client, and the echo of
 * both. */
#include "common.h"

int main(int argc, char **argv)
{
  gearman_return_t rc;
  size_t size;
  setup(argc, argv);
  worker_process process = worker_start(server_port);

  gearman_client_st *client = client_for(server_port);
  printf("exceptions: %s\n", yes(gearman_client_set_server_option(client, "exceptions", 10)));
  printf("EXCEPTIONS: %s\n", yes(gearman_client_set_server_option(client, "EXCEPTIONS", 10)));
  printf("exceptions again: %s\n", yes(gearman_client_set_server_option(client, "exceptions", 10)));
  printf("unknown: %s\n", yes(gearman_client_set_server_option(client, "unknown", 7)));
  printf("options 0x%x has EXCEPTION %s\n", (unsigned)gearman_client_options(client),
         yes(gearman_client_has_option(client, GEARMAN_CLIENT_EXCEPTION)));
  free(gearman_client_do(client, "exception", NULL, "x", 1, &size, &rc));
  show("do", rc);
  gearman_client_free(client);

  client = client_for(server_port);
  gearman_client_add_options(client, GEARMAN_CLIENT_EXCEPTION);
  printf("options 0x%x has EXCEPTION %s\n", (unsigned)gearman_client_options(client),
         yes(gearman_client_has_option(client, GEARMAN_CLIENT_EXCEPTION)));
  free(gearman_client_do(client, "exception", NULL, "x", 1, &size, &rc));
  show("do", rc);
  gearman_client_remove_options(client, GEARMAN_CLIENT_EXCEPTION);
  free(gearman_client_do(client, "exception", NULL, "x", 1, &size, &rc));
  show("do after the option was removed", rc);
  gearman_client_free(client);

  client = gearman_client_create(NULL);
  gearman_client_add_options(client, GEARMAN_CLIENT_EXCEPTION);
  printf("without a server: has EXCEPTION %s\n",
         yes(gearman_client_has_option(client, GEARMAN_CLIENT_EXCEPTION)));
  gearman_client_free(client);

  static char large[100000];
  memset(large, 'e', sizeof(large));
  client = client_for(server_port);
  show("echo", gearman_client_echo(client, "ping", 4));
  show("binary echo", gearman_client_echo(client, "\0\1\2", 3));
  show("large echo", gearman_client_echo(client, large, sizeof(large)));
  gearman_client_free(client);

  gearman_worker_st *worker = worker_for(server_port);
  printf("worker exceptions: %s\n", yes(gearman_worker_set_server_option(worker, "exceptions", 10)));
  printf("worker unknown: %s\n", yes(gearman_worker_set_server_option(worker, "unknown", 7)));
  show("worker echo", gearman_worker_echo(worker, "ping", 4));
  show("worker large echo", gearman_worker_echo(worker, large, sizeof(large)));
  show("worker echo of nothing", gearman_worker_echo(worker, NULL, 0));
  show_worker_error(worker);
  show("worker echo of size 0", gearman_worker_echo(worker, "x", 0));
  show_worker_error(worker);
  gearman_worker_free(worker);
  worker_stop(&process);
  return 0;
}
