/* When a connection notices that its server's host has vanished: the options of the sockets that
 * clients and workers connect with. First as every program finds the library, then with
 * GEARMAN_KEEPALIVE and by the functions that set it, which the original does not know. */
#include "common.h"

#include <dlfcn.h>
#include <netinet/tcp.h>

typedef gearman_return_t(client_setter)(gearman_client_st *, uint32_t);
typedef gearman_return_t(worker_setter)(gearman_worker_st *, uint32_t);
typedef uint32_t(client_getter)(const gearman_client_st *);
typedef uint32_t(worker_getter)(const gearman_worker_st *);

static int option(int fd, int level, int name)
{
  int value = -1;
  socklen_t size = sizeof(value);
  getsockopt(fd, level, name, &value, &size);
  return value;
}

/* The one connection to the server that this process has. */
static int connection(void)
{
  for (int fd = 3; fd < 256; ++fd)
  {
    struct sockaddr_in peer;
    socklen_t size = sizeof(peer);
    if (getpeername(fd, (struct sockaddr *)&peer, &size) == 0 && peer.sin_family == AF_INET &&
        ntohs(peer.sin_port) == server_port)
      return fd;
  }
  die("no connection");
  return -1;
}

static void show_socket(const char *what, gearman_return_t echoed)
{
  int fd = connection();
  printf("  %s: %s, keepalive %d, after %d s, every %d s, %d times, unacknowledged %d ms\n", what,
         rc_name(echoed), option(fd, SOL_SOCKET, SO_KEEPALIVE),
         option(fd, IPPROTO_TCP, TCP_KEEPIDLE), option(fd, IPPROTO_TCP, TCP_KEEPINTVL),
         option(fd, IPPROTO_TCP, TCP_KEEPCNT), option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT));
}

static void connect_client(const char *what, gearman_client_st *client)
{
  show_socket(what, gearman_client_echo(client, "x", 1));
  gearman_client_free(client);
}

static void connect_worker(const char *what, gearman_worker_st *worker)
{
  show_socket(what, gearman_worker_echo(worker, "x", 1));
  gearman_worker_free(worker);
}

static void with_environment(const char *value)
{
  printf("GEARMAN_KEEPALIVE %s\n", text(value));
  if (value == NULL)
    unsetenv("GEARMAN_KEEPALIVE");
  else
    setenv("GEARMAN_KEEPALIVE", value, 1);
  gearman_client_st *client = gearman_client_create(NULL);
  printf("  client: %s\n", text(gearman_client_error(client)));
  gearman_worker_st *worker = gearman_worker_create(NULL);
  printf("  worker: %s\n", text(gearman_worker_error(worker)));
  gearman_client_add_server(client, "127.0.0.1", server_port);
  gearman_worker_add_server(worker, "127.0.0.1", server_port);
  connect_client("client", client);
  connect_worker("worker", worker);
}

static void by_the_functions(void)
{
  /* dlsym returns an object pointer: POSIX says that it holds a function's. */
  client_setter *set_client = (client_setter *)dlsym(RTLD_DEFAULT, "gearman_client_set_keepalive");
  worker_setter *set_worker = (worker_setter *)dlsym(RTLD_DEFAULT, "gearman_worker_set_keepalive");
  client_getter *of_client = (client_getter *)dlsym(RTLD_DEFAULT, "gearman_client_keepalive");
  worker_getter *of_worker = (worker_getter *)dlsym(RTLD_DEFAULT, "gearman_worker_keepalive");
  if (!set_client || !set_worker || !of_client || !of_worker)
  {
    printf("the library has no functions for it\n");
    return;
  }
  gearman_client_st *client = client_for(server_port);
  gearman_worker_st *worker = worker_for(server_port);
  const uint32_t seconds[] = {0, 1, 2, 17, 32767, 32768, UINT32_MAX, 45};
  for (size_t x = 0; x < sizeof(seconds) / sizeof(seconds[0]); ++x)
  {
    gearman_return_t of_a_client = set_client(client, seconds[x]);
    gearman_return_t of_a_worker = set_worker(worker, seconds[x]);
    printf("%u: %s %u, %s %u\n", seconds[x], rc_name(of_a_client), of_client(client),
           rc_name(of_a_worker), of_worker(worker));
  }
  printf("NULL: %s %u, %s %u\n", rc_name(set_client(NULL, 9)), of_client(NULL),
         rc_name(set_worker(NULL, 9)), of_worker(NULL));
  gearman_client_st *client_clone = gearman_client_clone(NULL, client);
  gearman_worker_st *worker_clone = gearman_worker_clone(NULL, worker);
  connect_client("client", client);
  connect_worker("worker", worker);
  connect_client("its clone", client_clone);
  connect_worker("its clone", worker_clone);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  with_environment(NULL);
  with_environment("30");
  with_environment("0");
  with_environment("soon");
  unsetenv("GEARMAN_KEEPALIVE");
  by_the_functions();
  return 0;
}
