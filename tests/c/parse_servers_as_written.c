/* gearman_parse_servers, and lists that are added, with blanks and commas as people write them. */
#include "common.h"

static gearman_return_t print_server(const char *host, in_port_t port, void *context)
{
  (void)context;
  printf("  host %s port %u\n", host == NULL ? "NULL" : bytes(host, strlen(host)), port);
  return GEARMAN_SUCCESS;
}

int main(int argc, char **argv)
{
  static const char *const lists[] = {
      "a:1, b:2", " a : 1 ,\tb\n", "a:1,,c:3", ",a", "a,", ",", " ", " [::1]:4730 , ::1",
      "/run/gearmand.sock, a"};
  setup(argc, argv);
  for (size_t x = 0; x < sizeof(lists) / sizeof(lists[0]); ++x)
  {
    printf("%s\n", bytes(lists[x], strlen(lists[x])));
    show("  returns", gearman_parse_servers(lists[x], print_server, NULL));
  }

  char list[128];
  snprintf(list, sizeof(list), " 127.0.0.1:%u , 127.0.0.1:%u,", second_port, server_port);
  gearman_client_st *client = gearman_client_create(NULL);
  show("a list with blanks and a comma at its end", gearman_client_add_servers(client, list));
  show("echo", gearman_client_echo(client, "x", 1));
  gearman_client_free(client);
  setenv("GEARMAN_SERVERS", list, 1);
  client = gearman_client_create(NULL);
  gearman_worker_st *worker = gearman_worker_create(NULL);
  printf("from the environment: %s, %s\n", client == NULL ? "no client" : "a client",
         worker == NULL ? "no worker" : "a worker");
  if (client != NULL)
  {
    show("echo", gearman_client_echo(client, "x", 1));
    gearman_client_free(client);
  }
  if (worker != NULL)
  {
    show("echo of the worker", gearman_worker_echo(worker, "x", 1));
    gearman_worker_free(worker);
  }
  return 0;
}
