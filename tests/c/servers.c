/* Servers of a client: ways to add them, GEARMAN_SERVERS, the order in which they are tried, what
 * happens when one is down, removing, comparing. */
#include "common.h"

/* Which of the two servers got the job. */
static void submit(const char *what, gearman_client_st *client)
{
  static int number;
  char function[32];
  gearman_job_handle_t handle;
  int total, running, workers;
  snprintf(function, sizeof(function), "order%d", ++number);
  show(what, gearman_client_do_background(client, function, NULL, "x", 1, handle));
  printf("  first server %s, second server %s\n",
         yes(admin_status(server_port, function, &total, &running, &workers) && total == 1),
         yes(admin_status(second_port, function, &total, &running, &workers) && total == 1));
}

int main(int argc, char **argv)
{
  char list[128];
  setup(argc, argv);
  in_port_t dead = dead_port();

  gearman_client_st *client = gearman_client_create(NULL);
  show("add first", gearman_client_add_server(client, "127.0.0.1", server_port));
  show("add second", gearman_client_add_server(client, "127.0.0.1", second_port));
  submit("both up, second added last", client);
  submit("again", client);
  gearman_client_remove_servers(client);
  show("add second", gearman_client_add_server(client, "127.0.0.1", second_port));
  show("add first", gearman_client_add_server(client, "127.0.0.1", server_port));
  submit("both up, first added last", client);
  gearman_client_remove_servers(client);
  snprintf(list, sizeof(list), "127.0.0.1:%u,127.0.0.1:%u", server_port, second_port);
  show("add a list", gearman_client_add_servers(client, list));
  submit("a list of both", client);
  gearman_client_remove_servers(client);
  snprintf(list, sizeof(list), "127.0.0.1:%u,127.0.0.1:%u", server_port, dead);
  show("add a list", gearman_client_add_servers(client, list));
  submit("the last one is down", client);
  submit("again", client);
  gearman_client_remove_servers(client);
  snprintf(list, sizeof(list), "127.0.0.1:%u,127.0.0.1:%u", dead, second_port);
  show("add a list", gearman_client_add_servers(client, list));
  submit("the first one is down", client);
  gearman_client_free(client);

  printf("== default host and port\n");
  client = gearman_client_create(NULL);
  show("host NULL", gearman_client_add_server(client, NULL, server_port));
  show("host empty", gearman_client_add_server(client, "", server_port));
  show("port 0", gearman_client_add_server(client, "127.0.0.1", 0));
  show("list NULL", gearman_client_add_servers(client, NULL));
  show("list empty", gearman_client_add_servers(client, ""));
  gearman_client_free(client);
  client = gearman_client_create(NULL);
  gearman_client_add_server(client, NULL, server_port);
  submit("localhost by default", client);
  gearman_client_free(client);

  printf("== GEARMAN_SERVERS\n");
  snprintf(list, sizeof(list), "127.0.0.1:%u", server_port);
  setenv("GEARMAN_SERVERS", list, 1);
  client = gearman_client_create(NULL);
  submit("from the environment", client);
  gearman_client_add_server(client, "127.0.0.1", second_port);
  submit("and one added", client);
  gearman_client_st *copy = gearman_client_clone(NULL, NULL);
  submit("clone of nothing", copy);
  gearman_client_free(copy);
  gearman_client_free(client);
  setenv("GEARMAN_SERVERS", "no-such-host.invalid:1", 1);
  client = gearman_client_create(NULL);
  printf("a bad host: %s\n", client == NULL ? "no client" : "a client");
  if (client != NULL) gearman_client_free(client);
  gearman_worker_st *worker = gearman_worker_create(NULL);
  printf("a bad host: %s\n", worker == NULL ? "no worker" : "a worker");
  if (worker != NULL) gearman_worker_free(worker);
  setenv("GEARMAN_SERVERS", "", 1);
  client = gearman_client_create(NULL);
  printf("an empty value: %s\n", client == NULL ? "no client" : "a client");
  if (client != NULL) gearman_client_free(client);
  unsetenv("GEARMAN_SERVERS");

  printf("== compare\n");
  gearman_client_st *a = gearman_client_create(NULL), *b = gearman_client_create(NULL);
  gearman_client_add_server(a, "127.0.0.1", server_port);
  gearman_client_add_server(b, "127.0.0.1", server_port);
  printf("same server: %s\n", yes(gearman_client_compare(a, b)));
  gearman_client_add_server(b, "127.0.0.1", second_port);
  printf("another one first: %s\n", yes(gearman_client_compare(a, b)));
  gearman_client_add_server(a, "localhost", second_port);
  printf("same port, other host: %s\n", yes(gearman_client_compare(a, b)));
  printf("itself: %s\n", yes(gearman_client_compare(a, a)));
  gearman_client_free(a);
  gearman_client_free(b);
  return 0;
}
