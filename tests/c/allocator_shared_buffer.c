/* A malloc hook that hands out one shared buffer for requests of up to 255 bytes, and memory of its
 * own above that. The program then looks for results of up to 255 bytes in the buffer, as published
 * functions for databases do. */
#include "common.h"

enum { SHARED = 255 };
static char shared[SHARED + 1];

static void *hook_malloc(size_t size, void *context)
{
  return size <= SHARED ? context : malloc(size);
}

static void hook_free(void *pointer, void *context)
{
  if (pointer != context) free(pointer);
}

int main(int argc, char **argv)
{
  char workload[300];
  gearman_return_t rc;
  size_t size;
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  gearman_client_st *client = client_for(server_port);
  gearman_client_set_workload_malloc_fn(client, hook_malloc, shared);
  gearman_client_set_workload_free_fn(client, hook_free, shared);
  for (size_t n = 1; n < sizeof(workload); ++n)
  {
    for (size_t x = 0; x < n; ++x) workload[x] = (char)('a' + (n + x) % 26);
    memset(shared, '?', sizeof(shared));
    char *result = (char *)gearman_client_do(client, "echo", NULL, workload, n, &size, &rc);
    const char *found = size <= SHARED ? shared : result;
    printf("%zu: %s, %s%s\n", n, rc_name(rc),
           size == n && memcmp(found, workload, n) == 0 ? "found" : "NOT FOUND",
           shared[SHARED] == '?' ? "" : ", and the byte behind the buffer is written to");
    if (result != shared) free(result);
  }
  gearman_client_free(client);
  worker_stop(&worker);
  return 0;
}
