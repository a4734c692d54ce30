/* A connection with TLS over a fork. The child frees its client, and a second one asks for an echo
 * over a connection of its own; then the parent's connection still has to work. Arguments: the
 * port of a server, and the file of its authority. */
#include <libgearman/gearman.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *echo(gearman_client_st *client)
{
  return gearman_client_echo(client, "x", 1) == GEARMAN_SUCCESS ? "echo" : "no echo";
}

static void in_child(gearman_client_st *client, bool asks)
{
  pid_t child = fork();
  if (child == 0)
  {
    bool is_fine = !asks || gearman_client_echo(client, "x", 1) == GEARMAN_SUCCESS;
    gearman_client_free(client);
    _exit(is_fine ? 0 : 1);
  }
  int status;
  waitpid(child, &status, 0);
  printf("child: %d\n", status);
}

int main(int argc, char **argv)
{
  (void)argc;
  gearman_client_st *client = gearman_client_create(NULL);
  gearman_client_add_server(client, "127.0.0.1", (in_port_t)atoi(argv[1]));
  gearman_client_set_ssl(client, true, argv[2], NULL, NULL);
  printf("parent: %s\n", echo(client));
  in_child(client, false);
  printf("parent: %s\n", echo(client));
  in_child(client, true);
  printf("parent: %s\n", echo(client));
  gearman_client_free(client);
  return 0;
}
