/* gearman_parse_servers gearman_parse_server_fn */
#include <libgearman/gearman.h>

#include <stdio.h>

static gearman_return_t print(const char *host, in_port_t port, void *context)
{
  (void)context;
  printf("%s %u\n", host, (unsigned int)port);
  return GEARMAN_SUCCESS;
}

int main(void)
{
  return gearman_failed(gearman_parse_servers("jobs.example.org:4731,[::1]", print, NULL));
}
