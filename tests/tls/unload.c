/* The library is loaded, used with TLS and unloaded, again and again. Arguments: the port of a
 * server, and the file of its authority. */
#include <dlfcn.h>
#include <libgearman/gearman.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How many mappings of the library the process has. */
static int mappings(void)
{
  char line[4096];
  int count = 0;
  FILE *maps = fopen("/proc/self/maps", "r");
  while (fgets(line, sizeof line, maps))
    count += strstr(line, "libgearman") != NULL;
  fclose(maps);
  return count;
}

int main(int argc, char **argv)
{
  (void)argc;
  for (int round = 0; round < 5; ++round)
  {
    void *library = dlopen("libgearman.so.8", RTLD_NOW | RTLD_LOCAL);
    __typeof__(gearman_client_create) *create = dlsym(library, "gearman_client_create");
    __typeof__(gearman_client_add_server) *add = dlsym(library, "gearman_client_add_server");
    __typeof__(gearman_client_set_ssl) *set_ssl = dlsym(library, "gearman_client_set_ssl");
    __typeof__(gearman_client_echo) *echo = dlsym(library, "gearman_client_echo");
    __typeof__(gearman_client_free) *release = dlsym(library, "gearman_client_free");
    gearman_client_st *client = create(NULL);
    add(client, "127.0.0.1", (in_port_t)atoi(argv[1]));
    set_ssl(client, true, argv[2], NULL, NULL);
    const char *outcome = echo(client, "x", 1) == GEARMAN_SUCCESS ? "echo" : "no echo";
    release(client);
    dlclose(library);
    printf("%s, %d mappings\n", outcome, mappings());
  }
  return 0;
}
