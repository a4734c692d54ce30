/* gearman_client_namespace: declared by the headers, missing from the original's library. */
#include "common.h"

#include <dlfcn.h>

typedef const char *(getter)(gearman_client_st *);

int main(int argc, char **argv)
{
  setup(argc, argv);
  void *symbol = dlsym(RTLD_DEFAULT, "gearman_client_namespace");
  printf("exported %s\n", yes(symbol != NULL));
  if (symbol == NULL) return 0;
  getter *client_namespace;
  memcpy(&client_namespace, &symbol, sizeof(symbol));
  gearman_client_st *client = gearman_client_create(NULL);
  printf("fresh: %s\n", text(client_namespace(client)));
  gearman_client_set_namespace(client, "space/and more", 6);
  printf("set: %s\n", text(client_namespace(client)));
  gearman_client_set_namespace(client, NULL, 0);
  printf("removed: %s\n", text(client_namespace(client)));
  gearman_client_free(client);
  return 0;
}
