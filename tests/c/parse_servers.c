/* gearman_parse_servers: how a list is split, what a callback's code does, odd lists. */
#include "common.h"

static gearman_return_t print_server(const char *host, in_port_t port, void *context)
{
  int *left = (int *)context;
  printf("  host %s port %u\n", host == NULL ? "NULL" : bytes(host, strlen(host)), port);
  return --*left == 0 ? GEARMAN_TIMEOUT : GEARMAN_SUCCESS;
}

int main(int argc, char **argv)
{
  static const char *const lists[] = {
      "localhost",        "localhost:1234",      "a,b,c",           "a:1,b:2,c:3",
      ":55",              "a:",                  "a:notanumber",    "a:99999",
      "a:-1",             "a:0",                 "10.0.0.1:4731",   "a:1:2",
      "a:12x",            ":",                   "h.example.org:1,h2"};
  setup(argc, argv);
  for (size_t x = 0; x < sizeof(lists) / sizeof(lists[0]); ++x)
  {
    int left = -1;
    printf("\"%s\"\n", lists[x]);
    show("  returns", gearman_parse_servers(lists[x], print_server, &left));
  }
  int left = -1;
  printf("NULL\n");
  show("  returns", gearman_parse_servers(NULL, print_server, &left));
  printf("empty\n");
  show("  returns", gearman_parse_servers("", print_server, &left));
  left = 2;
  printf("a callback that fails at the second\n");
  show("  returns", gearman_parse_servers("a:1,b:2,c:3", print_server, &left));

  char host[600];
  memset(host, 'h', sizeof(host) - 1);
  for (int size = 252; size < 260; ++size)
  {
    host[size] = 0;
    left = -1;
    printf("host of %d\n", size);
    show("  returns", gearman_parse_servers(host, print_server, &left));
    host[size] = 'h';
  }
  return 0;
}
