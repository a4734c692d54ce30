/* gearman_worker_set_ssl: declared by the headers, exported by the original from 2.0.0 on. */
#include "common.h"

#include <dlfcn.h>

typedef void(setter)(gearman_worker_st *, bool, const char *, const char *, const char *);

int main(int argc, char **argv)
{
  setup(argc, argv);
  void *symbol = dlsym(RTLD_DEFAULT, "gearman_worker_set_ssl");
  printf("exported %s\n", yes(symbol != NULL));
  if (symbol == NULL) return 0;
  setter *set_ssl;
  memcpy(&set_ssl, &symbol, sizeof(symbol));
  gearman_worker_st *worker = worker_for(server_port);
  set_ssl(worker, true, "/nonexistent/ca.pem", "/nonexistent/cert.pem", "/nonexistent/key.pem");
  gearman_return_t rc = gearman_worker_echo(worker, "x", 1);
  printf("echo over TLS without its files fails: %s\n", yes(gearman_failed(rc)));
  set_ssl(worker, false, NULL, NULL, NULL);
  show("echo without TLS", gearman_worker_echo(worker, "x", 1));
  gearman_worker_free(worker);
  return 0;
}
