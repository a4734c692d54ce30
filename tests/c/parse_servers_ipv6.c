/* gearman_parse_servers: IPv6 addresses. */
#include "common.h"

static gearman_return_t print_server(const char *host, in_port_t port, void *context)
{
  (void)context;
  printf("  host %s port %u\n", bytes(host, strlen(host)), port);
  return GEARMAN_SUCCESS;
}

int main(int argc, char **argv)
{
  static const char *const lists[] = {"[::1]:4730", "[::1]", "::1", "a:1,[fe80::1]:2,b"};
  setup(argc, argv);
  for (size_t x = 0; x < sizeof(lists) / sizeof(lists[0]); ++x)
  {
    printf("\"%s\"\n", lists[x]);
    show("  returns", gearman_parse_servers(lists[x], print_server, NULL));
  }
  return 0;
}
